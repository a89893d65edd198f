# shellcheck shell=bash
# Sourced by the scripts that need commands which a bare Debian machine lacks. A command is asked for by the name that is run, not by
# the package that it usually comes with.

# Not every shell has the system's own commands on its path (dockerd, iptables).
PATH=$PATH:/usr/sbin:/sbin

say() { echo "$(basename "$0" .sh): $*" >&2; }

fail() {
    say "$*"
    exit 1
}

as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    else
        have sudo || fail "needs root for '$*', and there is no sudo: run it as root"
        sudo "$@"
    fi
}

have() { command -v "$1" >/dev/null; }

# need COMMAND PACKAGE
need() {
    have "$1" || apt_install "$2"
}

apt_updated=
apt_install() {
    have apt-get || fail "$* is missing, and there is no apt-get to install it with: install it by hand"
    # Two checkouts may do this at the same time, and apt-get fails where another one is at work. What apt-get starts must not hold the lock.
    local lock
    exec {lock}>>"${TMPDIR:-/tmp}/consent-snapshots-apt-$(id -u)"
    flock "$lock"
    say "installing $*"
    # apt speaks on standard output and may read standard input; neither belongs to the caller.
    if [[ -z $apt_updated ]]; then
        as_root apt-get update -q </dev/null >&2 {lock}>&-
        apt_updated=yes
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" </dev/null >&2 {lock}>&-
    exec {lock}>&-
}
