#!/bin/sh
# Behaves like the entrypoint of the official image, as far as a rehearsal needs it:
# POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB and PGDATA; root gives its rights up for good.
set -eu

: "${POSTGRES_USER:=postgres}" "${POSTGRES_DB:=$POSTGRES_USER}"
: "${POSTGRES_PASSWORD:?a password is required}"
export POSTGRES_USER POSTGRES_DB PGDATA

[ "${1:-}" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chown -R postgres:postgres "$PGDATA"
  chmod 700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --clear-groups -- "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  umask 077
  password=$(mktemp)
  printf '%s\n' "$POSTGRES_PASSWORD" >"$password"
  initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --pwfile="$password" --encoding=UTF8 \
    --locale=C.UTF-8 --auth=scram-sha-256 --no-sync --no-instructions
  rm -f "$password"
  printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
  if [ "$POSTGRES_DB" != postgres ]; then
    printf 'CREATE DATABASE "%s"\n' "$POSTGRES_DB" | postgres --single -D "$PGDATA" postgres
  fi
fi
unset POSTGRES_PASSWORD
exec "$@" -c listen_addresses='*'
