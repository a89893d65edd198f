#!/usr/bin/env bash
# audit.sh [--strict] [--source URL]: asks whether a package of a lock file has a known vulnerability: NuGet's for every project of the solution, direct and transitive, and npm's for every
# package-lock.json. One that is found fails, with the package, its severity and the advisory. Where nobody can be asked, because a mirror of a registry has packages but no advisories, that
# is said on a line of its own that begins with "NOT CHECKED", and does not fail; with --strict it does.
#   --source URL   the NuGet server to ask for advisories, in the place of those that packages come from
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=eng/packages.sh
source eng/packages.sh
strict=
sources=()
while (($# > 0)); do
    case $1 in
        --strict) strict=yes ;;
        --source)
            [[ ${2:-} == http* ]] || fail "--source needs the URL of a NuGet server"
            sources=("$2")
            shift
            ;;
        *) fail "usage: eng/audit.sh [--strict] [--source URL]" ;;
    esac
    shift
done
have dotnet || fail "dotnet is not on PATH; install the .NET SDK that global.json names"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
found=
unchecked=

not_checked() {
    unchecked=yes
    echo "NOT CHECKED: $*"
}

# NuGet says nothing of a source without advisories, unless it is named as one to ask. The machine's own settings go on to say where packages come from, and with which credentials.
if ((${#sources[@]} == 0)); then mapfile -t sources < <(dotnet nuget list source --format short | sed -nE 's/^E[A-Z]* (http.*)/\1/p'); fi
{
    echo '<configuration><auditSources><clear />'
    for index in "${!sources[@]}"; do
        # A server on this machine may do without TLS.
        insecure=
        if [[ ${sources[index]} == http://127.0.0.1:* ]]; then insecure=' allowInsecureConnections="true"'; fi
        echo "<add key=\"audit$index\" value=\"${sources[index]//&/&amp;}\"$insecure />"
    done
    echo '</auditSources></configuration>'
} >"$work/nuget.config"
# What the sources answer is kept with the restored packages, and said again by every build. So the projects are restored elsewhere, without their code.
find . \( -name node_modules -o -name obj -o -name bin -o -name .git \) -prune -o -type f \
    \( -name '*.csproj' -o -name '*.sln' -o -name '*.props' -o -name '*.targets' -o -name packages.lock.json -o -name global.json \) -print0 | xargs -0 cp --parents -t "$work"
status=0
(cd "$work" && dotnet restore Consent.Snapshots.sln --locked-mode -v minimal -tl:off -p:NuGetAudit=true </dev/null >nuget 2>&1) || status=$?
if grep -qE ' NU190[1-4]:' "$work/nuget"; then
    found=yes
    echo "NuGet packages with known vulnerabilities:"
    sed -nE 's/^.* NU190[1-4]: (Warning As Error: )?(.*)$/\2/p' "$work/nuget" | sed -E 's/ \[[^]]*\]$//' | sort -u | sed 's/^/  /'
elif grep -qE ' NU190[05]:' "$work/nuget"; then
    not_checked "NuGet packages: no source of packages here has advisories. Use --source, or run this where one has."
elif ((status != 0)); then
    cat "$work/nuget" >&2
    fail "the packages cannot be restored"
elif ((${#sources[@]} == 0)); then
    not_checked "NuGet packages: this machine has no package source over HTTP."
else
    echo "NuGet: no known vulnerability in $(sed -nE 's/^ *"contentHash": "(.*)",?$/\1/p' ./*/*/packages.lock.json | sort -u | wc -l) locked packages"
fi

if have npm; then
    while read -r lock; do
        folder=${lock%/*}
        status=0
        (cd "$folder" && npm audit --package-lock-only --audit-level=low --json </dev/null >"$work/npm" 2>/dev/null) || status=$?
        if ! grep -q '"auditReportVersion"' "$work/npm"; then
            not_checked "npm packages of $folder: the registry here does not answer questions about advisories."
        elif ((status == 0)); then
            echo "npm: no known vulnerability in $folder"
        else
            found=yes
            echo "npm packages of $folder with known vulnerabilities:"
            (cd "$folder" && npm audit --package-lock-only --audit-level=low </dev/null 2>/dev/null | sed 's/^/  /') || true
        fi
    done < <(git ls-files '*package-lock.json' 2>/dev/null || find . -name package-lock.json -not -path '*/node_modules/*')
else
    not_checked "npm packages: npm is not installed"
fi

if [[ -n $found ]]; then fail "known vulnerabilities: raise the versions, or say in docs/supply-chain.md why they do not matter here"; fi
if [[ -n $strict && -n $unchecked ]]; then fail "not everything could be checked"; fi
exit 0
