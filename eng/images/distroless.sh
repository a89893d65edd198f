# shellcheck shell=bash
# Sourced by the builders of base images, after rootfs.sh: root file systems without a shell, and those that are made of whole Debian packages.

# new_distroless DIR: what .NET's chiselled images have: the C and C++ libraries, OpenSSL, certificates, and the user 1654. No shell, no package manager, no time zones.
new_distroless() {
    local root=$1 name library path
    mkdir -p "$root"/{etc/ssl/certs,proc,sys,dev,run,tmp,root,home/app} "$root"/usr/{bin,sbin,lib,lib64,share,lib/ssl}
    for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
    chmod 1777 "$root/tmp"
    printf 'root:x:0:0:root:/root:/bin/false\napp:x:1654:1654::/home/app:/bin/false\n' >"$root/etc/passwd"
    printf 'root:x:0:\napp:x:1654:\n' >"$root/etc/group"
    printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    ln -s /etc/ssl/certs "$root/usr/lib/ssl/certs"
    # The loader has a path of its own on each architecture; any program names it.
    copy_file "$root" "$(ldd "$(type -P cat)" | sed -nE 's,^[[:space:]]*(/[^ ]*/ld-linux[^ ]*).*,\1,p')"
    for library in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libresolv.so.2 libnss_dns.so.2 libnss_files.so.2 libgcc_s.so.1 libstdc++.so.6 libssl.so.3 libcrypto.so.3; do
        path=$(/sbin/ldconfig -p | awk -v name="$library" '$1 == name && !found { print $NF; found = 1 }')
        [[ -n $path ]] || { echo "distroless.sh: this machine has no $library" >&2; exit 1; }
        copy_file "$root" "$path"
    done
}

# package_files PACKAGE…: the paths of all files of these Debian packages and of what they depend on, without the leading slash.
package_files() {
    local -A seen=()
    local queue=("$@") package dependency
    while ((${#queue[@]} > 0)); do
        package=${queue[0]}
        queue=("${queue[@]:1}")
        [[ -z ${seen[$package]:-} ]] || continue
        seen[$package]=1
        # Of "a | b" one is enough, and some names are only provided by other packages.
        [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) == ii* ]] || continue
        dpkg-query -L "$package"
        # shellcheck disable=SC2016 # dpkg-query's own variables
        while read -r dependency; do queue+=("$dependency"); done < <(dpkg-query -W -f '${Depends}, ${Pre-Depends}\n' "$package" | tr ',|' '\n\n' | sed -E 's/^ +//; s/[ (:].*//; /^$/d')
    done | sort -u | while read -r file; do
        if [[ -L $file || -f $file ]]; then echo "${file#/}"; fi
    done
}

# add_packages DIR PATTERN PACKAGE…: the files of these packages, except those whose path the pattern of grep -E finds. Debian names files both below / and below /usr; here they are all below /usr.
add_packages() {
    local root=$1 without=$2
    shift 2
    package_files "$@" | grep -vE "$without" | tar -C / -c --no-recursion -T - --transform 's,^\(bin\|sbin\|lib\|lib64\)/,usr/\1/,' | tar -C "$root" -x
}

# add_folder DIR PATH FOLDER…: folders or files, under their own names, to a path below DIR. They are linked where that is possible, because some are large; nothing writes to them there.
add_folder() {
    local root=$1 path=$2
    shift 2
    mkdir -p "$root$path"
    cp -al -t "$root$path" "$@" 2>/dev/null || cp -a -t "$root$path" "$@"
}
