#!/usr/bin/env bash
# Scopes a second of processor time, ours against the npm package @c15t/scripts, in one run: the 16 combinations of a scope with six destinations
# (Google Tag Manager, Google Analytics, Meta Pixel, PostHog, Mixpanel, TikTok). Both sides: one thread, warm, settings already read from
# JSON, other ids in every scope. Ours validates, makes and serializes every script, writes the policies, and names each of the 16 snapshots by the
# XxHash128 of its joined bytes (generate), or keeps every one's bytes too (generate-and-bytes, what a first publication needs); the package makes
# script objects, without validation, bytes, policies or hashes. SHA-256 is measured apart.
# Prints Markdown, and keeps it with its plot in artifacts/benchmarks (benchmarks/results.sh).
#   benchmarks/compare.sh [SECONDS]   (default 5 a measurement)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=benchmarks/results.sh
source ./results.sh
seconds=${1:-5}
[[ -d ../tests/browser/node_modules/@c15t/scripts ]] || (cd ../tests/browser && npm ci --silent --no-audit --no-fund)
dotnet build Generator.Benchmarks -c Release -v quiet -nologo >&2
ours=$(mktemp)
trap 'rm -f "$ours"' EXIT
dotnet run --project Generator.Benchmarks -c Release --no-build -- throughput "$seconds" >"$ours"
report() {
    local name rate bytes way generate
    echo '| what | scopes/s | allocated/scope |'
    echo '| --- | --- | --- |'
    while IFS=$'\t' read -r name rate bytes; do printf "| ours: %s | %d | %d bytes |\n" "$name" "$rate" "$bytes"; done <"$ours"
    generate=$(awk -F'\t' '$1 == "generate" { print $2 }' "$ours")
    for way in each-set once each-set-json; do
        # Its memory of compiled configurations only grows.
        rate=$(node --max-old-space-size=4096 npm-package.mjs "$way" "$seconds" | cut -f 2)
        printf "| package: %s, %s times as slow as ours: generate | %d | – |\n" "$way" "$(awk "BEGIN { printf \"%.1f\", $generate / $rate }")" "$rate"
    done
}
keep generator report
