#!/usr/bin/env bash
# teardown-tests.sh [RUN]: with the id of a run, removes the containers that this run left behind, and stops the Docker daemon if a run of
# the tests started it and no other one is under way. Without an id, undoes eng/setup-tests.sh: removes the containers of all runs, and
# stops the daemon that it started.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=eng/packages.sh
source eng/packages.sh
# shellcheck source=eng/docker.sh
source eng/docker.sh
run=${1:-}

exec {setup}>>"$docker_setup" {users}>>"$docker_users"
flock "$setup"
alone=
if flock --nonblock "$users"; then alone=yes; fi
if [[ -z $run ]]; then
    [[ -n $alone ]] || fail "another run of the tests is under way; its containers and the Docker daemon are left alone"
    rm -f "$docker_kept"
fi
stop=
if [[ -n $alone && ! -e $docker_kept && (-e $docker_pidfile || -e $docker_socket_opened) ]]; then stop=yes; fi

if docker_answers; then
    # The fixtures label their containers so (TestRun.cs); each run removes its own, and what is left was killed on the way.
    label=consent-snapshots.test-run
    if [[ -n $run && -z $stop ]]; then label+==$run; fi
    mapfile -t left < <(docker ps --all --quiet --filter "label=$label")
    if ((${#left[@]} > 0)); then
        docker rm --force --volumes "${left[@]}" >/dev/null
    fi
fi
[[ -n $stop ]] || exit 0

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
