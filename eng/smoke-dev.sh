#!/usr/bin/env bash
# The README's first command, as a stranger runs it: starts dev.cs, asks it, edits the file, asks again.
set -euo pipefail
set -m # the program gets a process group of its own, which can be told to stop as a whole
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=eng/packages.sh
source eng/packages.sh
need curl curl
work=$(mktemp -d)
log=$work/log
cp samples/destinations.json "$work/destinations.json"
# Port 0: the system chooses a free one, and the welcome says which.
dotnet run dev.cs --config "$work/destinations.json" --urls http://127.0.0.1:0 >"$log" 2>&1 &
pid=$!
finish() {
    kill -TERM -- "-$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

not_so() {
    cat "$log" >&2
    fail "not so: $*"
}
# until_true COMMAND: retries for five minutes, the time of a first build on a slow machine.
until_true() {
    local deadline=$((SECONDS + 300))
    until "$@"; do
        ((SECONDS < deadline)) && kill -0 "$pid" 2>/dev/null || not_so "$@"
        sleep 0.2
    done
}
answer() { curl -fsS "$url/v1/acme/production/scripts?consent=$1" 2>/dev/null; }
welcome() { grep -q 'Try:' "$log"; }
has() { answer "$1" | grep -q "$2"; }
lacks() { local body; body=$(answer "$1") && ! grep -q "$2" <<<"$body"; }
# Settings are read once. A watch of their folder would cover every subfolder, and making it takes seconds where there are many.
watches_nothing() {
    local process stat
    for process in /proc/[0-9]*; do
        stat=$(cat "$process/stat" 2>/dev/null) || continue
        read -r _ _ group _ <<<"${stat##*) }"
        [[ $group != "$pid" ]] || ! grep -qs '^inotify' "$process"/fdinfo/* || return 1
    done
}
# A second program on the same address says so in one line.
refuses_the_address_in_use() {
    local status=0
    dotnet run dev.cs --config "$work/destinations.json" --urls "$url" >/dev/null 2>"$work/second" || status=$?
    [[ $status == 1 && $(wc -l <"$work/second") == 1 ]] && grep -q "$url: address already in use" "$work/second"
}

# The first address that it prints is that of the page to open, and the page is there.
opens_a_page() {
    local page
    page=$(grep -oE 'https?://[^ ]+' "$log" | head -n 1) && [[ $page == */playground/ ]] && curl -fsS "$page" | grep -q '<title>Consent Snapshots playground</title>'
}

until_true welcome
until_true opens_a_page
url=$(sed -nE "s|^ *curl '(http://[^/']+)/.*|\1|p" "$log" | head -n 1)
until_true has measurement google-analytics
until_true lacks marketing google-analytics
until_true has marketing 1234567890
sed -i 's/1234567890/5550001234/' "$work/destinations.json"
until_true has marketing 5550001234
watches_nothing || not_so watches_nothing
refuses_the_address_in_use || { cat "$work/second" >&2; not_so refuses_the_address_in_use; }
until_true has marketing 5550001234
echo "eng/smoke-dev.sh: dev.cs runs, answers, follows its file, and refuses an address in use"
