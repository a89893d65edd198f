#!/usr/bin/env bash
# The README's first command, as a stranger runs it: starts dev.cs, asks it, edits the file, asks again.
set -euo pipefail
set -m # the program gets a process group of its own, which can be told to stop as a whole
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
log=$work/log
cp samples/destinations.json "$work/destinations.json"
port=$(((RANDOM % 10000) + 20000))
dotnet run dev.cs --config "$work/destinations.json" --urls "http://127.0.0.1:$port" >"$log" 2>&1 &
pid=$!
finish() {
    kill -TERM -- "-$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# until COMMAND: retries for two minutes, the time of a first build on a slow machine.
until_true() {
    for _ in $(seq 600); do
        if "$@"; then return 0; fi
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.2
    done
    echo "eng/smoke-dev.sh: not so: $*" >&2
    cat "$log" >&2
    exit 1
}
answer() { curl -fsS "http://127.0.0.1:$port/v1/acme/production/scripts?consent=$1" 2>/dev/null; }
welcome() { grep -q 'Try:' "$log"; }
has() { answer "$1" | grep -q "$2"; }
lacks() { local body; body=$(answer "$1") && ! grep -q "$2" <<<"$body"; }

until_true welcome
until_true has measurement google-analytics
until_true lacks marketing google-analytics
until_true has marketing 1234567890
sed -i 's/1234567890/5550001/' "$work/destinations.json"
until_true has marketing 5550001
echo "eng/smoke-dev.sh: dev.cs runs, answers, and follows its file"
