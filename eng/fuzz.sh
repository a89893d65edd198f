#!/usr/bin/env bash
# fuzz.sh [--openapi] [--requests N] [--seed S]: sends odd requests to a real edge, a million if nothing else is said, and judges every answer (tests/EdgeApi.Tests/Fuzz). With --openapi the
# requests are generated from docs/openapi.yaml, and every answer has to be as it says; then 100,000 if nothing else is said. Without --seed another one is chosen; the seed is printed, and the
# same one gives the same requests. The last line says what was answered; the exit code is 0 only if everything was as it should be.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=eng/packages.sh
source eng/packages.sh
tests='*.RequestFuzzTests' requests= seed=$RANDOM
while (($# > 0)); do
    case $1 in
        --openapi)
            tests='*.OpenApiTests'
            shift
            ;;
        --requests | --seed)
            [[ ${2:-} =~ ^[0-9]+$ ]] || fail "$1 needs a number"
            [[ $1 == --seed ]] && seed=$2 || requests=$2
            shift 2
            ;;
        *) fail "usage: eng/fuzz.sh [--openapi] [--requests N] [--seed S]" ;;
    esac
done
export CONSENT_SNAPSHOTS_FUZZ_REQUESTS=${requests:-1000000} CONSENT_SNAPSHOTS_FUZZ_SEED=$seed
export CONSENT_SNAPSHOTS_OPENAPI_REQUESTS=${requests:-100000} CONSENT_SNAPSHOTS_OPENAPI_SEED=$seed
have dotnet || fail "dotnet is not on PATH"
[[ $tests != *OpenApi* || -d tests/http-api/node_modules ]] || (cd tests/http-api && npm ci --ignore-scripts --silent --no-audit --no-fund)
dotnet build tests/EdgeApi.Tests -c Release -v quiet -nologo -p:UseSharedCompilation=false >&2
CONSENT_SNAPSHOTS_TEST_REPORT=$(mktemp)
export CONSENT_SNAPSHOTS_TEST_REPORT
trap 'rm -f "$CONSENT_SNAPSHOTS_TEST_REPORT"' EXIT
status=0
tests/EdgeApi.Tests/bin/Release/net10.0/EdgeApi.Tests -noColor -class "$tests" </dev/null >&2 || status=$?
tail -n 1 "$CONSENT_SNAPSHOTS_TEST_REPORT"
exit "$status"
