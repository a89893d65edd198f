#!/usr/bin/env bash
# The test command: makes the machine ready (eng/setup-tests.sh), builds, runs every test, stops what it started.
# Arguments go to `dotnet test`, for example: ./test.sh -- --filter-class '*Publisher*'
# The last line is `N passed, N failed` (and skipped, if any), before it what tests report of themselves, such as how many hostile cases
# were tried; the exit code is 0 only if tests ran and all passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=eng/packages.sh
source eng/packages.sh
# shellcheck source=eng/docker.sh
source eng/docker.sh
solution=Consent.Snapshots.sln

have dotnet || fail "dotnet is not on PATH; install the .NET SDK named in global.json ($(grep -oE '[0-9]+\.[0-9]+\.[0-9]+' global.json | head -n 1) or newer)"
# Summaries are read below, in English; no build server stays behind.
export DOTNET_CLI_UI_LANGUAGE=en DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0
# A filter leaves some project without a test; that none ran at all is judged below.
if (($# > 0)); then export TESTINGPLATFORM_EXITCODE_IGNORE=8; fi
export CONSENT_SNAPSHOTS_TEST_RUN=run-$$-$RANDOM

# As long as this is locked no other run stops the Docker daemon. What is started below must not hold the lock any longer than this run.
exec {users}>>"$docker_users"
flock --shared "$users"
log=$(mktemp)
# dotnet test shows nothing of what a passing test writes; what is to be seen goes here.
CONSENT_SNAPSHOTS_TEST_REPORT=$(mktemp)
export CONSENT_SNAPSHOTS_TEST_REPORT
tests=
finish() {
    # Cut short: no test may start another container behind the sweep.
    if [[ -n $tests ]]; then
        kill -TERM -- "-$tests" 2>/dev/null || true
        for _ in {1..100}; do
            kill -0 -- "-$tests" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL -- "-$tests" 2>/dev/null || true
    fi
    rm -f "$log" "$CONSENT_SNAPSHOTS_TEST_REPORT"
    exec {users}>&-
    eng/teardown-tests.sh "$CONSENT_SNAPSHOTS_TEST_RUN"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

eng/setup-tests.sh {users}>&-
dotnet restore "$solution" --locked-mode -v quiet {users}>&-
dotnet build "$solution" -c Release --no-restore -v quiet -warnaserror -p:UseSharedCompilation=false {users}>&-
status=0
# A process group of its own, so that finish can end all of it; a shell that waits in the foreground would hear no signal till then.
exec {output}> >(exec tee "$log" {users}>&-)
copying=$!
setsid dotnet test --solution "$solution" -c Release --no-build "$@" </dev/null >&"$output" 2>&1 {output}>&- {users}>&- &
tests=$!
wait "$tests" || status=$?
tests=
exec {output}>&-
wait "$copying"

# The summary of all projects is the last one printed.
count() { sed -nE "s/^[[:space:]]*$1: ([0-9]+).*/\\1/p" "$log" | tail -n 1; }
passed=$(count succeeded)
failed=$(count failed)
skipped=$(count skipped)
if ((${passed:-0} + ${failed:-0} == 0)); then
    echo "test.sh: no test ran" >&2
    status=1
elif ((${failed:-0} > 0 && status == 0)); then
    status=1
fi
cat "$CONSENT_SNAPSHOTS_TEST_REPORT"
trap - EXIT
finish
echo "${passed:-0} passed, ${failed:-0} failed$( ((${skipped:-0} == 0)) || echo ", $skipped skipped")"
exit "$status"
