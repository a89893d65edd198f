#!/usr/bin/env bash
# What publishing costs: the whole way from PostgreSQL to a directory against a plain parallel writer of the same files, to Azurite against PUTs of the same blobs by the SDK alone, in
# turns; what a rebuild costs where nothing changed; and how long an edit takes to the edge, alone and beside bulk work. Arguments: a folder on the disk to be measured (a temporary one if left out), then, if not all, what to measure: directory,
# azurite, unchanged, edge. SCOPES=n measures with another number of scopes. Needs Docker and the images that ./test.sh provides. Prints Markdown, and keeps it with its plots in
# artifacts/benchmarks (benchmarks/results.sh); the table is in docs/performance.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=../eng/images/tags.env
source ../eng/images/tags.env
# shellcheck source=benchmarks/results.sh
source ./results.sh
folder=${1:-$(mktemp -d)}
dotnet build Worker.Benchmarks -c Release -v quiet -nologo >&2
dotnet build ../src/EdgeApi -c Release -v quiet -nologo >&2
export EDGE=$PWD/../src/EdgeApi/bin/Release/net10.0/consent-edge
postgres=$(docker run --rm -d -e POSTGRES_PASSWORD=only-for-benchmarks -p 127.0.0.1::5432 "$POSTGRES_IMAGE" -c max_connections=200)
trap 'docker rm -f "$postgres" >/dev/null' EXIT
key=$(head -c 64 /dev/urandom | base64 --wrap 0)
azurite=$(docker run --rm -d -e AZURITE_ACCOUNTS="benchmarks:$key" -p 127.0.0.1::10000 --entrypoint azurite-blob "$AZURITE_IMAGE" --blobHost 0.0.0.0 --location /data --silent --skipApiVersionCheck --disableTelemetry)
trap 'docker rm -f "$postgres" "$azurite" >/dev/null' EXIT
port() { docker port "$1" "$2" | head -n 1 | sed 's/.*://'; }
until docker exec "$postgres" pg_isready --host localhost -q; do sleep 0.2; done
until curl -s -o /dev/null "http://127.0.0.1:$(port "$azurite" 10000)/"; do sleep 0.2; done
keep publication dotnet run --project Worker.Benchmarks -c Release --no-build -- \
  "Host=127.0.0.1;Port=$(port "$postgres" 5432);Username=postgres;Password=only-for-benchmarks;Database=postgres;Maximum Pool Size=100;Command Timeout=600" \
  "DefaultEndpointsProtocol=http;AccountName=benchmarks;AccountKey=$key;BlobEndpoint=http://127.0.0.1:$(port "$azurite" 10000)/benchmarks" "$folder" "${@:2}"
