# The stub domain image saves and restores its QEMU. xl save and restore run on the C library here, ours has neither yet;
# the guest was created by the library under test.
[ -f "$xen_dir/boot/qemu-stubdom-linux-rootfs" ] || skip "no stub domain image; make stubdom builds it"
. /job/scenarios/include/hvm.inc
cp "$guests/hvm-idle.img" "$work/hvm.img"
# The C library cannot restore any HVM guest of 32 MiB.
guest box stubdom "disk=[\"$work/hvm.img,raw,hda,w\"]" 'memory=64'
boots_and_echoes box
close_consoles
step "xl save"
reference xl -vvv save box "$work/saved" >"$bed_out/save.log" 2>&1 || fail "$(grep -a error: "$bed_out/save.log" | head -n 3)"
await 20 "box to be gone" gone box
await 10 "the stub domain to be gone" gone box-dm
step "xl restore, $(stat -c %s "$work/saved") bytes"
reference xl -vvv restore -p "$work/saved" >"$bed_out/restore.log" 2>&1 || fail "$(grep -a error: "$bed_out/restore.log" | head -n 3)"
domid_of[box]=$(domid box)
open_console box
nap 0.5
expect '' xl unpause box
type_line box "typed after restoring"
await_text "$bed_out/console.box" 'typed after restoring'
destroy box
await 10 "the stub domain to be gone" gone box-dm
