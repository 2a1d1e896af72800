#!/bin/bash
# The entry point of every runtime's container. It hands over to the command; without one it serves PHP from
# /app/$PIERHEAD_DOCUMENT_ROOT on $PORT: nginx in front of php-fpm, as the container's user, files only below /tmp, logs on
# standard error. When one of the two ends, the container ends.
set -euo pipefail

if [ $# -gt 0 ]; then
    exec "$@"
fi

fail() {
    echo "pierhead-entry: $*" >&2
    exit 64
}

port=${PORT:-8080}
[[ $port =~ ^[0-9]{1,5}$ ]] || fail "PORT is not a number: $port"
root=/app/${PIERHEAD_DOCUMENT_ROOT-.}
# Characters that mean something in nginx's configuration.
[[ $root != *[\"\'\\\$\{\}\;[:cntrl:]]* ]] || fail "the document root has characters that are not supported: $root"
[ -d "$root" ] || fail "there is no command, and no folder to serve PHP from: $root"
fpm=(/usr/sbin/php-fpm8.*)
[ -x "${fpm[0]}" ] || fail "there is no command to run"

run=/tmp/pierhead
mkdir -p "$run"

cat >"$run/php-fpm.conf" <<CONF
[global]
error_log = /proc/self/fd/2
log_limit = 8192
process_control_timeout = 20s
[www]
listen = $run/php.sock
pm = dynamic
pm.max_children = ${PHP_FPM_MAX_CHILDREN:-8}
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
pm.max_requests = 1000
clear_env = no
catch_workers_output = yes
decorate_workers_output = no
php_admin_value[error_log] = /proc/self/fd/2
php_admin_flag[log_errors] = on
php_admin_flag[expose_php] = off
php_value[display_errors] = off
php_value[upload_max_filesize] = 64M
php_value[post_max_size] = 64M
CONF

cat >"$run/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $run/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
    include /etc/nginx/mime.types;
    access_log off;
    server_tokens off;
    sendfile on;
    client_max_body_size 64m;
    client_body_temp_path $run/body;
    fastcgi_temp_path $run/fastcgi;
    proxy_temp_path $run/proxy;
    uwsgi_temp_path $run/uwsgi;
    scgi_temp_path $run/scgi;
    # The platform speaks https to visitors and says so.
    map \$http_x_forwarded_proto \$visitor_https { https on; default ""; }
    map \$http_x_forwarded_proto \$visitor_port { https 443; default \$server_port; }
    server {
        listen $port;
        listen [::]:$port;
        root "$root";
        index index.php index.html;
        absolute_redirect off;
        # What belongs to the project, not to its visitors.
        location ~ /\.(?!well-known/) { return 404; }
        location ~ ^/(composer\.[^/]*|artisan|auth\.json)\$ { return 404; }
        location / { try_files \$uri \$uri/ /index.php\$is_args\$args; }
        location ~ \.php(/|\$) {
            fastcgi_split_path_info ^(.+?\.php)(/.*)\$;
            try_files \$fastcgi_script_name =404;
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME \$realpath_root\$fastcgi_script_name;
            fastcgi_param DOCUMENT_ROOT \$realpath_root;
            fastcgi_param HTTPS \$visitor_https if_not_empty;
            fastcgi_param SERVER_NAME \$host;
            fastcgi_param SERVER_PORT \$visitor_port;
            fastcgi_param HTTP_PROXY "";
            fastcgi_read_timeout 300s;
            fastcgi_pass unix:$run/php.sock;
        }
    }
}
CONF

"${fpm[0]}" --nodaemonize --fpm-config "$run/php-fpm.conf" &
php=$!
# Requests that come before PHP listens would fail.
for _ in {1..200}; do
    [ ! -S "$run/php.sock" ] || break
    kill -0 "$php" 2>/dev/null || fail "php-fpm did not start"
    sleep 0.02
done
nginx -e stderr -c "$run/nginx.conf" &
nginx=$!

# Politely: nginx answers what it has begun, then PHP goes too.
trap 'kill -QUIT "$nginx" 2>/dev/null' TERM INT QUIT
status=0
wait -n "$nginx" "$php" || status=$?
# A signal interrupts the waiting; what it asked for takes a moment.
while kill -0 "$nginx" 2>/dev/null && kill -0 "$php" 2>/dev/null; do
    status=0
    wait -n "$nginx" "$php" || status=$?
done
kill -QUIT "$nginx" "$php" 2>/dev/null || true
wait
exit "$status"
