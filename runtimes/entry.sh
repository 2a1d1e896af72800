#!/bin/sh
# The entry point of every runtime's container: hands over to the command, or serves PHP when there is a document root.
set -eu

if [ -z "${PIERHEAD_DOCUMENT_ROOT:-}" ]; then
    exec "$@"
fi

run=/tmp/pierhead
root=/app/${PIERHEAD_DOCUMENT_ROOT#/}
mkdir -p "$run"

cat >"$run/php-fpm.conf" <<CONF
[global]
error_log = /proc/self/fd/2
daemonize = no
[www]
listen = $run/php.sock
pm = dynamic
pm.max_children = 8
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
clear_env = no
catch_workers_output = yes
decorate_workers_output = no
php_admin_value[error_log] = /proc/self/fd/2
php_admin_flag[log_errors] = on
php_value[display_errors] = off
php_value[upload_max_filesize] = 64M
php_value[post_max_size] = 64M
CONF

cat >"$run/nginx.conf" <<CONF
daemon off;
pid $run/nginx.pid;
error_log /dev/stderr warn;
events { worker_connections 512; }
http {
    include /etc/nginx/mime.types;
    access_log off;
    client_max_body_size 64m;
    client_body_temp_path $run/body;
    fastcgi_temp_path $run/fastcgi;
    proxy_temp_path $run/proxy;
    uwsgi_temp_path $run/uwsgi;
    scgi_temp_path $run/scgi;
    server {
        listen ${PORT:-8080};
        root $root;
        index index.php index.html;
        # What belongs to the project, not to its visitors.
        location ~ /\.(?!well-known/) { return 404; }
        location ~ ^/(composer\.(json|lock)|artisan|auth\.json)\$ { return 404; }
        location / { try_files \$uri \$uri/ /index.php\$is_args\$args; }
        location ~ \.php\$ {
            try_files \$uri =404;
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME \$realpath_root\$fastcgi_script_name;
            fastcgi_param DOCUMENT_ROOT \$realpath_root;
            fastcgi_pass unix:$run/php.sock;
        }
    }
}
CONF

php-fpm8.2 --nodaemonize --fpm-config "$run/php-fpm.conf" &
# Requests that come before PHP listens would fail.
tries=0
while [ ! -S "$run/php.sock" ] && [ $tries -lt 100 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
exec nginx -c "$run/nginx.conf"
