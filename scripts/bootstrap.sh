#!/usr/bin/env bash
# Installs what is missing from Debian's packages: bootstrap.sh COMMAND=PACKAGE… Says what it installs; does nothing when
# all is there.
set -euo pipefail

missing=()
for need in "$@"; do
    command -v "${need%%=*}" >/dev/null 2>&1 || missing+=("${need#*=}")
done
if [ ${#missing[@]} -gt 0 ]; then
    as_root=()
    if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi
    echo "Installing: ${missing[*]}" >&2
    "${as_root[@]}" apt-get update --quiet=2
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}" >/dev/null
fi
