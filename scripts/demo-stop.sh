#!/usr/bin/env bash
# Ends the demo: its server, its repositories, and what they made in the engine.
set -euo pipefail
cd "$(dirname "$0")/.."

home=${PIERHEAD_DEMO:-$HOME/.cache/pierhead/demo}
node=
if [ -s "$home/password" ]; then
    token=$(curl --silent --max-time 5 --header 'content-type: application/json' http://127.0.0.1:8400/api/v1/auth/login \
        --data "{\"email\":\"admin@example.com\",\"password\":\"$(cat "$home/password")\"}" |
        sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p') || true
    node=$(curl --silent --max-time 5 --header "authorization: Bearer ${token:-}" \
        http://127.0.0.1:8400/api/v1/environments/local/nodes | sed -n 's/.*"id":"\(nod_[^"]*\)".*/\1/p') || true
fi
for name in up git registry; do
    if [ -f "$home/$name.pid" ]; then
        kill "$(cat "$home/$name.pid")" 2>/dev/null || true
        for _ in $(seq 100); do
            kill -0 "$(cat "$home/$name.pid")" 2>/dev/null || break
            sleep 0.1
        done
        rm -f "$home/$name.pid"
    fi
done
# Only what carries this installation's node; nothing else is touched.
if [ -n "$node" ]; then
    filter=label=pierhead.node=$node
    docker ps --all --quiet --filter "$filter" | xargs --no-run-if-empty docker rm --force >/dev/null
    docker network ls --quiet --filter "$filter" | xargs --no-run-if-empty docker network rm >/dev/null
    docker volume ls --quiet --filter "$filter" | xargs --no-run-if-empty docker volume rm >/dev/null
    docker image ls --quiet --filter "$filter" | xargs --no-run-if-empty docker image rm --force >/dev/null
    rm -rf "$home/data"
fi
# What kept its containers from this machine.
pool=10.211.0.0
for jump in "DOCKER-USER PH-FWD-$pool" "INPUT PH-IN-$pool"; do
    read -r from to <<<"$jump"
    iptables --wait 10 --delete "$from" --source "$pool/16" --jump "$to" 2>/dev/null || true
    iptables --wait 10 --flush "$to" 2>/dev/null || true
    iptables --wait 10 --delete-chain "$to" 2>/dev/null || true
done
scripts/dockerd.sh stop "$home/dockerd.pid"
