#!/usr/bin/env bash
# fuzz.sh [--requests N] [--seed S]: sends odd requests to a real edge, a million if nothing else is said, and judges every answer (tests/EdgeApi.Tests/Fuzz). Without --seed another one is
# chosen; the seed is printed, and the same one gives the same requests. The last line says what was answered; the exit code is 0 only if everything was as it should be.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=eng/packages.sh
source eng/packages.sh
export CONSENT_SNAPSHOTS_FUZZ_REQUESTS=1000000 CONSENT_SNAPSHOTS_FUZZ_SEED=$RANDOM
while (($# > 0)); do
    case $1 in
        --requests) export CONSENT_SNAPSHOTS_FUZZ_REQUESTS=${2:?} ;;
        --seed) export CONSENT_SNAPSHOTS_FUZZ_SEED=${2:?} ;;
        *) fail "usage: eng/fuzz.sh [--requests N] [--seed S]" ;;
    esac
    shift 2
done
have dotnet || fail "dotnet is not on PATH"
dotnet build tests/EdgeApi.Tests -c Release -v quiet -nologo -p:UseSharedCompilation=false >&2
CONSENT_SNAPSHOTS_TEST_REPORT=$(mktemp)
export CONSENT_SNAPSHOTS_TEST_REPORT
trap 'rm -f "$CONSENT_SNAPSHOTS_TEST_REPORT"' EXIT
status=0
tests/EdgeApi.Tests/bin/Release/net10.0/EdgeApi.Tests -noColor -class '*.RequestFuzzTests' </dev/null >&2 || status=$?
tail -n 1 "$CONSENT_SNAPSHOTS_TEST_REPORT"
exit "$status"
