#!/usr/bin/env bash
# Stands up the example pipeline twice, with different tags: demo-pipeline.sh BINARY HOME GIT_PORT
#
# Its images come from a registry of the demo's own.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$1
home=$2
git_port=$3

free_port='import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
[ -s "$home/registry.port" ] || python3 -c "$free_port" >"$home/registry.port"
registry=127.0.0.1:$(cat "$home/registry.port")
cat >"$home/registry.yml" <<END
version: 0.1
storage: { filesystem: { rootdirectory: $home/registry } }
http: { addr: $registry }
END
setsid docker-registry serve "$home/registry.yml" >"$home/registry.log" 2>&1 </dev/null &
echo $! >"$home/registry.pid"
for _ in $(seq 100); do
    if curl --silent --fail "http://$registry/v2/" >/dev/null; then break; fi
    sleep 0.1
done
PIERHEAD_DATA_DIR=${PIERHEAD_CACHE:-$HOME/.cache/pierhead} "$binary" plugins build >/dev/null
examples/shop-pipeline/images.sh "$registry" "$home" >"$home/images.log" 2>&1 || { cat "$home/images.log" >&2; exit 1; }

export PIERHEAD_PROJECT=shop-copies
"$binary" registries add demo "$registry" --plain-http >/dev/null 2>&1 || true
"$binary" --quiet projects create "$PIERHEAD_PROJECT" >/dev/null
head -c 18 /dev/urandom | base64 | "$binary" --quiet env set --secret --exposure all POSTGRES_PASSWORD=- >/dev/null
sed "s|REGISTRY|$registry|; s|GIT/|http://127.0.0.1:$git_port/|" examples/shop-pipeline/pipeline.yaml >"$home/pipeline.yaml"
"$binary" --quiet pipelines apply "$home/pipeline.yaml" >/dev/null
"$binary" deploy --slot qa-1 >"$home/qa-1.url" 2>"$home/qa-1.log" &
one=$!
"$binary" deploy --slot qa-2 --tag api=v2 --parameter "greeting=Second shop" >"$home/qa-2.url" 2>"$home/qa-2.log" &
two=$!
wait $one || { cat "$home/qa-1.log" >&2; exit 1; }
wait $two || { cat "$home/qa-2.log" >&2; exit 1; }
for copy in "qa-1 Shop v1" "qa-2 Second_shop v2"; do
    read -r slot title version <<<"$copy"
    page=$(curl --silent --max-time 10 --header "Host: web.$slot.local.localhost" http://127.0.0.1:8480/)
    if [[ $page != *"${title/_/ }"*"API $version"*lantern* ]]; then
        echo "✗ $slot is live, but answers something else: $page" >&2
        exit 1
    fi
    printf '✓ %-18s %s\n' "copy $slot ($version)" "http://web.$slot.local.localhost:8480/"
done
