#!/usr/bin/env bash
# torture.sh [--minutes N] [--seed S] [--logs DIRECTORY]: runs the whole product as processes while everything around it fails (docs/reliability.md). Without
# --minutes it is as short as in every build; without --seed another one is chosen and printed. The last line says what was done, and whether every guarantee held;
# the exit code is 0 only then. The logs of a run that fails are kept, and the place is printed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=eng/packages.sh
source eng/packages.sh

while (($# > 0)); do
    case $1 in
        --minutes) export CONSENT_SNAPSHOTS_TORTURE_MINUTES=${2:?} ;;
        --seed) export CONSENT_SNAPSHOTS_TORTURE_SEED=${2:?} ;;
        --logs) CONSENT_SNAPSHOTS_TORTURE_LOGS=$(realpath -m "${2:?}") && export CONSENT_SNAPSHOTS_TORTURE_LOGS ;;
        *) fail "usage: eng/torture.sh [--minutes N] [--seed S] [--logs DIRECTORY]" ;;
    esac
    shift 2
done

have dotnet || fail "dotnet is not on PATH"
eng/setup-tests.sh
dotnet build tests/Torture.Tests -c Release -v quiet -p:UseSharedCompilation=false >&2
export CONSENT_SNAPSHOTS_TEST_RUN=torture-$$-$RANDOM
log=$(mktemp)
run=
finish() {
    if [[ -n $run ]]; then kill -KILL -- "-$run" 2>/dev/null || true; fi
    rm -f "$log"
    docker ps --all --quiet --filter "label=consent-snapshots.test-run=$CONSENT_SNAPSHOTS_TEST_RUN" | xargs --no-run-if-empty docker rm --force --volumes >/dev/null
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
status=0
# A process group of its own, so that no process of the product outlives this one.
setsid nice -n 10 tests/Torture.Tests/bin/Release/net10.0/Torture.Tests -noColor </dev/null > >(tee "$log") 2>&1 &
run=$!
wait "$run" || status=$?
sleep 0.2
last=$(grep -E '^torture: [0-9]+ kills' "$log" | tail -n 1 || true)
echo "${last:-torture: the run did not reach its end: failed}"
exit "$status"
