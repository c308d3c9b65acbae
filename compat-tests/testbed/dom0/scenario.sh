# shellcheck shell=bash
# Helpers for scenarios. "bash scenario.sh NAME" runs scenarios/*/NAME.sh between two looks at the machine and
# fails when anything is left over. Sourced without a name it only defines the functions.
# Names a scenario may use: $guests (guest images), $work (scratch directory), $bed_out (comes back to the host),
# $bed_lib (c or ours).

guests=/job/guests
look=$guests/look
store_reader=/job/tests/store-reader
work=/job/work
script_dir=/etc/xen/scripts
# Debian keeps what goes with one release of Xen there.
xen_dir=$(echo /usr/lib/xen-4*)
xen_release=${xen_dir##*-}
debian_library=/usr/lib/x86_64-linux-gnu/libxenlight.so.$xen_release.0

# use_library c|ours: what the commands that follow are linked with, in the way job_mode says: path, replace or preload.
use_library() {
    unset LD_LIBRARY_PATH LD_PRELOAD
    ! mountpoint -q "$debian_library" || umount "$debian_library"
    export bed_lib=$1 bed_library=$debian_library
    [ "$1" = ours ] || return 0
    case $job_mode in
    path) export LD_LIBRARY_PATH=/job/lib bed_library=/job/lib/libxenlight.so.$xen_release.0 ;;
    preload) export LD_PRELOAD=/job/lib/libxenlight.so.$xen_release.0 bed_library=/job/lib/libxenlight.so.$xen_release.0 ;;
    replace) mount --bind "/job/lib/libxenlight.so.$xen_release.0" "$debian_library" ;;
    esac
}

fail() {
    echo "FAILED: $*"
    exit 1
}

skip() {
    echo "$*" >"$bed_out/skipped"
    exit 1
}

step() { echo "--- $* [$((SECONDS - started)) s]"; }

# Starting a program takes 0.1 s on the emulated machine, so what is done often is done by the shell itself.
# nap SECONDS
exec {never}<> <(:)
nap() { read -rt "$1" -u "$never" || true; }

# says REGEX FILE: whether a line of the file matches.
says() {
    local regex=$1 lines line
    mapfile -t lines <"$2" || return 1
    for line in "${lines[@]}"; do
        [[ ! $line =~ $regex ]] || return 0
    done
    return 1
}

# reference CMD...: with Debian's library whatever is under test, for looking at the machine.
reference() { env -u LD_PRELOAD LD_LIBRARY_PATH=/job/debian "$@"; }

# await SECONDS WHAT CMD...: until CMD succeeds.
await() {
    local deadline=$((SECONDS + $1)) what=$2 limit=$1
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || fail "$what: not within $limit s"
        nap 0.1
    done
}

# await_text FILE REGEX [SECONDS]: until a line of FILE matches.
await_text() {
    local deadline=$((SECONDS + ${3:-30}))
    until says "$2" "$1" 2>/dev/null; do
        [ "$SECONDS" -lt "$deadline" ] ||
            fail "waiting for \"$2\" in $1 (it ends in: $(tail -c 200 "$1" 2>/dev/null)): not within ${3:-30} s"
        nap 0.1
    done
}

# expect REGEX CMD...: CMD succeeds and a line of its output matches. The output is left in $output.
expect() {
    local regex=$1 code=0
    shift
    output=$("$@" 2>&1) || code=$?
    [ "$code" -eq 0 ] || fail "\"$*\" ended with status $code: $(tail -n 3 <<<"$output")"
    says "$regex" /dev/stdin <<<"$output" || fail "\"$*\" printed no \"$regex\" but: $(tail -n 5 <<<"$output")"
}

# expect_error REGEX CMD...: CMD fails and says so. Sets $output and $status.
expect_error() {
    local regex=$1
    shift
    status=0
    output=$("$@" 2>&1) || status=$?
    [ "$status" -ne 0 ] || fail "\"$*\" should have failed, but printed: $(tail -n 3 <<<"$output")"
    says "$regex" /dev/stdin <<<"$output" || fail "\"$*\" failed without saying \"$regex\": $(tail -n 5 <<<"$output")"
}

# with_own_locks CMD...: with a lock directory of its own, or one xl create waits for the other.
# shellcheck disable=SC2016 # for another shell
with_own_locks() { exec unshare -m bash -c 'mount -t tmpfs lock /run/lock && exec "$@"' - "$@"; }

# same WHAT EXPECTED GOT
same() { [ "$2" = "$3" ] || fail "$1: expected \"$2\", got \"$3\""; }

