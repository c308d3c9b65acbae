# Both libraries call QEMU alike: the same arguments in the same order, and for stub domains the same nodes, permissions
# included. A recorder takes QEMU's place and gives up, so no guest runs and all is taken down again.

cat >"$work/recorder" <<'EOF'
#!/bin/bash
{
    printf '%s %s\n' "$1" "$2"
    printf '%s\n' "${@:3}"
    for name in "${!XEN_@}" DISPLAY XAUTHORITY; do [ -z "${!name:-}" ] || echo "$name=${!name}"; done
} >"$case.argv"
/job/guests/look nodes | /job/tests/store-reader >"$case.store"
exit 3
EOF
# Loop devices for all the disks would take minutes.
cat >"$work/block" <<'EOF'
#!/bin/sh
[ "$1" = remove ] || xenstore-write "$XENBUS_PATH/hotplug-status" connected
EOF
chmod +x "$work/recorder" "$work/block"
mount --bind "$work/block" "$script_dir/block"
trap 'umount "$script_dir/block"' EXIT
for n in 1 2 3 4 5 6 7; do truncate -s 1M "$work/disk$n."{raw,qcow2,vhd,qed}; done

# With QEMU in dom0, as the C library has it; our server has no arguments to compare.
export XENLIGHT_STUBDOM_QEMU=1
for cfg in /job/scenarios/long/argv/*.cfg; do
    name=$(basename "$cfg" .cfg)
    export case=$work/$name
    {
        printf 'name = "%s"\ndevice_model_override = "%s"\n' "$name" "$work/recorder"
        sed "s#/job/disk#$work/disk#g" "$cfg"
        grep -q device_model_version "$cfg" || echo 'device_model_version = "qemu-xen"'
    } >"$case.cfg"
    step "$name"
    ! xl create "$case.cfg" >"$bed_out/$name.log" 2>&1 || fail "xl create $name succeeded without QEMU"
    [ -s "$case.argv" ] || fail "xl create $name did not come to QEMU: $(grep -a error: "$bed_out/$name.log" | head -n 3)"
    # QEMU serves the guest, or its stub domain; that one's target is the guest.
    read -r _ served <"$case.argv"
    target=$(grep -m 1 -oP "^/local/domain/$served/target = \"\K[0-9]+" "$case.store") || true
    domid_of=([served]=$served [guest]=${target:-$served})
    record "$name" cat "$case.argv"
    # Channels get other numbers on purpose (docs/quirks.md).
    [ "$name" = hvm-channels ] || record_tree "$name" cat "$case.store"
    await 10 "$name to be gone" gone "$name"
done
umount "$script_dir/block"
trap - EXIT
