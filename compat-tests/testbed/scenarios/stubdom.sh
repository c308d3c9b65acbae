# The guest this project is for: HVM with QEMU in a Linux stub domain; disk and serial port through it. Then the stub domain
# image saves and restores its QEMU: xl save and restore run on the C library here, ours has neither yet.
[ -f /usr/lib/xen-4.17/boot/qemu-stubdom-linux-rootfs ] || skip "no stub domain image; make stubdom builds it"
. /job/scenarios/hvm.inc
cp "$guests/hvm-idle.img" "$work/hvm.img"
guest box stubdom "disk=[\"$work/hvm.img,raw,hda,w\"]" 'vif=["mac=00:16:3e:01:02:03,bridge=xenbr0"]'
# The C library cannot restore any HVM guest of 32 MiB.
sed -i 's/^memory=.*/memory=64/' "$work/box.cfg"
boots_and_echoes box
close_consoles
id=${domid_of[box]}
stub=$(xenstore-read "/local/domain/$id/image/device-model-domid")
domid_of[box-dm]=$stub
same "name of domain $stub" box-dm "$(xl domname "$stub")"
same "target of the stub domain" "$id" "$(xenstore-read "/local/domain/$stub/target")"
! pgrep -f "xen-qemu-system-i386 -xen-domid $id " || fail "a QEMU for the guest itself runs in dom0"
expect 'VM status: running' xl qemu-monitor-command box 'info status' # QMP over vchan
record_domain box
expect '' xl pause box
has_state box '..p...' || fail "xl pause left box running"
expect '' xl unpause box
step "xl save"
reference xl -vvv save box "$work/saved" >"$bed_out/save.log" 2>&1 || fail "$(grep -a error: "$bed_out/save.log" | head -n 3)"
await 20 "box to be gone" gone box
await 10 "the stub domain to be gone" gone "$stub"
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
