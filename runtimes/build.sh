#!/bin/sh
# Makes the root file system of one runtime as a tar file, from Debian packages and the npm registry alone.
#   build.sh RUNTIME VERSION OUTPUT.tar CACHE_FOLDER
# Needs mmdebstrap; for node also npm. The folder keeps what is downloaded between runs.
set -eu

runtime=$1
version=$2
output=$3
cache=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

case $(uname -m) in
x86_64) architecture=x64 ;;
aarch64) architecture=arm64 ;;
*) echo "no runtime for $(uname -m)" >&2; exit 1 ;;
esac

# Puts the files of a package from the npm registry into a folder.
unpack() { # PACKAGE FOLDER
    mkdir -p "$2" "$cache"
    name=$(cd "$cache" && npm pack --silent "$1" | tail -n 1)
    tar --extract --gzip --file "$cache/$name" --directory "$2" --strip-components 1 --no-same-owner
}

tree=$work/tree
mkdir -p "$tree/usr/local/bin"
case $runtime in
node)
    packages=git,python3,make,g++
    case $version in
    18) npm=10 ;;
    *) npm=11 ;;
    esac
    unpack "node-linux-$architecture@$version" "$work/node"
    install -m 755 "$work/node/bin/node" "$tree/usr/local/bin/node"
    if [ -d "$work/node/include" ]; then cp -r "$work/node/include" "$tree/usr/local/include"; fi
    unpack "npm@$npm" "$tree/usr/local/lib/node_modules/npm"
    unpack corepack@latest "$tree/usr/local/lib/node_modules/corepack"
    ln -s ../lib/node_modules/npm/bin/npm-cli.js "$tree/usr/local/bin/npm"
    ln -s ../lib/node_modules/npm/bin/npx-cli.js "$tree/usr/local/bin/npx"
    # Corepack fetches the pnpm or yarn that the project asks for.
    for manager in corepack pnpm pnpx yarn; do
        ln -s "../lib/node_modules/corepack/dist/$manager.js" "$tree/usr/local/bin/$manager"
        chmod 755 "$tree/usr/local/lib/node_modules/corepack/dist/$manager.js"
    done
    ;;
python)
    packages=git,python3,python3-venv,python3-pip,python3-dev,build-essential,libpq-dev
    ;;
php)
    packages=git,unzip,composer,nginx-light,php8.2-fpm,php8.2-cli,php8.2-bcmath,php8.2-curl,php8.2-gd,php8.2-intl
    packages=$packages,php8.2-mbstring,php8.2-mysql,php8.2-opcache,php8.2-pgsql,php8.2-redis,php8.2-sqlite3,php8.2-xml
    packages=$packages,php8.2-zip
    ;;
*)
    echo "there is no runtime called $runtime" >&2
    exit 1
    ;;
esac
install -m 755 "$here/entry.sh" "$tree/usr/local/bin/pierhead-entry"

set -- --variant=minbase --quiet --include="ca-certificates,$packages" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="tar --create --directory '$tree' . | tar --extract --directory \"\$1\" --no-same-owner --keep-directory-symlink" \
    --customize-hook='chroot "$1" useradd --uid 10001 --user-group --create-home --shell /bin/sh app' \
    --customize-hook='mkdir -p "$1/app" && chown 10001:10001 "$1/app"'
if [ "$runtime" = python ]; then
    set -- "$@" --customize-hook='ln -sf python3 "$1/usr/bin/python"'
fi
mmdebstrap "$@" bookworm "$output"
