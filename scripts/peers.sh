#!/usr/bin/env bash
# The servers of other people that tests speak with (an OpenID Connect provider, an SMTP server): installed once, from the lock.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/bootstrap.sh node=nodejs npm=npm
cd crates/pierhead/tests/peers
installed=node_modules/.package-lock.json
if [ ! -f "$installed" ] || [ package-lock.json -nt "$installed" ]; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
fi
