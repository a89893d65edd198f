#!/usr/bin/env bash
# build-images.sh [TAG]: builds the two images, consent-snapshots-worker:TAG and consent-snapshots-edge:TAG, and writes the software bill of materials of each below artifacts/sbom. Needs
# Docker, and neither the .NET SDK nor anything else of this repository's tools. Without TAG it is the version of the chart, which the chart and compose.yaml ask for.
#   --page   builds the page of compose.yaml as well: consent-snapshots-page:TAG
# Variables of the environment name other bases than the Dockerfile does: SDK_IMAGE, WORKER_BASE_IMAGE, EDGE_BASE_IMAGE.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=eng/packages.sh
source eng/packages.sh
# shellcheck source=eng/images/base.sh
source eng/images/base.sh

version=$(sed -nE 's/^appVersion: *"?([^"]+)"?$/\1/p' charts/consent-snapshots/Chart.yaml)
tag=$version
page=
for argument in "$@"; do
    case $argument in
        --page) page=yes ;;
        -*) fail "usage: eng/build-images.sh [--page] [TAG]" ;;
        *) tag=$argument ;;
    esac
done
[[ $tag =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$ ]] || fail "'$tag' is no tag of an image: letters, digits, '_', '.' and '-', at most 128 of them, the first one no '.' and no '-'"
have docker || fail "docker is not on PATH: install Docker"
docker info >/dev/null 2>&1 || fail "no Docker daemon answers: start it, or let this user talk to it"
# Without git, in an archive of the sources, the images do not say of which revision they are.
revision=$(git rev-parse HEAD 2>/dev/null || true)
if [[ -n $revision && -n $(git status --porcelain --untracked-files=no 2>/dev/null) ]]; then revision+=-modified; fi

# build NAME DOCKERFILE [OPTION…]
build() {
    local name=$1 dockerfile=$2
    shift 2
    say "building $name:$tag"
    # What the build writes is a hundred lines, of interest when it fails.
    docker build --file "$dockerfile" --tag "$name:$tag" --build-arg VERSION="$version" --build-arg REVISION="$revision" "${base_args[@]}" "$@" . >"$log" 2>&1 </dev/null \
        || { tail -n 60 "$log" >&2; fail "$name:$tag cannot be built"; }
}
# bill NAME FILE: the image's own bill of materials, without running anything of it.
bill() {
    local container
    container=$(docker create "$1:$tag")
    docker cp "$container:/sbom/$2" "artifacts/sbom/$2" >/dev/null
    docker rm --volumes "$container" >/dev/null
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
base_arguments Dockerfile
build consent-snapshots-worker Dockerfile --target worker
build consent-snapshots-edge Dockerfile --target edge
mkdir -p artifacts/sbom
bill consent-snapshots-worker consent-snapshots.cdx.json
bill consent-snapshots-edge consent-edge.cdx.json
images=(consent-snapshots-{worker,edge})
if [[ -n $page ]]; then
    base_arguments samples/compose/Dockerfile
    build consent-snapshots-page samples/compose/Dockerfile
    images+=(consent-snapshots-page)
fi
for image in "${images[@]}"; do
    printf '%s  %s MB\n' "$image:$tag" "$(($(docker image inspect --format '{{.Size}}' "$image:$tag") / 1000000))"
done
echo "bills of materials: artifacts/sbom/consent-snapshots.cdx.json, artifacts/sbom/consent-edge.cdx.json"
