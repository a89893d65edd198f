#!/usr/bin/env bash
# build.sh TAG LABEL: this machine's nginx and the libraries that it needs, without a shell; stands in for the official image.
set -euo pipefail
tag=$1
label=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=eng/packages.sh
source "$here/../../packages.sh"
# shellcheck source=eng/images/rootfs.sh
source "$here/../rootfs.sh"
# shellcheck source=eng/images/distroless.sh
source "$here/../distroless.sh"

need nginx nginx-light
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
new_distroless "$root"
printf 'nginx:x:101:101::/nonexistent:/bin/false\n' >>"$root/etc/passwd"
printf 'nginx:x:101:\n' >>"$root/etc/group"
nginx=$(type -P nginx)
copy_programs "$root" "$nginx"
[[ $nginx == /usr/sbin/nginx ]] || ln -sf "$nginx" "$root/usr/sbin/nginx"
mkdir -p "$root"/{etc/nginx,usr/share/nginx,var/lib/nginx,var/log/nginx}
tar -C "$root" --owner=0 --group=0 --numeric-owner -c . | docker import --message "Packed from this machine's nginx" \
    --change "LABEL consent-snapshots.local-build=$label" \
    --change "ENV PATH=/usr/sbin:/usr/bin" \
    --change "EXPOSE 80" \
    - "$tag" >/dev/null
