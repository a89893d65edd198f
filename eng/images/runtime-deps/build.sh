#!/usr/bin/env bash
# build.sh TAG LABEL: what a native .NET program needs, from this machine's own libraries; stands in for .NET's chiselled runtime-deps image.
set -euo pipefail
tag=$1
label=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=eng/images/rootfs.sh
source "$here/../rootfs.sh"
# shellcheck source=eng/images/distroless.sh
source "$here/../distroless.sh"

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
new_distroless "$root"
tar -C "$root" --owner=0 --group=0 --numeric-owner -c . | docker import --message "Packed from this machine's libraries" \
    --change "LABEL consent-snapshots.local-build=$label" \
    --change "ENV APP_UID=1654 ASPNETCORE_HTTP_PORTS=8080 DOTNET_RUNNING_IN_CONTAINER=true DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=true" \
    --change "USER 1654" \
    - "$tag" >/dev/null
