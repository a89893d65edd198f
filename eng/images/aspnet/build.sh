#!/usr/bin/env bash
# build.sh TAG LABEL: the same as runtime-deps with this machine's .NET and ASP.NET Core; stands in for .NET's chiselled aspnet image.
set -euo pipefail
tag=$1
label=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=eng/images/rootfs.sh
source "$here/../rootfs.sh"
# shellcheck source=eng/images/distroless.sh
source "$here/../distroless.sh"

dotnet=$(dirname "$(readlink -f "$(type -P dotnet)")")
version=$(dotnet --list-runtimes | sed -nE 's/^Microsoft\.AspNetCore\.App (10\.0\.[0-9]+) .*/\1/p' | sort -V | tail -n 1)
[[ -n $version ]] || { echo "aspnet/build.sh: no ASP.NET Core 10.0 under $dotnet" >&2; exit 1; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
new_distroless "$root"
ln -s ../share/dotnet/dotnet "$root/usr/bin/dotnet"
add_folder "$root" /usr/share/dotnet "$dotnet"/{dotnet,host}
for name in NETCore AspNetCore; do add_folder "$root" "/usr/share/dotnet/shared/Microsoft.$name.App" "$dotnet/shared/Microsoft.$name.App/$version"; done
tar -C "$root" --owner=0 --group=0 --numeric-owner -c . | docker import --message "Packed from this machine's libraries and .NET $version" \
    --change "LABEL consent-snapshots.local-build=$label" \
    --change "ENV APP_UID=1654 ASPNETCORE_HTTP_PORTS=8080 DOTNET_RUNNING_IN_CONTAINER=true DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=true DOTNET_VERSION=$version ASPNET_VERSION=$version" \
    --change "USER 1654" \
    - "$tag" >/dev/null
