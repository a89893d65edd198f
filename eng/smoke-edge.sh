#!/usr/bin/env bash
# The native edge, as it is published: the worker fills a directory with the sample, the edge is started over it and asked. The last line says how large the executable is and how
# soon it answered.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=eng/packages.sh
source eng/packages.sh
need curl curl
work=$(mktemp -d)
log=$work/log
pid=
finish() {
    if [[ -n $pid ]]; then
        kill -TERM "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT

not_so() {
    cat "$log" >&2
    fail "not so: $*"
}
so() { "$@" || not_so "$@"; }
# get PATH [CURL-OPTION …]: the status, the headers in $work/headers, the body in $work/body.
get() { : >"$work/body"; status=$(curl -sS --max-time 10 -o "$work/body" -D "$work/headers" -w '%{http_code}' "${@:2}" "$url$1"); }
has() { grep -q "$1" "$work/body"; }
lacks() { ! has "$1"; }
says() { grep -qi "$1" "$work/headers"; }
# The system chooses the port, and the log says which.
listens() { url=$(sed -nE 's/.*Now listening on: (http:[^ ]+).*/\1/p' "$log" | head -n 1) && [[ -n $url ]]; }

export Storage__Provider=directory Storage__Directory=$work/store
Source__Provider=file Source__File=samples/destinations.json dotnet run -c Release --project src/Worker -- regenerate --all </dev/null >"$log" 2>&1 || not_so the worker publishes the sample
eng/publish-edge.sh "$work/edge"

started=$(date +%s%N)
ASPNETCORE_URLS=http://127.0.0.1:0 "$work/edge/consent-edge" </dev/null >"$log" 2>&1 &
pid=$!
deadline=$((SECONDS + 30))
until listens; do
    ((SECONDS < deadline)) && kill -0 "$pid" 2>/dev/null || not_so listens
    sleep 0.01
done
get /v1/acme/production/scripts.json
answered=$((($(date +%s%N) - started) / 1000000))
so [ "$status" = 200 ]
so has google-analytics
so cmp -s "$work/body" "$work/store/public/acme/production/scripts.json"
etag=$(sed -nE 's/^etag: *([^\r]*)\r?$/\1/Ip' "$work/headers")
get /v1/acme/production/scripts.json -H "If-None-Match: $etag"
so [ "$status" = 304 ]
so [ ! -s "$work/body" ]
get '/v1/acme/production/scripts?consent=measurement'
so [ "$status" = 200 ]
so has google-analytics
so lacks meta-pixel
get '/v1/acme/production/scripts?consent=%7B%22marketing%22%3Atrue%7D' -H 'Accept-Encoding: br'
so [ "$status" = 200 ]
so says '^content-encoding: br'
get /v1/acme/production/scripts
so [ "$status" = 400 ]
get /v1/nobody/production/scripts.json
so [ "$status" = 404 ]
get /health/ready
so [ "$status" = 200 ]
so has '"status":"ready"'
kill -TERM "$pid"
wait "$pid" || not_so the edge ends with exit code 0
pid=
echo "eng/smoke-edge.sh: the native edge ($(($(stat -c %s "$work/edge/consent-edge") >> 20)) MB) answers, $answered ms after its start, and ends when told to"
