#!/usr/bin/env bash
# sbom.sh PROJECT FOLDER [VERSION]: writes the software bill of materials of a program, FOLDER/NAME.cdx.json, in CycloneDX: every package that the restored project uses, with its
# version, licence and hash. The build of the images calls it; by hand, for example: eng/sbom.sh src/EdgeApi artifacts/sbom
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=eng/packages.sh
source eng/packages.sh
(($# >= 2)) || fail "usage: eng/sbom.sh PROJECT FOLDER [VERSION]"
project=${1%/}
folder=$2
have dotnet || fail "dotnet is not on PATH; install the .NET SDK that global.json names"
[[ -e $project/obj/project.assets.json ]] || fail "$project is not restored: run 'dotnet restore $project --locked-mode' first"
# All at once, because each question reads the whole project.
properties=$(dotnet msbuild "$project" -nologo -getProperty:Version -getProperty:AssemblyName -getProperty:PublishAot -getProperty:BundledNETCoreAppPackageVersion \
    -getProperty:NETCoreSdkPortableRuntimeIdentifier)
property() { sed -nE "s/^ *\"$1\": \"(.*)\",?\$/\1/p" <<<"$properties"; }

version=${3:-$(property Version)}
name=$(property AssemblyName)
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
file=$folder/$name.cdx.json
dotnet tool restore >/dev/null
# Packages that only the build uses (analyzers, the minifier) are in it with the scope "excluded".
log=$(dotnet dotnet-CycloneDX "$project"/*.csproj --disable-package-restore --output "$folder" --filename "${file##*/}" --output-format Json \
    --set-name "$name" --set-version "$version" --include-project-references 2>&1) || fail "$log"
if [[ $(property PublishAot) == true ]]; then
    # A native program has the runtime within itself, which no reference of the project names.
    runtime=$(property BundledNETCoreAppPackageVersion)
    pack=Microsoft.NETCore.App.Runtime.NativeAOT.$(property NETCoreSdkPortableRuntimeIdentifier)
    sed -i "0,/^  \"components\": \[/s|^  \"components\": \[|&\n    {\n      \"type\": \"framework\",\n      \"bom-ref\": \"pkg:nuget/$pack@$runtime\",\n      \"name\": \"$pack\",\n      \"version\": \"$runtime\",\n      \"scope\": \"required\",\n      \"licenses\": [ { \"license\": { \"id\": \"MIT\" } } ],\n      \"purl\": \"pkg:nuget/$pack@$runtime\"\n    },|" "$file"
    grep -q "pkg:nuget/$pack@$runtime" "$file" || fail "$file has no list of components that the runtime could be added to"
fi
say "$file lists $(grep -c '"purl": "pkg:nuget' "$file") packages"
