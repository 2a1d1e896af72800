#!/usr/bin/env bash
# The console's chores: console.sh build|check|lint|e2e|screenshots. Installs what they need, and does nothing twice.
#
# Rust compiles without any of this: an unbuilt console is an empty folder. With `--if-possible`, a machine without a fitting
# Node.js is told so and goes on.
set -euo pipefail
cd "$(dirname "$0")/.."

chore=${1:?which chore: build, check, lint, e2e or screenshots}
oldest=20.19

node_fits() {
    command -v npm >/dev/null 2>&1 || return 1
    local version
    version=$(node --version 2>/dev/null) || return 1
    [ "$(printf '%s\n%s\n' "$oldest" "${version#v}" | sort --version-sort | head -n 1)" = "$oldest" ]
}

if ! node_fits; then
    scripts/bootstrap.sh node=nodejs npm=npm || true
    if ! node_fits; then
        echo "The console needs Node.js $oldest or newer, and npm. Found: $(node --version 2>/dev/null || echo none)." >&2
        if [ "${2:-}" = --if-possible ]; then
            echo "Going on without it: the command line and the API do all that it does." >&2
            exit 0
        fi
        echo "Install a newer Node.js, then try again." >&2
        exit 1
    fi
fi
cd console

installed=node_modules/.package-lock.json
if [ ! -f "$installed" ] || [ package-lock.json -nt "$installed" ]; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
fi

build() {
    local changed=
    if [ -f dist/index.html ]; then
        changed=$(find src public scripts ../openapi index.html package.json package-lock.json tsconfig.json vite.config.ts -newer dist/index.html | head -n 1)
        if [ -z "$changed" ]; then return; fi
    fi
    npm run --silent build >&2
}

# The program under test is the one that cargo built; the browser is Debian's.
with_browser() {
    ../scripts/bootstrap.sh chromium=chromium dockerd=docker.io docker-registry=docker-registry git=git python3=python3 \
        sshd=openssh-server openssl=openssl
    build
    export PIERHEAD_BINARY=${PIERHEAD_BINARY:-${CARGO_TARGET_DIR:-$HOME/.cache/pierhead/target}/debug/pierhead}
    if [ ! -x "$PIERHEAD_BINARY" ]; then
        echo "There is no $PIERHEAD_BINARY: build it first (cargo build --package pierhead)." >&2
        exit 1
    fi
    work=$(mktemp -d)
    trap '../scripts/dockerd.sh stop "$work/dockerd.pid"; rm -rf "$work"' EXIT
    ../scripts/dockerd.sh start "$work/dockerd.pid"
    PIERHEAD_DATA_DIR=${PIERHEAD_CACHE:-$HOME/.cache/pierhead} "$PIERHEAD_BINARY" runtimes build node >/dev/null
    told=$work/told.json
    if stories "$@" --reporter=default --reporter=json --outputFile.json="$told"; then return; fi
    # As with the Rust tests (.config/nextest.toml): once more where nobody can look again, and it is told. A whole file, as its
    # stories go on where the one before them ended.
    if [ -z "${CI:-}" ] || [ ! -f "$told" ]; then return 1; fi
    local failed
    mapfile -t failed < <(node -e '
        const { testResults } = JSON.parse(fs.readFileSync(process.argv[1]));
        for (const { name, status } of testResults) if (status !== "passed") console.log(path.relative("", name));
    ' "$told")
    if [ "${#failed[@]}" = 0 ]; then return 1; fi
    echo "Once more, from its beginning: ${failed[*]}"
    stories "$@" "${failed[@]}"
    echo "FLAKY: ${failed[*]} failed first and passed then."
}

stories() { npx --no-install vitest run --config e2e/vitest.config.ts "$@"; }

case $chore in
    build) build ;;
    check) npm run --silent check && build ;;
    lint) npm run --silent lint ;;
    e2e) with_browser --project e2e ;;
    screenshots) with_browser --project screenshots ;;
    *) echo "There is no chore $chore." >&2; exit 2 ;;
esac
