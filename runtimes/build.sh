#!/bin/sh
# Makes the root file system of one runtime as a tar file, from Debian packages, the npm registry and PyPI alone.
#
#   build.sh RUNTIME VERSION OUTPUT.tar CACHE_FOLDER
#
# The packages of Debian are the larger part and the same for every version of Node.js, so they are made once and kept for
# a day in the cache folder, together with what is downloaded. Then come the language, the package managers and the entry
# point, as files below /usr/local.
#
# Needs mmdebstrap (root, or a kernel that lets users have namespaces) and npm. PIERHEAD_DEBIAN_MIRROR names another mirror
# of Debian, NPM_CONFIG_REGISTRY and PIP_INDEX_URL other registries; proxies and certificates are those of this machine.
set -eu

runtime=$1
version=$2
output=$3
cache=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$cache"

# What the front end of a PHP or Python project is built with.
ASSETS_NODE=22

fail() {
    echo "$*" >&2
    exit 1
}

case $(uname -m) in
x86_64) architecture=x64 ;;
aarch64) architecture=arm64 ;;
*) fail "There is no runtime for $(uname -m)." ;;
esac
command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing: apt-get install mmdebstrap"
command -v npm >/dev/null || fail "npm is missing: it comes with Node.js"

# A proxy with an authority of its own is trusted by the machine, but not by what brings its own list.
bundle=/etc/ssl/certs/ca-certificates.crt
if [ -f "$bundle" ]; then
    export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$bundle}"
fi

# For people at work in a container, and for build scripts that take these for granted.
common=ca-certificates,curl,git,netbase,procps,tzdata,unzip
case $runtime-$version in
node-*)
    suite=bookworm
    packages=$common,python3,make,g++
    ;;
python-3.11 | python-3.13)
    case $version in
    3.11) suite=bookworm ;;
    3.13) suite=trixie ;;
    esac
    packages=$common,python3,python3-venv,python3-pip,python3-dev,build-essential,pkg-config
    # The two that have no wheels: psycopg2 and mysqlclient.
    packages=$packages,libpq-dev,default-libmysqlclient-dev
    ;;
php-8.2 | php-8.4)
    case $version in
    8.2) suite=bookworm ;;
    8.4) suite=trixie ;;
    esac
    packages=$common,composer,nginx-light
    for part in fpm cli apcu bcmath curl gd gmp intl mbstring mysql opcache pgsql redis soap sqlite3 xml zip; do
        packages=$packages,php$version-$part
    done
    ;;
plugin-12)
    # What plugins are written with: small, because every one of them brings it to a node.
    suite=bookworm
    packages=ca-certificates,curl,jq,netbase,postgresql-client,python3-minimal,libpython3-stdlib,tzdata
    ;;
*)
    fail "There is no runtime $runtime $version."
    ;;
esac

# Debian's part: the packages and the user, without documentation and without programs that change who one is.
make_debian() { # OUTPUT
    set -- "$1" --variant=minbase --quiet --include="$packages" \
        --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook='chroot "$1" useradd --uid 10001 --user-group --create-home --shell /bin/bash app' \
        --customize-hook='mkdir "$1/app" && chown 10001:10001 "$1/app"' \
        --customize-hook='find "$1" -xdev -type f -perm /6000 -exec chmod ug-s {} +'
    target=$1
    shift
    if [ "$runtime" = python ]; then
        set -- "$@" --customize-hook='ln -s python3 "$1/usr/bin/python"' \
            --customize-hook="cp '$bundle' \"\$1/tmp/trusted.crt\"" \
            --customize-hook='chroot "$1" env --unset=PIP_FIND_LINKS REQUESTS_CA_BUNDLE=/tmp/trusted.crt \
                PIP_CERT=/tmp/trusted.crt pip install --quiet --no-cache-dir --root-user-action ignore --break-system-packages uv' \
            --customize-hook='rm "$1/tmp/trusted.crt"'
    fi
    if [ -n "${PIERHEAD_DEBIAN_MIRROR:-}" ]; then
        mmdebstrap "$@" "$suite" "$target" "$PIERHEAD_DEBIAN_MIRROR"
    else
        mmdebstrap "$@" "$suite" "$target"
    fi
}

