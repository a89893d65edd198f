#!/usr/bin/env bash
# What our triggers cost the control plane's transactions, with them and without in turns, and what a worker's claim costs, on a PostgreSQL of its own as it comes (fsync on).
# Needs Docker and the image that ./test.sh provides. Prints Markdown, and keeps it with its plots in artifacts/benchmarks
# (benchmarks/results.sh); the table is in docs/performance.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=../eng/images/tags.env
source ../eng/images/tags.env
# shellcheck source=benchmarks/results.sh
source ./results.sh
dotnet build Database.Benchmarks -c Release -v quiet -nologo >&2
container=$(docker run --rm -d -e POSTGRES_PASSWORD=only-for-benchmarks -p 127.0.0.1::5432 "$POSTGRES_IMAGE" -c max_connections=200)
trap 'docker rm -f "$container" >/dev/null' EXIT
address=$(docker port "$container" 5432 | head -n 1)
until docker exec "$container" pg_isready --host localhost -q; do sleep 0.2; done
keep database dotnet run --project Database.Benchmarks -c Release --no-build -- "Host=${address%:*};Port=${address##*:};Username=postgres;Password=only-for-benchmarks;Database=postgres;Maximum Pool Size=100;Command Timeout=600"
