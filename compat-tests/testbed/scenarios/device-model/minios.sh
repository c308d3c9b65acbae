# A MiniOS stub domain's protocol: one string of arguments, commands and state in xenstore, no QMP. Debian has no MiniOS
# image; a ramdisk that speaks its side takes its place. Debian's hvmloader has no BIOS for this device model, so the guest
# stays paused.
standin=/job/stubdom/minios-standin-rootfs
[ "$xen_release" = 4.17 ] || skip "no QEMU in dom0 serves the consoles that the stand-in, a Linux, waits for"
[ -f "$standin" ] || skip "no stand-in for MiniOS; minios-standin/build makes it"
cp "$guests/hvm-idle.img" "$work/hvm.img"

# The old QEMU also serves the stub domain's consoles in dom0. Today's takes its place there.
cat >"$work/qemu-dm" <<'EOF'
#!/bin/bash
{ printf '%s %s\n' "$1" "$2"; printf '%s\n' "${@:3}"; } >/job/work/qemu-dm.argv
exec /usr/libexec/xen-qemu-system-i386 -xen-domid "$2" -xen-attach -name "$4" -nographic -M xenpv \
    -monitor /dev/null -serial /dev/null -parallel /dev/null
EOF
chmod +x "$work/qemu-dm"
guest mini hvm "disk=[\"$(qdisk "$work/hvm.img")\"]" \
    'device_model_version="qemu-xen-traditional"' 'device_model_stubdomain_override=1' \
    "device_model_override=\"$work/qemu-dm\"" 'stubdomain_memory=128' 'stubdomain_cmdline="rdinit=/standin/init"' \
    "stubdomain_kernel=\"$xen_dir/boot/qemu-stubdom-linux-kernel\"" "stubdomain_ramdisk=\"$standin\""

create mini -p
id=${domid_of[mini]}
stub=$(xenstore-read "/local/domain/$id/image/device-model-domid")
domid_of[mini-dm]=$stub
same "state of the device model" running "$(xenstore-read "/local/domain/$stub/device-model/$id/state")"
same "target of the stub domain" "$id" "$(xenstore-read "/local/domain/$stub/target")"
vm=$(xenstore-read "/local/domain/$id/vm")
record dmargs xenstore-read "$vm/image/dmargs"
record qemu-dm cat "$work/qemu-dm.argv"
! pgrep vchan-socket || fail "a QMP proxy runs for a device model without QMP"
destroy mini
await 10 "the stub domain to be gone" gone "$stub"
