#!/usr/bin/env bash
# build.sh TAG LABEL: packs this machine's node and the npm package of Azurite into a local image that stands in
# for the official one.
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
# Debian's node keeps some of its built-in modules as files.
for module in acorn acorn-walk cjs-module-lexer undici busboy streamsearch; do
    if [[ -d /usr/share/nodejs/$module ]]; then
        mkdir -p "$root/usr/share/nodejs"
        cp -aL "/usr/share/nodejs/$module" "$root/usr/share/nodejs/$module"
    fi
done

mkdir -p "$root/opt/azurite" "$root/data"
cp "$here"/package*.json "$root/opt/azurite/"
(cd "$root/opt/azurite" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null)
for command in azurite azurite-blob; do
    ln -s "/opt/azurite/node_modules/.bin/$command" "$root/usr/local/bin/$command"
done

tar -C "$root" --owner=0 --group=0 --numeric-owner -c . | docker import --message "Packed from this machine's node and npm's azurite" \
    --change "LABEL consent-snapshots.local-build=$label" \
    --change "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin" \
    --change "WORKDIR /opt/azurite" \
    --change "EXPOSE 10000" \
    --change 'CMD ["azurite", "-l", "/data", "--blobHost", "0.0.0.0"]' \
    - "$tag" >/dev/null
