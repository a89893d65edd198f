#!/usr/bin/env bash
# setup-tests.sh: makes this machine ready for the whole test suite; what is there already is left alone, so running it again
# costs seconds. Needs Debian (or a relative) for what has to be installed, and root or sudo. eng/teardown-tests.sh undoes
# what must not stay. Several checkouts may run it at the same time: the second waits for the first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=eng/packages.sh
source eng/packages.sh
# shellcheck source=eng/docker.sh
source eng/docker.sh
# shellcheck source=eng/images/tags.env
source eng/images/tags.env
# shellcheck source=eng/images/base.sh
source eng/images/base.sh
node_least=18       # Azurite and esbuild need it

main() {
    exec {setup}>>"$docker_setup"
    if ! flock --nonblock "$setup"; then
        say "waiting for another checkout's set-up"
        flock "$setup"
    fi
    need_node
    need_chromium
    need_pgbouncer
    need_nginx
    need_prometheus
    need_docker
    keep_docker
    provide_image "$POSTGRES_IMAGE" postgres
    provide_image "$AZURITE_IMAGE" azurite
    build_browser_bundle
    install_packages samples/c15t-backend "what the c15t backend sample needs"
    install_packages tests/http-api "what holds the edge against its OpenAPI document"
    install_packages tests/Deployment.Tests/tools "Helm and Kubernetes' schemas"
}

need_node() {
    need node nodejs
    need npm npm
    local version
    version=$(node -p process.versions.node) || fail "$(command -v node) does not run"
    ((${version%%.*} >= node_least)) || fail "$(command -v node) is Node.js $version; the tests need $node_least or newer: upgrade it, or remove it to have Debian's installed"
}

need_chromium() {
    local name found=
    for name in chromium chromium-browser google-chrome; do
        have "$name" && found=1
    done
    [[ -n $found ]] || apt_install chromium
    # Most tests run in it where it is there, because it needs a third of the processor time.
    have chromium-headless-shell || ! have apt-get || (apt_install chromium-headless-shell) || say "there is no package chromium-headless-shell; the tests run in the whole browser, which takes longer"
}

need_pgbouncer() { need_program pgbouncer pgbouncer; }

need_nginx() { need_program nginx nginx-light; }

# Its package has promtool as well, which tests the alert rules.
need_prometheus() { need_program prometheus prometheus; }

# need_program NAME PACKAGE: only the program is wanted. The tests start their own, and the service that Debian's package starts is none of theirs.
need_program() {
    have "$1" && return
    apt_install "$2"
    if [[ -d /run/systemd/system ]]; then
        as_root systemctl disable --now --quiet "$1"
    else
        as_root service "$1" stop >/dev/null || true
    fi
}

need_docker() {
    # A daemon that answers is all that is needed, wherever it runs.
    docker_answers && return
    if ! { have docker && as_root docker info >/dev/null 2>&1; }; then
        # Many machines have the client alone, so the daemon is asked for by its own name. Debian 12 ships both in one package;
        # newer releases package the client apart from the daemon.
        need dockerd docker.io
        need docker docker-cli
        need iptables iptables
    fi
    start_docker
}

start_docker() {
    docker_answers && return # installing the package may have started it
    if as_root docker info >/dev/null 2>&1; then
        # A daemon that only root may talk to (installing the package has just started it, say): let this user in until it stops.
        have setfacl || apt_install acl
        as_root setfacl -m "u:$(id -u):rw" "$docker_socket"
        touch "$docker_socket_opened"
        return
    fi
    say "starting dockerd"
    # Its own session: Ctrl+C in the terminal ends the tests, which then stop the daemon in order. It must not hold the set-up's lock.
    as_root setsid --fork dockerd --pidfile "$docker_pidfile" --group "$(id -gn)" </dev/null >"$docker_state/dockerd.log" 2>&1 {setup}>&-
    local deadline=$((SECONDS + 30))
    until docker_answers; do
        ((SECONDS < deadline)) || fail "no Docker daemon answers: $(tail -n 3 "$docker_state/dockerd.log")"
        sleep 0.2
    done
}

# A daemon that a run of the tests started is stopped when the last run ends; one that was asked for by hand stays.
keep_docker() {
    if [[ -z ${CONSENT_SNAPSHOTS_TEST_RUN:-} && -e $docker_pidfile ]]; then touch "$docker_kept"; fi
}

# provide_image TAG NAME: the official image where a registry answers, else one built from this machine's files under the same tag.
provide_image() {
    local tag=$1 name=$2 recipe origin
    recipe=$(cat eng/images/rootfs.sh eng/images/"$name"/* | sha256sum | cut -c1-16)
    if docker image inspect "$tag" >/dev/null 2>&1; then
        origin=$(docker image inspect --format '{{index .Config.Labels "consent-snapshots.local-build"}}' "$tag" 2>/dev/null || true)
        # An official image has no such label; a local one is built anew when its recipe has changed.
        [[ -z $origin || $origin == "<no value>" || $origin == "$recipe" ]] && return
    elif pull "$tag"; then
        return
    fi
    if [[ $name == postgres ]] && ! have_postgres_server; then
        install_postgres_files
    fi
    say "building $tag from this machine's files"
    "eng/images/$name/build.sh" "$tag" "$recipe"
}

# The client's package alone also makes the folder, so what is looked for is the server that the image will run.
have_postgres_server() { compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; }

# Only the files are wanted: Debian's package would create a cluster and start it.
install_postgres_files() {
    local setting=/etc/postgresql-common/createcluster.d/consent-snapshots-tests.conf
    as_root mkdir -p "${setting%/*}"
    echo 'create_main_cluster = false' | as_root tee "$setting" >/dev/null
    apt_install postgresql
    as_root rm -f "$setting"
}

# The client that site developers put on their pages, for the tests that run it in a browser.
build_browser_bundle() (
    cd tests/browser
    if [[ ! -e dist/c15t.js || -n $(find build.js entry.js package.json package-lock.json -newer dist/c15t.js) ]]; then
        say "building what the browser tests put on their pages"
        npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >&2
        npm run --silent build </dev/null >&2
    fi
)

# install_packages FOLDER WHAT: the packages that the folder's lock file names. npm writes the file inside node_modules at the end of an installation.
install_packages() (
    cd "$1"
    if [[ ! -e node_modules/.package-lock.json || package-lock.json -nt node_modules/.package-lock.json ]]; then
        say "installing $2"
        npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >&2
    fi
)

main
