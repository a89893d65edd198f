#!/usr/bin/env bash
# The edge (native, and as managed code) beside nginx that serves the same bytes, Kestrel that does nothing, and a handler that generates on request, in turns: requests a second, p99, memory, bytes allocated
# for each request, time of the first answer. Arguments: what to measure, if not all: start, one, many, cold, allocated, naive, azure. ROUNDS=n (3) and SECONDS_EACH=n (3) are the number and the
# length of the runs. EDGE_NATIVE and EDGE_MANAGED name programs that are measured in place of those that it builds, and EDGE_READYTORUN one that is measured beside them (managed code that was
# published with -p:PublishAot=false -p:PublishReadyToRun=true, in a copy of the repository, because that changes the lock files). Everything takes about 15 minutes. Needs Debian's wrk and nginx-light,
# which it installs, and for naive and azure Docker and the images that ./test.sh provides. Prints Markdown, and keeps it with its plots in
# artifacts/benchmarks (benchmarks/results.sh); the table is in docs/performance.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=../eng/packages.sh
source ../eng/packages.sh
# shellcheck source=../eng/images/tags.env
source ../eng/images/tags.env
# shellcheck source=benchmarks/results.sh
source ./results.sh
need wrk wrk
need nginx nginx-light
parts=("$@")
((${#parts[@]} > 0)) || parts=(start one many cold allocated naive azure)
work=$(mktemp -d)
containers=()
finish() {
    ((${#containers[@]} == 0)) || docker rm -f "${containers[@]}" >/dev/null
    rm -rf "$work"
}
trap finish EXIT
export SECONDS_EACH=${SECONDS_EACH:-3} ROUNDS=${ROUNDS:-3}
dotnet build Edge.Benchmarks -c Release -v quiet -nologo -p:UseSharedCompilation=false >&2
if [[ -z ${EDGE_NATIVE:-} ]]; then
    ../eng/publish-edge.sh "$work/native"
    EDGE_NATIVE=$work/native/consent-edge
fi
EDGE_MANAGED=${EDGE_MANAGED:-$PWD/../src/EdgeApi/bin/Release/net10.0/consent-edge}
export EDGE_NATIVE EDGE_MANAGED
port() { docker port "$1" "$2" | head -n 1 | sed 's/.*://'; }
for part in "${parts[@]}"; do
    case $part in
        naive)
            container=$(docker run --rm -d -e POSTGRES_PASSWORD=only-for-benchmarks -p 127.0.0.1::5432 "$POSTGRES_IMAGE")
            containers+=("$container")
            until docker exec "$container" pg_isready --host localhost -q; do sleep 0.2; done
            export POSTGRES="Host=127.0.0.1;Port=$(port "$container" 5432);Username=postgres;Password=only-for-benchmarks;Database=postgres;Maximum Pool Size=40"
            ;;
        azure)
            key=$(head -c 64 /dev/urandom | base64 --wrap 0)
            container=$(docker run --rm -d -e AZURITE_ACCOUNTS="benchmarks:$key" -p 127.0.0.1::10000 --entrypoint azurite-blob "$AZURITE_IMAGE" --blobHost 0.0.0.0 --location /data --silent --skipApiVersionCheck --disableTelemetry)
            containers+=("$container")
            AZURITE="DefaultEndpointsProtocol=http;AccountName=benchmarks;AccountKey=$key;BlobEndpoint=http://127.0.0.1:$(port "$container" 10000)/benchmarks"
            export AZURITE
            until curl -s -o /dev/null "http://127.0.0.1:$(port "$container" 10000)/"; do sleep 0.2; done
            ;;
        start | one | many | cold | allocated) ;;
        *) fail "$part is not one of start, one, many, cold, allocated, naive, azure" ;;
    esac
done
keep edge timeout 1500 Edge.Benchmarks/bin/Release/net10.0/Edge.Benchmarks "${parts[@]}"
