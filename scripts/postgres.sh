#!/usr/bin/env bash
# A PostgreSQL of our own for tests: a private cluster in a temporary folder, on a free port, speed over durability.
#   postgres.sh start FOLDER [NETWORK]   prints its URL; NETWORK, such as 10.0.0.0/24, may connect too, with passwords
#   postgres.sh stop FOLDER
set -euo pipefail

command=$1
folder=$2
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

# PostgreSQL refuses to run as root.
as_user() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && setpriv --reuid=postgres --regid=postgres --init-groups -- "$@")
    else
        "$@"
    fi
}

case $command in
start)
    mkdir -p "$folder"
    if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; fi
    as_user "$bin/initdb" --pgdata "$folder/data" --username pierhead --auth trust --no-sync >"$folder/initdb.log"
    listen=127.0.0.1
    if [ -n "${3:-}" ]; then
        listen=0.0.0.0
        echo "host all all $3 scram-sha-256" | as_user tee -a "$folder/data/pg_hba.conf" >/dev/null
    fi
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    as_user "$bin/pg_ctl" --pgdata "$folder/data" --log "$folder/server.log" --wait start \
        --options "-h $listen -p $port -k $folder -c fsync=off -c max_connections=300" >/dev/null
    echo "postgres://pierhead@127.0.0.1:$port/postgres"
    ;;
stop)
    if [ -d "$folder/data" ]; then
        as_user "$bin/pg_ctl" --pgdata "$folder/data" --mode immediate --wait stop >/dev/null || true
    fi
    rm -rf "$folder"
    ;;
*)
    echo "usage: postgres.sh start FOLDER [NETWORK] | stop FOLDER" >&2
    exit 2
    ;;
esac
