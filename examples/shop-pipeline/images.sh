#!/usr/bin/env bash
# Makes the images of the example and pushes them: images.sh REGISTRY WORK_FOLDER
#
# Debian's own packages are enough, so that no other registry is needed.
set -euo pipefail
cd "$(dirname "$0")"
registry=$1
work=$2

for version in v1 v2; do
    docker build --quiet --build-arg "VERSION=$version" --tag "$registry/api:$version" api >/dev/null
    docker push --quiet "$registry/api:$version" >/dev/null
done
if [ ! -s "$work/postgres.tar" ]; then
    mmdebstrap --quiet --variant=minbase --include=postgresql-15 \
        --customize-hook='install -D -m 755 postgres/start.sh "$1/usr/local/bin/start"' \
        --customize-hook='mkdir -p "$1/var/lib/postgresql/data" && chmod 700 "$1/var/lib/postgresql/data"' \
        --customize-hook='chroot "$1" chown postgres:postgres /var/lib/postgresql/data' \
        bookworm "$work/postgres.tar.new"
    mv "$work/postgres.tar.new" "$work/postgres.tar"
fi
docker import --change 'USER postgres' --change 'ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin PGHOST=/tmp' \
    --change 'ENTRYPOINT ["/usr/local/bin/start"]' --change 'EXPOSE 5432' "$work/postgres.tar" "$registry/postgres:15" >/dev/null
docker push --quiet "$registry/postgres:15" >/dev/null
