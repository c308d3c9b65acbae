# The guest this project is for: HVM with QEMU in a Linux stub domain; disk and serial port through it.
[ -f "$xen_dir/boot/qemu-stubdom-linux-rootfs" ] || skip "no stub domain image; make stubdom builds it"
. /job/scenarios/include/hvm.inc
cp "$guests/hvm-idle.img" "$work/hvm.img"
guest box stubdom "disk=[\"$work/hvm.img,raw,hda,w\"]" 'vif=["mac=00:16:3e:01:02:03,bridge=xenbr0"]'
if [ "$bed_lib-$xen_release" = c-4.20 ]; then
    # QEMU in dom0 serves neither its log nor its saved state, for which Linux waits.
    expect_error 'startup timed out' xl create -p "$work/box.cfg"
    await 30 "what there was to be gone" gone box
    await 30 "the stub domain to be gone" gone box-dm
    echo "a guest with a stub domain does not start. Its creation ends in \"$(grep -aom 1 'startup timed out' <<<"$output")\" after 30 s:" \
        "QEMU in dom0 serves neither the stub domain's log nor its saved state since 8.2, and Linux in there waits for both." >"$bed_out/remark"
    return 0
fi
boots_and_echoes box
id=${domid_of[box]}
stub=$(xenstore-read "/local/domain/$id/image/device-model-domid")
domid_of[box-dm]=$stub
same "name of domain $stub" box-dm "$(xl domname "$stub")"
same "target of the stub domain" "$id" "$(xenstore-read "/local/domain/$stub/target")"
! pgrep -f "xen-qemu-system-i386 -xen-domid $id " || fail "a QEMU for the guest itself runs in dom0"
expect 'VM status: running' xl qemu-monitor-command box 'info status' # QMP over vchan
# On 4.20 there is nothing to compare with.
[ "$xen_release" != 4.17 ] || record_domain box
expect '' xl pause box
has_state box '..p...' || fail "xl pause left box running"
expect '' xl unpause box
destroy box
await 10 "the stub domain to be gone" gone "$stub"
