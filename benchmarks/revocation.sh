#!/usr/bin/env bash
# How long after a publication that takes a vendor out a page can still load that vendor, through nginx and a real browser, while no cache is purged. It waits for about four minutes.
# Needs what ./test.sh installs. The table is in docs/cdn.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
eng/setup-tests.sh >&2
CONSENT_SNAPSHOTS_TEST_REPORT=$(mktemp)
export CONSENT_SNAPSHOTS_TEST_REPORT
trap 'rm -f "$CONSENT_SNAPSHOTS_TEST_REPORT"' EXIT
dotnet run --project tests/Integration.Tests -c Release -- -explicit only -class '*.RevocationTimeTests' >&2
cat "$CONSENT_SNAPSHOTS_TEST_REPORT"
