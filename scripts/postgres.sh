#!/usr/bin/env bash
# A PostgreSQL of our own for tests: a private cluster in a temporary folder, on a free port, speed over durability.
#   postgres.sh start FOLDER   prints its URL
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
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    as_user "$bin/pg_ctl" --pgdata "$folder/data" --log "$folder/server.log" --wait start \
        --options "-h 127.0.0.1 -p $port -k $folder -c fsync=off -c max_connections=300" >/dev/null
    echo "postgres://pierhead@127.0.0.1:$port/postgres"
    ;;
stop)
    if [ -d "$folder/data" ]; then
        as_user "$bin/pg_ctl" --pgdata "$folder/data" --mode immediate --wait stop >/dev/null || true
    fi
    rm -rf "$folder"
    ;;
*)
    echo "usage: postgres.sh start|stop FOLDER" >&2
    exit 2
    ;;
esac
