#!/bin/bash
# Source this file: start_docker brings a Docker daemon up, stop_docker ends only what that started.
# A daemon that somebody else runs is used as it is, and never stopped.

DOCKER_LOG=${DOCKER_LOG:-${TMPDIR:-/tmp}/dockerd.log}
DOCKER_STARTED=

docker_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# The published ports of a rehearsal bind to the loopback by themselves, through Docker's own proxy:
# no rule of a firewall is needed, and a kernel without them serves as well.
start_docker() {
  docker_answers && return 0
  if [ "$(id -u)" != 0 ] || ! command -v dockerd >/dev/null; then
    echo "docker: no daemon answers, and only root with dockerd installed can start one" >&2
    return 1
  fi
  forget_killed_docker
  setsid dockerd --iptables=false --ip6tables=false --ip-forward=false --ip 127.0.0.1 \
    >"$DOCKER_LOG" 2>&1 </dev/null &
  DOCKER_STARTED=$!
  for _ in $(seq 300); do # 30 s; a second as a rule
    docker_answers && return 0
    kill -0 "$DOCKER_STARTED" 2>/dev/null || break
    sleep 0.1
  done
  grep -v level=info "$DOCKER_LOG" | tail -n 3 >&2
  stop_docker
  return 1
}

# A daemon killed with -9 leaves the numbers of processes: the next one takes them for alive.
forget_killed_docker() {
  local pid
  pid=$(cat /run/docker.pid 2>/dev/null) || pid=none
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] && return 0
  rm -f /run/docker.pid /run/docker/containerd/containerd.pid
}

stop_docker() {
  [ -n "$DOCKER_STARTED" ] || return 0
  kill -TERM "$DOCKER_STARTED" 2>/dev/null || true
  wait "$DOCKER_STARTED" 2>/dev/null || true
  DOCKER_STARTED=
}
