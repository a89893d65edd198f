# shellcheck shell=bash
# shellcheck disable=SC2034 # read by the scripts that source this
# Sourced by the set-up and the tear-down: what both know of the Docker daemon of the tests. The working directory is the
# repository's root.
docker_state=artifacts/docker
docker_pidfile=$docker_state/dockerd.pid # exists only while a daemon that setup-tests.sh started runs
docker_socket=/var/run/docker.sock
docker_socket_opened=$docker_state/socket-opened # exists only while setup-tests.sh has let this user talk to root's daemon
mkdir -p "$docker_state"

as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    else
        sudo "$@"
    fi
}

docker_answers() { docker info >/dev/null 2>&1; }
