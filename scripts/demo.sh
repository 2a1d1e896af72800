#!/usr/bin/env bash
# Deploys the examples for real: each a git repository, built in containers, live under its own hostname.
set -euo pipefail
cd "$(dirname "$0")/.."

home=${PIERHEAD_DEMO:-$HOME/.cache/pierhead/demo}
mkdir -p "$home"
scripts/bootstrap.sh dockerd=docker.io iptables=iptables mmdebstrap=mmdebstrap git=git python3=python3 cc=build-essential \
    curl=curl docker-registry=docker-registry
if [ -f "$home/up.pid" ] && kill -0 "$(cat "$home/up.pid")" 2>/dev/null; then
    echo "The demo is running already; end it with: make demo-stop" >&2
    exit 1
fi
scripts/dockerd.sh start "$home/dockerd.pid"
scripts/console.sh build --if-possible || echo "Going on without the console." >&2
echo "Building Pierhead (a few minutes the first time)" >&2
cargo build --quiet --package pierhead
binary=$CARGO_TARGET_DIR/debug/pierhead
PIERHEAD_DATA_DIR=${PIERHEAD_CACHE:-$HOME/.cache/pierhead} "$binary" runtimes build node python php >/dev/null

rm -f "$home/git.port"
setsid python3 scripts/serve-git.py examples "$home/git.port" >"$home/git.log" 2>&1 </dev/null &
echo $! >"$home/git.pid"
[ -f "$home/password" ] || (umask 077 && head -c 18 /dev/urandom | base64 >"$home/password")
export PIERHEAD_EMAIL=admin@example.com PIERHEAD_PASSWORD
PIERHEAD_PASSWORD=$(cat "$home/password")
PIERHEAD_ADMIN_EMAIL=$PIERHEAD_EMAIL PIERHEAD_ADMIN_PASSWORD=$PIERHEAD_PASSWORD PIERHEAD_ALLOW_ADDRESSES=127.0.0.0/8,::1/128 \
    setsid "$binary" up --data-dir "$home/data" >"$home/up.log" 2>&1 </dev/null &
echo $! >"$home/up.pid"

detached=${DETACH:-}
finish() {
    status=$?
    if [ $status -ne 0 ] || [ -z "$detached" ]; then scripts/demo-stop.sh || true; fi
}
trap finish EXIT
trap 'exit 0' INT TERM

for _ in $(seq 300); do
    if [ -s "$home/git.port" ] && curl --silent --fail http://127.0.0.1:8400/readyz >/dev/null; then break; fi
    if ! kill -0 "$(cat "$home/up.pid")" 2>/dev/null; then tail -n 20 "$home/up.log" >&2; exit 1; fi
    sleep 0.1
done
export XDG_STATE_HOME=$home/state
"$binary" login 2>/dev/null

# All at once, as a team would.
examples=()
for folder in examples/*/; do
    # A pipeline is stood up below.
    [ -f "$folder/pipeline.yaml" ] || examples+=("$(basename "$folder")")
done
jobs_of_examples=()
for name in "${examples[@]}"; do
    "$binary" deploy "http://127.0.0.1:$(cat "$home/git.port")/$name.git" >"$home/$name.url" 2>"$home/$name.log" &
    jobs_of_examples+=($!)
done
failed=0
for index in "${!examples[@]}"; do
    name=${examples[$index]}
    if ! wait "${jobs_of_examples[$index]}"; then
        echo "✗ $name" >&2
        cat "$home/$name.log" >&2
        failed=1
        continue
    fi
    answer=$(curl --silent --max-time 10 --header "Host: $name.localhost" http://127.0.0.1:8480/)
    if [[ $answer != *"Pierhead example: $name"* ]]; then
        echo "✗ $name is live, but answers something else" >&2
        failed=1
        continue
    fi
    printf '✓ %-18s %s\n' "$name" "$(cat "$home/$name.url")"
done
[ $failed = 0 ] || exit 1
scripts/demo-pipeline.sh "$binary" "$home" "$(cat "$home/git.port")"

echo
[ -f console/dist/index.html ] && echo "Console  http://127.0.0.1:8400/console/"
echo "API      http://127.0.0.1:8400/api/v1"
echo "Sign in  $PIERHEAD_EMAIL  $PIERHEAD_PASSWORD"
if [ -n "$detached" ]; then
    echo "Running; end it with: make demo-stop"
    exit 0
fi
echo "Ctrl-C ends the demo."
while kill -0 "$(cat "$home/up.pid")" 2>/dev/null; do sleep 1; done
