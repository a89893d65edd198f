# shellcheck shell=bash
# Sourced by the image builders: a root file system made of this machine's own files, for machines that no image registry
# is reachable from. Only what a program needs is copied: its file, the shared libraries ldd names, and a small shell.

# new_rootfs DIR: an empty merged-/usr tree with a shell and the few tools an entrypoint uses.
new_rootfs() {
    local root=$1 tool path tools=()
    mkdir -p "$root"/{etc,proc,sys,dev,run,tmp,root,var/lib} "$root"/usr/{bin,sbin,lib,local/bin,share}
    ln -s usr/bin "$root/bin"
    ln -s usr/sbin "$root/sbin"
    ln -s usr/lib "$root/lib"
    if [[ -e /lib64 ]]; then
        mkdir -p "$root/usr/lib64"
        ln -s usr/lib64 "$root/lib64"
    fi
    ln -s /run "$root/var/run"
    chmod 1777 "$root/tmp"
    printf 'root:x:0:0:root:/root:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\n' >"$root/etc/group"
    printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
    for tool in sh bash cat chmod chown cp env id install kill ls mkdir mv rm sed sleep setpriv tail test touch true; do
        path=$(type -P "$tool") && tools+=("$path")
    done
    copy_programs "$root" "${tools[@]}"
}

# copy_programs DIR FILE...: each file to the same path below DIR, and every library it is linked to.
copy_programs() {
    local root=$1 file library
    shift
    for file in "$@"; do
        copy_file "$root" "$file"
    done
    # ldd fails for a script or a static program, which has no libraries to copy.
    { ldd "$@" 2>/dev/null || true; } | sed -nE 's,^.*[[:space:]](/[^ ()]+) \(0x[0-9a-f]+\)$,\1,p' | sort -u | while read -r library; do
        copy_file "$root" "$library"
    done
}

# copy_file DIR FILE: the content a symbolic link leads to, under the name that was asked for.
copy_file() {
    local root=$1 file=$2
    [[ -e $root$file ]] && return
    mkdir -p "$root${file%/*}"
    cp -L --preserve=mode "$file" "$root$file"
}
