#!/usr/bin/env bash
# A Docker daemon, when none is running.
#   dockerd.sh start PID_FILE   uses the one that answers, or starts one and writes its process id
#   dockerd.sh stop PID_FILE    ends the one that was started here, and no other
set -euo pipefail

command=$1
pid_file=$2

case $command in
start)
    if docker info >/dev/null 2>&1; then exit 0; fi
    mkdir -p "$(dirname "$pid_file")"
    as_root=()
    if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi
    # Quietly in the background, on its own: no terminal's Ctrl-C ends it.
    "${as_root[@]}" setsid dockerd >"$pid_file.log" 2>&1 </dev/null &
    echo $! >"$pid_file"
    for _ in $(seq 150); do
        if docker info >/dev/null 2>&1; then exit 0; fi
        sleep 0.2
    done
    echo "Docker did not start; see $pid_file.log" >&2
    tail -n 5 "$pid_file.log" >&2
    exit 1
    ;;
stop)
    if [ -f "$pid_file" ]; then
        kill "$(cat "$pid_file")" 2>/dev/null || true
        for _ in $(seq 100); do
            kill -0 "$(cat "$pid_file")" 2>/dev/null || break
            sleep 0.1
        done
        rm -f "$pid_file"
    fi
    ;;
*)
    echo "usage: dockerd.sh start|stop PID_FILE" >&2
    exit 2
    ;;
esac