# record NAME CMD...: output that must be equal on both libraries (compat-tests/judge). With the numbers that the scenario's
# domains have by now, which may differ.
record() {
    local record=$bed_out/record/$1 name
    shift
    [ -d "$bed_out/record" ] || mkdir "$bed_out/record"
    {
        for name in "${!domid_of[@]}"; do printf '%s=%s ' "$name" "${domid_of[$name]}"; done
        echo
        "$@" 2>&1 || echo "status $?"
    } >"$record"
}

# record_tree NAME [CMD...]: the same for the nodes, with permissions, that the scenario's domains added to xenstore.
record_tree() {
    local name=$1
    shift
    [ $# -gt 0 ] || set -- store_tree
    record "$name.store" "$@"
}

# record_domain NAME: all that can be seen of a domain from outside: nodes, stored configuration, HVM parameters.
record_domain() {
    record_tree "$1"
    record "$1-list" xl list -l "$1"
    record "$1-hvm-params" /job/tests/hvmparams "${domid_of[$1]}"
}
declare -A domid_of=()

# qdisk FILE: a first disk of QEMU's, which needs no script.
qdisk() { echo "format=raw,vdev=hda,access=w,backendtype=qdisk,target=$1"; }

# guest NAME TYPE [LINE...]: writes $work/NAME.cfg: the usual guest of that type plus the given lines.
guest() {
    local name=$1 type=$2
    shift 2
    {
        echo "name=\"$name\""
        case $type in
        hvm | stubdom | tiny-stubdom) printf '%s\n' 'type="hvm"' 'memory=32' 'serial="pty"' 'vnc=0' ;;&
        stubdom | tiny-stubdom) printf '%s\n' 'device_model_stubdomain_override=1' 'device_model_version="qemu-xen"' ;;&
        # One whose device model only says that it runs.
        tiny-stubdom)
            printf '%s\n' 'stubdomain_memory=16' "stubdomain_kernel=\"$guests/stub\"" "stubdomain_ramdisk=\"$guests/pvh\""
            ;;
        pvh) printf '%s\n' 'type="pvh"' 'memory=16' 'shadow_memory=4' "kernel=\"$guests/pvh\"" ;;
        linux-pv | linux-pvh)
            printf '%s\n' "type=\"${type#linux-}\"" 'memory=160' 'kernel="/boot/vmlinux"' \
                "ramdisk=\"$guests/linux-ramdisk\"" 'cmdline="console=hvc0 quiet"'
            ;;
        # Its firmware asks QEMU for the kernel.
        linux-hvm)
            printf '%s\n' 'type="hvm"' 'memory=192' 'kernel="/boot/vmlinuz"' "ramdisk=\"$guests/linux-ramdisk\"" \
                'cmdline="console=hvc0 quiet"' 'vnc=0' 'serial="pty"'
            ;;
        esac
        printf '%s\n' "$@"
    } >"$work/$name.cfg"
}

# create NAME [xl create options]: its messages go to create.NAME.log, its domid to domid_of[NAME].
create() {
    local name=$1
    shift
    step "xl create $* $name"
    xl -vvv create "$@" "$work/$name.cfg" >"$bed_out/create.$name.log" 2>&1 ||
        fail "xl create $name ended with status $?: $(grep -a error: "$bed_out/create.$name.log" | head -n 3)"
    domid_of[$name]=$(domid "$name")
    [ -n "${domid_of[$name]}" ] || fail "xl create $name succeeded, but there is no such domain"
}

domid() { "$look" domid "$1"; }

# present NAME / gone NAME: whether the hypervisor's list has it, by name or number.
present() { "$look" domid "$1" >/dev/null; }
gone() { ! present "$1"; }

# has_state NAME FLAGS: FLAGS is xl list's state column, a dot standing for any, as in "..p...".
has_state() { [[ $(reference xl list "$1" | awk 'NR == 2 { print $5 }') =~ ^$2$ ]]; }

destroy() {
    step "xl destroy $1"
    expect '' xl destroy "$1"
    await 10 "$1 to be gone" gone "$1"
}

