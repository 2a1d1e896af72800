#!/usr/bin/env bash
# The ingress beside nginx and HAProxy, and deployments beside the bare work, in one run: installs what is missing, measures,
# prints tables. Every round's figures
# are lines of JSON in bench.jsonl in cargo's target folder.
# BENCH_ROUNDS and BENCH_SECONDS (5 rounds of 3 seconds unless set) make it longer or shorter.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ] || [ "$(nproc)" -lt 2 ]; then
    echo "The benchmark needs two cores, and root for nginx's settings." >&2
    exit 1
fi
scripts/bootstrap.sh nginx=nginx-light haproxy=haproxy wrk=wrk taskset=util-linux
target=${CARGO_TARGET_DIR:-target}
cargo build --quiet --release --package pierhead-bench
"$target/release/pierhead-bench" run "$target/bench.jsonl"

# Deployments need the engine, the program and a runtime.
work=$(mktemp -d)
trap 'scripts/dockerd.sh stop "$work/dockerd.pid" || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
scripts/bootstrap.sh dockerd=docker.io iptables=iptables mmdebstrap=mmdebstrap git=git python3=python3
scripts/dockerd.sh start "$work/dockerd.pid"
cargo build --quiet --release --package pierhead
PIERHEAD_DATA_DIR=${PIERHEAD_CACHE:-$HOME/.cache/pierhead} "$target/release/pierhead" runtimes build node
"$target/release/pierhead-bench" deploy "$target/release/pierhead" "$target/bench.jsonl" "${BENCH_ROUNDS:-5}"
