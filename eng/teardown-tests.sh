#!/usr/bin/env bash
# teardown-tests.sh [RUN]: removes the containers that tests left behind (only those of the run with this id, if given), and,
# without an id, stops the Docker daemon that setup-tests.sh started, if it did.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=eng/docker.sh
source eng/docker.sh
run=${1:-}

if docker_answers; then
    # The fixtures label their containers so (TestRun.cs); each run removes its own, and what is left was killed on the way.
    mapfile -t left < <(docker ps --all --quiet --filter "label=consent-snapshots.test-run${run:+=$run}")
    if ((${#left[@]} > 0)); then
        docker rm --force --volumes "${left[@]}" >/dev/null
    fi
fi
[[ -z $run ]] || exit 0

if [[ -e $docker_socket_opened ]]; then
    as_root setfacl -x "u:$(id -u)" "$docker_socket" || true
    rm -f "$docker_socket_opened"
fi
if [[ -e $docker_pidfile ]]; then
    pid=$(as_root cat "$docker_pidfile")
    # The number may be another process's by now, after a crash or a restart of the machine.
    if [[ $(cat "/proc/$pid/comm" 2>/dev/null) == dockerd ]]; then
        as_root kill "$pid"
        deadline=$((SECONDS + 30))
        while [[ -e /proc/$pid ]]; do
            ((SECONDS < deadline)) || { echo "teardown-tests: dockerd ($pid) does not stop" >&2; exit 1; }
            sleep 0.2
        done
    fi
    as_root rm -f "$docker_pidfile"
fi
