#!/usr/bin/env bash
# publish-edge.sh FOLDER: publishes the edge as one native executable, FOLDER/consent-edge, for this machine's architecture. On Debian the linker and the libraries that it
# needs are installed when they are missing. Further arguments go to `dotnet publish`, for example -p:OptimizationPreference=Size.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=eng/packages.sh
source "$here/eng/packages.sh"
(($# > 0)) || fail "usage: eng/publish-edge.sh FOLDER [OPTION …]"
folder=$(realpath -m "$1")
shift
have dotnet || fail "dotnet is not on PATH; install the .NET SDK that global.json names"
# The native compiler links with clang and falls back to gcc.
have clang || have gcc || apt_install clang
[[ -e /usr/include/zlib.h ]] || apt_install zlib1g-dev
cd "$here"
# A warning of the trimmer or of the native compiler is an error (Directory.Build.props), so what is published never depends on reflection that is not there.
dotnet publish src/EdgeApi -c Release -o "$folder" -v quiet -nologo -p:UseSharedCompilation=false "$@" </dev/null >&2
# The native compiler says nothing of a method that it could not read; such a method fails when it is called. Every program has one that is called at once.
status=0
"$folder/consent-edge" --print-config >/dev/null 2>&1 || status=$?
((status == 0 || status == 2)) || fail "$folder/consent-edge does not start (exit code $status)"
