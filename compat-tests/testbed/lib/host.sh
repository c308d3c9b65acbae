# shellcheck shell=bash
# Names, cache keys, timing and the machine-wide lock, shared by setup, run and sh.

bed_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
repo_dir=$(cd "$bed_dir/../.." && pwd)
# Worktrees of one clone share the cache, which lies in the main one.
cache_dir=${XENLIGHT_TESTBED_CACHE:-$(git -C "$repo_dir" rev-parse --path-format=absolute --git-common-dir 2>/dev/null |
    sed -n 's,/\.git$,,p')/build/testbed}
[[ $cache_dir != /build/testbed ]] || cache_dir=$repo_dir/build/testbed
last_dir=$repo_dir/build/testbed/last
. "$repo_dir/stubdom/debian.sh"
# The release of Xen that is tested, and the Debian that ships it.
xen_version=${XEN:-$(own_xen)}
# Where make puts what it builds for it, and what the C library of that release recorded.
build_dir=$repo_dir/build
[ "$xen_version" = "$(own_xen)" ] || build_dir+=/$xen_version
build_dir=${XENLIGHT_BUILD:-$build_dir}
# shellcheck disable=SC2034
records_dir=$bed_dir/records/$xen_version
codename=$(debian_codename "$xen_version")
# compat-tests/testbed/fresh shares it with the Debian it makes.
bed_lock=/tmp/xenlight-testbed.lock

say() { printf 'testbed: %s\n' "$*" >&2; }

die() {
    printf 'testbed: FAILED: %s\n' "$*" >&2
    exit 1
}

# timed LABEL CMD...: run CMD and say how long it took.
timed() {
    local label=$1 start=$EPOCHREALTIME
    shift
    "$@" || return
    say "$label: $(((${EPOCHREALTIME/./} - ${start/./}) / 1000)) ms"
}

# content_key PATH...: a short name that changes whenever one of the files does.
content_key() {
    find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum |
        sed "s, $repo_dir/, ," | sha256sum | cut -c1-16
}

# Each cached thing lives in a directory named after what it is made from.
root_key() { echo "$xen_version-$(content_key "$bed_dir/lib/build-root.sh" "$repo_dir/stubdom/debian.sh" "$bed_dir/dom0/modules")"; }
root_dir() { echo "$cache_dir/root-$(root_key)"; }
# A parked machine goes on with the QEMU that has parked it, and with no other.
park_dir() { echo "$cache_dir/park-$(root_key)-$(content_key "$bed_dir/lib/machine.sh" "$bed_dir/dom0/init")-$(qemu_version)"; }
qemu_version() { qemu-system-x86_64 --version | sed -n '1s/.* version \([0-9.]*\).*/\1/p'; }
guests_dir() { echo "$cache_dir/guests-$(root_key)-$(content_key "$bed_dir/guests" "$bed_dir/lib/build-guests.sh" "$bed_dir/dom0/look.c")"; }

# One bed per machine: two emulated Xens starve each other into time-outs.
take_machine_lock() {
    [ -z "${bed_lock_fd:-}" ] || return 0
    exec {bed_lock_fd}>"$bed_lock"
    if ! flock -n "$bed_lock_fd"; then
        say "waiting for another test bed on this machine"
        flock "$bed_lock_fd"
    fi
}

# drop_stale: forget cached directories that no checkout has used for two days.
drop_stale() {
    find "$cache_dir" -maxdepth 1 -mindepth 1 -type d -mtime +1 -exec rm -rf {} +
}
