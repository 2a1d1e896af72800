#!/usr/bin/env bash
# Every test: installs what is missing, starts the servers they need, runs them, ends what it started.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
chmod 755 "$work"
finish() {
    scripts/postgres.sh stop "$work/postgres" || true
    scripts/dockerd.sh stop "$work/dockerd.pid" || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

scripts/bootstrap.sh dockerd=docker.io iptables=iptables ip=iproute2 mmdebstrap=mmdebstrap git=git python3=python3 pip3=python3-pip cc=build-essential \
    psql=postgresql sshd=openssh-server docker-registry=docker-registry htpasswd=apache2-utils openssl=openssl pebble=pebble
scripts/dockerd.sh start "$work/dockerd.pid"
PIERHEAD_TEST_POSTGRES_URL=$(scripts/postgres.sh start "$work/postgres")
export PIERHEAD_TEST_POSTGRES_URL

scripts/console.sh check
scripts/peers.sh
cargo build --workspace --all-targets
# The runtimes that end-to-end tests build with; made once per machine.
PIERHEAD_DATA_DIR=${PIERHEAD_CACHE:-$HOME/.cache/pierhead} "$CARGO_TARGET_DIR/debug/pierhead" runtimes build node python php plugin
PIERHEAD_DATA_DIR=${PIERHEAD_CACHE:-$HOME/.cache/pierhead} "$CARGO_TARGET_DIR/debug/pierhead" plugins build
# Plugins in Rust are packages of their own.
CARGO_TARGET_DIR=$CARGO_TARGET_DIR/plugins cargo test --quiet --manifest-path plugins/wait-for/Cargo.toml
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --no-fail-fast ${CI:+--profile ci}
else
    cargo test --workspace --no-fail-fast
fi
# The console in a real browser, against the program that was just built.
scripts/console.sh e2e
