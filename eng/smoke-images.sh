#!/usr/bin/env bash
# smoke-images.sh: builds the images and runs compose.yaml with them, as a stranger does: nobody is root, no file system can be written to. Changes a destination in the database, asks the
# edge and the CDN, takes the store away, and looks at the images themselves. Everything that it started is removed. The last lines say how large the images are and how soon they answered.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=eng/packages.sh
source eng/packages.sh
# shellcheck source=eng/docker.sh
source eng/docker.sh

export CONSENT_SNAPSHOTS_TEST_RUN=smoke-$$-$RANDOM
project=$CONSENT_SNAPSHOTS_TEST_RUN
organization=6f9619ff-8b86-d011-b42d-00cf4fc964ff
# The system chooses the ports.
export TAG=$project PAGE_PORT=0 EDGE_PORT=0
work=$(mktemp -d)
up=

# As long as this is locked no run of the tests stops the Docker daemon.
exec {users}>>"$docker_users"
flock --shared "$users"
finish() {
    if [[ -n $up ]]; then compose down --volumes --remove-orphans --timeout 5 >/dev/null 2>&1 || true; fi
    docker image rm "consent-snapshots-worker:$TAG" "consent-snapshots-edge:$TAG" "consent-snapshots-page:$TAG" >/dev/null 2>&1 || true
    # Without BuildKit each step of a build leaves an image. Those of the last hours spare the next build its first steps, and another checkout may be using them.
    docker image prune --force --filter label=consent-snapshots.stage=build --filter until=3h >/dev/null 2>&1 || true
    # Bases that were made of earlier files, of another SDK say.
    docker image ls --filter 'reference=consent-snapshots.local/*' --format '{{.Repository}}:{{.Tag}}' | while read -r image; do
        made=$(docker image inspect --format '{{.Created}}' "$image" 2>/dev/null) || continue
        if (($(date +%s) - $(date --date "$made" +%s) > 3 * 24 * 3600)); then docker image rm "$image" >/dev/null 2>&1 || true; fi
    done
    rm -rf "$work"
    exec {users}>&-
    eng/teardown-tests.sh "$CONSENT_SNAPSHOTS_TEST_RUN"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

not_so() {
    if [[ -n $up ]]; then compose logs --no-color --tail=60 >&2 || true; fi
    fail "not so: $*"
}
so() { "$@" || not_so "$@"; }
until_true() {
    local deadline=$((SECONDS + 120))
    until "$@"; do
        ((SECONDS < deadline)) || not_so "$@"
        sleep 0.1
    done
}

compose() { "${compose_command[@]}" --project-name "$project" "$@" </dev/null; }
# Asked for once: some versions of Compose take most of a second for each answer. The port of a container that is started again is another one.
declare -A containers=()
container() { containers[$1]=$(compose ps --quiet "$1") && [[ -n ${containers[$1]} ]]; }
state() { docker inspect --format "$2" "${containers[$1]}"; }
is() { [[ $(state "$1" "$2") == "$3" ]]; }
config() { docker image inspect --format "$2" "consent-snapshots-$1:$TAG"; }
address() { echo "http://$(docker port "${containers[$1]}" 8080/tcp | head -n 1)"; }
# get SERVICE PATH [CURL-OPTION …]: the status, the headers in $work/headers, the body in $work/body.
get() {
    : >"$work/body"
    status=$(curl -sS --max-time 10 -o "$work/body" -D "$work/headers" -w '%{http_code}' "${@:3}" "$(address "$1")$2" 2>/dev/null) || status=none
}
has() { grep -q "$1" "$work/body"; }
lacks() { ! has "$1"; }
says() { grep -qi "$1" "$work/headers"; }
answers() { get "$1" "$2" && [[ $status == 200 ]] && has "$3"; }
database() { compose exec -T postgres psql --username=postgres --dbname=app --quiet --command "$1" >/dev/null; }

look_at() { # NAME PROGRAM
    local name=$1 program=$2 paths
    so [ "$(config "$name" '{{.Config.User}}')" = 1654 ]
    so [ "$(config "$name" '{{index .Config.Labels "org.opencontainers.image.title"}}')" = "Consent Snapshots $name" ]
    so [ "$(config "$name" '{{index .Config.Labels "org.opencontainers.image.version"}}')" = "$(sed -nE 's/^appVersion: *"?([^"]+)"?$/\1/p' charts/consent-snapshots/Chart.yaml)" ]
    so [ -n "$(config "$name" '{{index .Config.Labels "org.opencontainers.image.base.name"}}')" ]
    docker create --name "$project-look" "consent-snapshots-$name:$TAG" >/dev/null
    docker export "$project-look" | tar --numeric-owner -tv >"$work/files"
    docker cp "$project-look:/sbom/$program.cdx.json" "$work/sbom" >/dev/null
    docker rm --volumes "$project-look" >/dev/null
    paths='/(sh|bash|dash|ash|busybox|apt|apt-get|dpkg|curl|wget|perl|python3?)( -> .*)?$'
    so [ -z "$(grep -E "$paths" "$work/files")" ]
    # Nothing runs with more rights than it was started with, and the program cannot change itself.
    so [ -z "$(grep -E '^-..[sS]|^-.....[sS]' "$work/files")" ]
    so [ -z "$(grep -E ' app/' "$work/files" | grep -v ' 0/0 ')" ]
    so [ -n "$(grep -E " 0/0 .* app/$program\$" "$work/files")" ]
    so grep -q '"bomFormat": "CycloneDX"' "$work/sbom"
    so grep -q '"pkg:nuget/Azure.Storage.Blobs@' "$work/sbom"
    # With nobody to ask, the health check says so.
    docker run --rm --network none --read-only "consent-snapshots-$name:$TAG" health >/dev/null 2>&1 && not_so "the health check of $name fails where nothing runs"
    return 0
}

# What the kernel says of the process: the user, no capability, no way to more rights, and system calls filtered.
is_confined() {
    local pid
    pid=$(state "$1" '{{.State.Pid}}')
    as_root cat "/proc/$pid/status" >"$work/process"
    grep -qE "^Uid:\s+$2\s+$2\s" "$work/process" && grep -qE '^CapEff:\s+0+$' "$work/process" && grep -qE '^NoNewPrivs:\s+1$' "$work/process" && is "$1" '{{.HostConfig.ReadonlyRootfs}}' true
}

need curl curl
eng/setup-tests.sh {users}>&-
if docker compose version >/dev/null 2>&1; then
    compose_command=(docker compose)
else
    need docker-compose docker-compose
    compose_command=(docker-compose --ansi never)
fi
building=$SECONDS
eng/build-images.sh --page "$TAG" >"$work/sizes" {users}>&-
building=$((SECONDS - building))
look_at worker consent-snapshots
look_at edge consent-edge
so grep -q 'Runtime.NativeAOT' "$work/sbom"

# Compose finds other images than those of the tests only by mistake.
for image in $(sed -nE 's/^[A-Z_]+=(.+)$/\1/p' eng/images/tags.env); do so grep -q "image: $image\$" compose.yaml; done
up=yes
starting=$SECONDS
compose up -d >"$work/compose" 2>&1 || { cat "$work/compose" >&2; not_so compose starts everything; }
for service in worker edge cdn; do so container "$service"; done
until_true answers cdn "/v1/$organization/production/scripts.json" google-analytics
starting=$((SECONDS - starting))
until_true is worker '{{.State.Health.Status}}' healthy
until_true is edge '{{.State.Health.Status}}' healthy
so is_confined worker 1654
so is_confined edge 1654
so is_confined cdn 101

# The edge, as a client sees it.
get edge "/v1/$organization/production/scripts.json"
so [ "$status" = 200 ]
etag=$(sed -nE 's/^etag: *([^\r]*)\r?$/\1/Ip' "$work/headers")
get edge "/v1/$organization/production/scripts.json" -H "If-None-Match: $etag"
so [ "$status" = 304 ]
so [ ! -s "$work/body" ]
get edge "/v1/$organization/production/scripts?consent=measurement"
so [ "$status" = 200 ]
so has google-analytics
so lacks meta-pixel
get edge "/v1/$organization/production/scripts?consent=%7B%22marketing%22%3Atrue%7D" -H 'Accept-Encoding: br'
so [ "$status" = 200 ]
so says '^content-encoding: br'
get edge "/v1/$organization/production/scripts"
so [ "$status" = 400 ]
get edge /v1/nobody/production/scripts.json
so [ "$status" = 404 ]
get edge /health/ready
so [ "$status" = 200 ]
so has '"status":"ready"'

# A destination is saved, and the edge has it.
database "insert into destinations (organization_id, type, name, environment, settings, settings_encrypted) values ('$organization', 'hotjar', 'Heat maps', 'production', '{\"siteId\":\"424242\"}', false)"
until_true answers edge "/v1/$organization/production/scripts.json" 424242

# The page, and the CDN: the second answer is the first one, kept. Another query is another answer.
get cdn "/v1/$organization/production/scripts?consent=measurement"
get cdn "/v1/$organization/production/scripts?consent=marketing"
so has meta-pixel
get cdn "/v1/$organization/production/tags.js"
get cdn "/v1/$organization/production/tags.js"
so [ "$status" = 200 ]
so says '^x-cache: HIT'
browser=$(type -P chromium || type -P chromium-browser || type -P google-chrome)
"$browser" --headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' \
    --user-data-dir="$work/browser" --virtual-time-budget=10000 --dump-dom "$(address cdn)/" >"$work/body" 2>/dev/null || not_so the browser opens the page
so has 'Accept All'
so has 'data-script="google-analytics"'
so has 'data-state="waiting"'

# The store is gone, and the edge starts again: what it has on its disk, it serves. Without the edge, the CDN does.
compose kill azurite >/dev/null 2>&1
docker restart --time 10 "${containers[edge]}" >/dev/null
until_true answers edge "/v1/$organization/production/scripts.json" 424242
get edge /health/ready
so [ "$status" = 200 ]
so has '"status":"degraded"'
until_true is edge '{{.State.Health.Status}}' healthy
docker stop --time 30 "${containers[edge]}" "${containers[worker]}" >/dev/null
so is edge '{{.State.ExitCode}}' 0
so is worker '{{.State.ExitCode}}' 0
get cdn "/v1/$organization/production/tags.js"
so [ "$status" = 200 ]

cat "$work/sizes"
echo "eng/smoke-images.sh: built in $building s; compose.yaml answers $starting s after its start, from containers without root, shell or writable files, and goes on without its store"
