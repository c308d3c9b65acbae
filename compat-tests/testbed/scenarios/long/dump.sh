# A guest's memory and vCPUs as a file: the C library's, byte for byte; and nothing left where that fails. The C library takes
# minutes for a guest with a memory map of its own (walk/dump-all).
. /job/scenarios/include/dump.inc

guest linux linux-pv 'memory=96'
create linux -p
open_console linux -t pv
expect '' xl unpause linux
await_text "$bed_out/console.linux" 'linux guest ready' 60
expect '' xl pause linux
[ "$bed_lib" = c ] || same_dump linux
[ "$bed_lib" = ours ] || sum_of linux
expect_error 'core dump failed' xl dump-core linux /nowhere/core
mkdir "$work/small"
mount -t tmpfs -o size=1M small "$work/small"
expect_error 'core dump failed' xl dump-core linux "$work/small/core"
[ "$bed_lib" = c ] || same "what is left of a core without room" '' "$(ls "$work/small")"
umount "$work/small"
close_consoles
destroy linux

step "a guest that has not said where its pages are"
guest early tiny 'type="pv"' 'memory=8' "kernel=\"$guests/pv\""
create early -p
expect_error 'core dump failed' xl dump-core early "$work/core"
destroy early
expect_error 'core dump failed' xl dump-core 4711 "$work/core"

[ "$bed_lib" = ours ] || return 0
guest crash pvh 'cmdline="c"' 'on_crash="coredump-destroy"'
create crash -p
expect '' xl unpause crash
await 60 "on_crash=coredump-destroy to act" gone crash
core=/var/lib/xen/dump/crash
[ -s "$core" ] || fail "no core of the crashed guest: $(ls -l /var/lib/xen/dump)"
grep -q 'pvh guest runs' "$core" || fail "the crashed guest's kernel is not in its core"
rm "$core"