key=$(printf '%s\n' "$suite" "$packages" "${PIERHEAD_DEBIAN_MIRROR:-}" | sha256sum | cut -c 1-12)
debian=$cache/debian-$suite-$key.tar
# Older than a day: it may lack a security update.
if [ -z "$(find "$debian" -mmin -1440 2>/dev/null)" ]; then
    make_debian "$work/debian.tar"
    mv "$work/debian.tar" "$debian"
fi

tree=$work/tree
programs=$tree/usr/local/bin
libraries=$tree/usr/local/lib
mkdir -p "$programs" "$libraries"

# The newest package of a range from the npm registry, as a folder. npm checks what it downloads.
unpack() { # PACKAGE FOLDER
    name=$(cd "$cache" && npm pack --silent "$1" | tail -n 1)
    [ -n "$name" ] || fail "The npm registry did not hand over $1."
    mkdir -p "$2"
    tar --extract --gzip --file "$cache/$name" --directory "$2" --strip-components 1 --no-same-owner
}

add_node() { # MAJOR
    # The newest npm and corepack that run on each line of Node.js. Line 22 comes with npm 10, which fails on projects that
    # npm 11 installs (NestJS 12 is one); both write the same lockfile.
    case $1 in
    18) npm=10 corepack=0.31 ;;
    20 | 21 | 23) npm=10 corepack=0.34 ;;
    25) npm=11 corepack=0.34 ;;
    *) npm=11 corepack=0.36 ;;
    esac
    unpack "node-linux-$architecture@$1" "$work/node"
    install -m 755 "$work/node/bin/node" "$programs/node"
    unpack "npm@$npm" "$libraries/node_modules/npm"
    ln -s ../lib/node_modules/npm/bin/npm-cli.js "$programs/npm"
    ln -s ../lib/node_modules/npm/bin/npx-cli.js "$programs/npx"
    chmod 755 "$libraries"/node_modules/npm/bin/*-cli.js
    # Native modules are compiled against the headers here, rather than against some from the network.
    if [ "$runtime" = node ]; then
        cp -r "$work/node/include" "$tree/usr/local/include"
    fi
    managers=$libraries/pierhead
    unpack "corepack@$corepack" "$managers/corepack"
    unpack pnpm@8 "$managers/pnpm-8"
    unpack pnpm@10 "$managers/pnpm-10"
    unpack yarn@1 "$managers/yarn-1"
    unpack @yarnpkg/cli-dist@3 "$managers/yarn-3"
    unpack @yarnpkg/cli-dist@4 "$managers/yarn-4"
    install -m 755 "$here/package-manager.js" "$managers/package-manager.js"
    for manager in pnpm pnpx yarn; do
        ln -s ../lib/pierhead/package-manager.js "$programs/$manager"
    done
    ln -s ../lib/pierhead/corepack/dist/corepack.js "$programs/corepack"
    chmod 755 "$managers/corepack/dist/corepack.js"
}

case $runtime in
node) add_node "$version" ;;
python | php) add_node "$ASSETS_NODE" ;;
esac
install -m 755 "$here/entry.sh" "$programs/pierhead-entry"

cp "$debian" "$work/output.tar"
# The engine refuses an archive that has a path twice: folders that Debian has already are left out.
tar --list --file "$debian" | sed 's,^\./,,; s,/$,,' | LC_ALL=C sort >"$work/had"
(cd "$tree" && find usr) | LC_ALL=C sort | LC_ALL=C comm -13 "$work/had" - >"$work/new"
tar --append --file "$work/output.tar" --directory "$tree" --owner=0 --group=0 --numeric-owner \
    --no-recursion --files-from "$work/new"
mv "$work/output.tar" "$output"
