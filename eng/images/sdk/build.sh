#!/usr/bin/env bash
# build.sh TAG LABEL: this machine's .NET SDK, its C compiler, and the packages that the lock files of both programs name; stands in for .NET's sdk image with native compilation. What is
# built in it needs no package registry. The files go straight into the image, without a copy on the way.
set -euo pipefail
tag=$1
label=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../../.." && pwd)
# shellcheck source=eng/packages.sh
source "$repository/eng/packages.sh"
# shellcheck source=eng/images/distroless.sh
source "$here/../distroless.sh"
have dpkg-query || fail "this base can only be made on Debian and its relatives"

cd "$repository"
# The native compiler links with clang and falls back to gcc.
have gcc || apt_install gcc
[[ -e /usr/include/zlib.h ]] || apt_install zlib1g-dev
for project in src/Worker src/EdgeApi; do dotnet restore "$project" --locked-mode -v quiet; done
dotnet tool restore >/dev/null

dotnet=$(dirname "$(readlink -f "$(type -P dotnet)")")
sdk=$(dotnet --version)
packages=$(dotnet nuget locals global-packages --list | sed 's/^[^:]*: *//; s,/$,,')
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# used: the packages of both projects, those that a lock file names and those that come with the SDK's version (the runtime, the native compiler), as NAME/VERSION.
used() {
    local project
    for project in src/*/; do
        [[ -e $project/obj/project.assets.json ]] || continue
        grep -oE '"path": "[a-z0-9][^/"]*/[^"/]+"' "$project/obj/project.assets.json" | sed -E 's/.*"path": "(.*)"/\1/'
        # A range of one version only is that of a package which is downloaded beside the references.
        awk '/"name": "/ { gsub(/[",]/, ""); name = tolower($2) } /"version": "\[[^,]+, [^,]+\]"/ { gsub(/[]["),]/, ""); if ($2 == $3) print name "/" $2 }' "$project/obj/project.assets.json"
    done
    # The tools.
    awk '/"[a-z0-9.-]+": \{ "version"/ { gsub(/[",:{}]/, ""); print $1 "/" $3 }' .config/dotnet-tools.json
}
used | sort -u >"$root/used"
case $(uname -m) in aarch64) other=linux-x64 ;; *) other=linux-arm64 ;; esac

tree=$root/tree
mkdir -p "$tree"/{etc/ssl/certs,proc,sys,dev,run,tmp,root/.nuget/NuGet,var} "$tree"/usr/{bin,sbin,lib,lib64}
for name in bin sbin lib lib64; do ln -s "usr/$name" "$tree/$name"; done
chmod 1777 "$tree/tmp"
printf 'root:x:0:0:root:/root:/bin/bash\n' >"$tree/etc/passwd"
printf 'root:x:0:\n' >"$tree/etc/group"
cp -L /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
ln -s ../share/dotnet/dotnet "$tree/usr/bin/dotnet"
ln -s bash "$tree/usr/bin/sh"
# A folder of packages is a source of packages too, for whatever NuGet would look up.
printf '<configuration><packageSources><clear /><add key="packed" value="/root/.nuget/packages" /></packageSources></configuration>\n' >"$tree/root/.nuget/NuGet/NuGet.Config"

# Compilers of C and C++ themselves are not needed for linking, and are most of gcc's size.
add_packages "$tree" '(^|/)(cc1|cc1plus|lto1|[^/]*lto-dump[^/]*)$|lib(a|l|t|ub|hwa)san|^usr/share/(doc|man|info|locale|lintian|perl)/|/gconv/|^(usr/)?bin/sh$' \
    bash coreutils sed grep findutils gcc zlib1g-dev libstdc++6 libssl3 ca-certificates
add_folder "$tree" /usr/share/dotnet "$dotnet"/{dotnet,host,shared,packs,sdk-manifests}
add_folder "$tree" /usr/share/dotnet/sdk "$dotnet/sdk/$sdk"
rm -rf "$tree/usr/share/dotnet/sdk/$sdk/FSharp"
while read -r package; do
    [[ -d $packages/$package ]] || fail "$packages has no $package, which the projects use"
    if [[ $package == *"$other"* ]]; then
        # What only the other architecture runs has to be there for NuGet, which looks at these files; nothing reads its content.
        mapfile -t files < <(find "$packages/$package" -maxdepth 1 -type f ! -name '*.nupkg')
        add_folder "$tree" "/root/.nuget/packages/$package" "${files[@]}"
    else
        add_folder "$tree" "/root/.nuget/packages/${package%/*}" "$packages/$package"
    fi
done <"$root/used"

tar -C "$tree" --owner=0 --group=0 --numeric-owner -c . | docker import --message "Packed from this machine's .NET SDK $sdk, its C compiler, and the packages of the lock files" \
    --change "LABEL consent-snapshots.local-build=$label" \
    --change "ENV PATH=/usr/sbin:/usr/bin HOME=/root DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=true DOTNET_RUNNING_IN_CONTAINER=true NUGET_CERT_REVOCATION_MODE=offline" \
    - "$tag" >/dev/null
