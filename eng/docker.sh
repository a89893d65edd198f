# shellcheck shell=bash
# shellcheck disable=SC2034 # read by the scripts that source this
# Sourced after packages.sh by test.sh, the set-up and the tear-down: what they know of the Docker daemon of the tests. The daemon is the machine's, not one
# checkout's: several checkouts may run their tests at the same time.
docker_state=${TMPDIR:-/tmp}/consent-snapshots-docker-$(id -u)
docker_pidfile=$docker_state/dockerd.pid       # exists only while a daemon that setup-tests.sh started runs
docker_kept=$docker_state/kept                 # exists while that daemon is to stay when the tests end: setup-tests.sh was run by hand
docker_setup=$docker_state/setup               # locked by whoever starts or stops the daemon or makes the images
docker_users=$docker_state/users               # each run of the tests holds a shared lock on it
docker_socket=/var/run/docker.sock
docker_socket_opened=$docker_state/socket-opened # exists only while setup-tests.sh has let this user talk to root's daemon
mkdir -p -m 700 "$docker_state"
[[ -O $docker_state ]] || fail "$docker_state belongs to somebody else"

docker_answers() { docker info >/dev/null 2>&1; }