# on_terminal NAME CMD...: in the background on a terminal of its own, because xenconsole listens to nothing else;
# output to console.NAME, type_line types.
on_terminal() {
    local name=$1 fifo=$work/console.$1.in
    shift
    rm -f "$fifo" && mkfifo "$fifo"
    : >"$bed_out/console.$name"
    # Now and then script(1) ends before it has written its first line.
    (
        set +eE
        trap - ERR
        for _ in 1 2 3 4 5; do
            script -qfc "$*" "$bed_out/console.$name" <>"$fifo" >>"$bed_out/script.$name" 2>&1
            echo "script ended with status $?" >>"$bed_out/script.$name"
            [ ! -s "$bed_out/console.$name" ] || break
            sleep 0.2
        done
    ) &
    echo $! >>"$work/console.pids"
}
# open_console NAME [xl console options]
open_console() { on_terminal "$1" xl console "${@:2}" "$1"; }
# close_consoles: by xenconsole's own key, because one that is killed leaves its lock file.
close_consoles() {
    local fifo pids pid
    pids=$(cat "$work/console.pids" 2>/dev/null) || return 0
    for fifo in "$work"/console.*.in; do printf '\035' 1<>"$fifo"; done
    # shellcheck disable=SC2086
    for _ in {1..30}; do
        kill -0 $pids 2>/dev/null || break
        nap 0.1
    done
    for pid in $pids; do pkill -P "$pid" || true; done
    rm -f "$work/console.pids"
}
# type_line NAME TEXT
type_line() { echo "$2" >"$work/console.$1.in"; }

# library_of PID: inode of the libxenlight that a process has mapped.
library_of() { awk '/libxenlight\.so/ { print $5; exit }' "/proc/$1/maps"; }

# expect_library PID WHAT: the process runs on the library under test, and says so in the log.
expect_library() {
    local inode
    inode=$(stat -c %i "$bed_library")
    same "libxenlight mapped by $2 (pid $1)" "$inode" "$(library_of "$1")"
    step "$2 (pid $1) runs on: $(grep -m 1 -a 'libxenlight\.so' "/proc/$1/maps")"
}

# xl_daemon NAME: pid of the xl that stayed behind to watch NAME.
xl_daemon() { pgrep -f "xl .*create .*/$1\.cfg"; }
no_daemon() { ! xl_daemon "$1"; }

# store_tree: xenstore's nodes with values and permissions, without what stays once it was made.
store_tree() { "$look" nodes | "$store_reader"; }

# machine_state: what a finished scenario must give back. Half of it would look like less.
machine_state() {
    "$look" state || fail "the machine cannot be looked at" >&2
}

# settles BEFORE NOW: waits up to ten seconds for the machine to be as the file BEFORE says; NOW gets how it is.
settles() {
    local deadline=$((SECONDS + 10))
    while machine_state >"$2"; ! cmp -s "$1" "$2"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        nap 0.3
    done
}

no_leftovers() {
    settles "$bed_out/before" "$bed_out/after" && cp "$bed_out/after" /job/state && return 0
    diff "$bed_out/before" "$bed_out/after" | grep '^[<>]'
    fail "left over (> new, < missing): $(diff "$bed_out/before" "$bed_out/after" | grep '^[<>]' | head -n 4 | tr '\n' ';')"
}

# After a failure: what is there.
look_around() {
    { reference xl list; xenstore-ls -fp; ps ax --forest -o pid,stat,wchan:24,tty,args; losetup -a; } >"$bed_out/at-failure" 2>&1
    cp -r /var/log/xen/console "$bed_out/"
}

# A clean machine for the next scenario.
clean_up() {
    local id
    pkill -x xl # or it restarts what is destroyed here
    for id in $(reference xl list | awk 'NR > 1 && $2 != 0 { print $2 }' | sort -rn); do
        reference timeout 30 xl destroy "$id" >/dev/null 2>&1
    done
    losetup -D
}

run_scenario() {
    rm -rf "$work" && mkdir -p "$work"
    # The scenario before this one left it as it was, or there is no such file.
    mv /job/state "$bed_out/before" 2>/dev/null || machine_state >"$bed_out/before"
    started=$SECONDS
    local file=(/job/scenarios/*/"$1.sh")
    (
        set -eE
        # --var TRACE=1: what takes how long.
        if [ -n "${TRACE:-}" ]; then PS4='+ $EPOCHREALTIME ' && set -x; fi
        trap 'echo "FAILED: line $LINENO of $(basename "${BASH_SOURCE[0]}"): $BASH_COMMAND"' ERR
        . "${file[0]}"
        step "looking for leftovers"
        close_consoles
        no_leftovers
    )
    local code=$?
    # One that is skipped, half-way or at once, must not leave anything either.
    if [ -f "$bed_out/skipped" ]; then
        ! (close_consoles; no_leftovers) || return 1
        rm "$bed_out/skipped"
    fi
    [ "$code" -eq 0 ] || look_around
    close_consoles
    [ "$code" -eq 0 ] || clean_up
    return "$code"
}

[ -z "${1:-}" ] || { run_scenario "$1"; exit; }
