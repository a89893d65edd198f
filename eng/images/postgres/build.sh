#!/usr/bin/env bash
# build.sh TAG LABEL: packs this machine's PostgreSQL into a local image that stands in for the official one:
# the same environment variables, the same arguments, the same paths, so that tests cannot tell them apart.
set -euo pipefail
tag=$1
label=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=eng/images/rootfs.sh
source "$here/../rootfs.sh"

# The newest server of this machine; the official tag is 15, and newer ones run the same SQL.
server=$(find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -path '*/bin/postgres' | sort -V | tail -n 1)
[[ -n $server ]] || { echo "postgres/build.sh: no PostgreSQL server under /usr/lib/postgresql" >&2; exit 1; }
home=${server%/bin/postgres}
version=${home##*/}

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
new_rootfs "$root"

mkdir -p "${root}${home}" "$root/usr/share/postgresql"
cp -aL "$home/bin" "${root}${home}/bin"
cp -aL "$home/lib" "${root}${home}/lib"
# Compiling queries would need all of LLVM; without its module the server interprets them.
rm -rf "${root}${home}"/lib/{llvmjit*,bitcode,pgxs}
cp -aL "/usr/share/postgresql/$version" "$root/usr/share/postgresql/$version"
mapfile -d '' -t linked < <(find "$home/bin" "$home/lib" -maxdepth 1 -type f ! -name 'llvmjit*' \( -perm -u+x -o -name '*.so' \) -print0)
copy_programs "$root" "${linked[@]}"
# Debian's build reads the system's time zones, and C.UTF-8 is the locale both images have.
cp -a /usr/share/zoneinfo "$root/usr/share/zoneinfo"
mkdir -p "$root/usr/lib/locale"
cp -a /usr/lib/locale/C.utf8 "$root/usr/lib/locale/C.utf8"

printf 'postgres:x:999:999::/var/lib/postgresql:/bin/bash\n' >>"$root/etc/passwd"
printf 'postgres:x:999:\n' >>"$root/etc/group"
mkdir -p "$root/var/lib/postgresql/data" "$root/run/postgresql" "$root/docker-entrypoint-initdb.d"
install -m 755 "$here/entrypoint.sh" "$root/usr/local/bin/docker-entrypoint.sh"

# docker import takes no STOPSIGNAL: PostgresFixture asks for the fast shutdown (SIGINT) of the official image itself.
tar -C "$root" --owner=0 --group=0 --numeric-owner -c . | docker import --message "Packed from this machine's PostgreSQL $version" \
    --change "LABEL consent-snapshots.local-build=$label" \
    --change "ENV PATH=$home/bin:/usr/local/bin:/usr/sbin:/usr/bin" \
    --change "ENV PGDATA=/var/lib/postgresql/data" \
    --change "ENV LANG=C.UTF-8" \
    --change "EXPOSE 5432" \
    --change 'ENTRYPOINT ["docker-entrypoint.sh"]' \
    --change 'CMD ["postgres"]' \
    - "$tag" >/dev/null
