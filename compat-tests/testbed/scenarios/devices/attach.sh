# Disks come to a running guest with a stub domain and go again, ten times, and a NIC; then everything is as before: nodes, processes,
# and what the processes behind the guest have open. The guest has no drivers for them, so they go by force.
[ -f "$xen_dir/boot/qemu-stubdom-linux-rootfs" ] || skip "no stub domain image; make stubdom builds it"
. /job/scenarios/include/hvm.inc
cp "$guests/hvm-idle.img" "$work/hvm.img"
truncate -s 1M "$work/more.img"
# Debian's scripts take seconds each on the emulated machine.
cat >"$work/connected" <<'SCRIPT'
#!/bin/sh
case $1 in remove | offline) ;; *) xenstore-write "$XENBUS_PATH/hotplug-status" connected ;; esac
SCRIPT
chmod +x "$work/connected"
guest box stubdom "disk=[\"$work/hvm.img,raw,hda,w\"]"
boots_and_echoes box
id=${domid_of[box]}
stub=$(xenstore-read "/local/domain/$id/image/device-model-domid")
domid_of[box-dm]=$stub

# behind: the processes behind the guest, and how many descriptors each has.
behind() {
    local pid
    for pid in $(pgrep -f "^[^ ]*(xen-qemu-system-i386|vchan-socket-proxy|xenlight-serve) |xl .*create .*/box\.cfg" | sort -n); do
        echo "$pid $(find "/proc/$pid/fd" -mindepth 1 | wc -l) $(tr '\0' ' ' <"/proc/$pid/cmdline")"
    done
}
# disk: there and back.
disk() {
    expect '' xl block-attach box "format=raw,vdev=xvdd,access=w,script=$work/connected,target=$work/more.img"
    expect 51760 xl block-list box
    expect '' xl block-detach --force box xvdd
}
# nic: the same, after the ten seconds that the guest has to let go of it.
nic() {
    expect '' xl network-attach box mac=00:16:3e:00:00:77 bridge=xenbr0 script="$work/connected"
    same "NICs" 1 "$(xl network-list box | grep -c '^[0-9]')"
    expect '' xl network-detach box 00:16:3e:00:00:77
}
# The first time makes directories that stay.
disk
nic
behind >"$work/behind" && machine_state >"$work/state"
for round in {1..10}; do
    step "round $round"
    disk
done
nic
settles "$work/state" "$work/state.after" || fail "left over: $(diff "$work/state" "$work/state.after" | grep '^[<>]' | head -n 4)"
same "processes and their descriptors" "$(cat "$work/behind")" "$(behind)"
type_line box "after ten rounds"
await_text "$bed_out/console.box" 'after ten rounds'
expect 'VM status: running' xl qemu-monitor-command box 'info status'
destroy box
await 10 "the stub domain to be gone" gone box-dm
