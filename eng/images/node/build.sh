#!/usr/bin/env bash
# build.sh TAG LABEL: this machine's node and npm, which gets packages from where it gets them on this machine; stands in for the official image.
set -euo pipefail
tag=$1
label=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=eng/images/rootfs.sh
source "$here/../rootfs.sh"

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
new_rootfs "$root"
node=$(node -p process.execPath)
copy_programs "$root" "$node"
[[ $node == /usr/bin/node ]] || ln -s "$node" "$root/usr/bin/node"
copy_file "$root" /usr/bin/env
# npm is a folder of its own; Debian's has its parts, and those of node itself, in another one.
npm=$(readlink -f "$(type -P npm)")
modules=${npm%/bin/*}
for folder in "$modules" /usr/share/nodejs; do
    [[ -d $folder && ! -e $root$folder ]] || continue
    mkdir -p "${root}${folder%/*}"
    cp -aL "$folder" "$root$folder"
done
ln -s "$npm" "$root/usr/bin/npm"
mkdir -p "$root/etc/ssl/certs"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
tar -C "$root" --owner=0 --group=0 --numeric-owner -c . | docker import --message "Packed from this machine's node and npm" \
    --change "LABEL consent-snapshots.local-build=$label" \
    --change "ENV PATH=/usr/sbin:/usr/bin HOME=/root NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt npm_config_registry=$(npm config get registry) npm_config_cafile=/etc/ssl/certs/ca-certificates.crt" \
    - "$tag" >/dev/null
