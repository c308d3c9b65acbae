# Both libraries call QEMU alike: the same arguments in the same order, and for stub domains the same nodes.
# A recorder takes QEMU's place, so no guest runs; the configurations are in argv/.

recorder=$bed_out/recorder
cat >"$recorder" <<'EOF'
#!/bin/bash
# Writes down how it was called and what xenstore held, then gives up.
for n in 1 2 3; do [ -e "$record.qemu$n" ] || break; done
{
    printf '%s\n' "$@"
    env | grep -E '^(XEN_|DISPLAY=|XAUTHORITY=)' | sort
} >"$record.qemu$n"
xenstore-ls -fp >"$record.store$n"
exit 3
EOF
chmod +x "$recorder"

# Disks need not be there for QEMU that is not there; loop devices for all of them take minutes.
cat >"$bed_out/block" <<'EOF'
#!/bin/sh
[ "$1" = remove ] || xenstore-write "$XENBUS_PATH/hotplug-status" connected
EOF
chmod +x "$bed_out/block"
mount --bind "$bed_out/block" /etc/xen/scripts/block
trap 'umount /etc/xen/scripts/block' EXIT

for n in 1 2 3 4 5 6 7; do truncate -s 1M "/job/disk$n."{raw,qcow2,vhd,qed}; done
ip link show xenbr0 >/dev/null 2>&1 || ip link add xenbr0 type bridge

cases=("${argv_cases[@]}")
[ ${#cases[@]} -gt 0 ] || cases=(/job/scenarios/argv/*.cfg)
for cfg in "${cases[@]}"; do
    name=$(basename "$cfg" .cfg)
    export record=$bed_out/$name
    {
        printf 'name = "%s"\ndevice_model_override = "%s"\n' "$name" "$recorder"
        cat "$cfg"
        grep -q device_model_version "$cfg" || echo 'device_model_version = "qemu-xen"'
    } >"$record.cfg"
    xl create -n "$record.cfg" >"$record.json"
    timeout 60 xl -vvv create "$record.cfg" >"$record.log" 2>&1
    echo "$name: status $?, $(cat "$record".qemu* 2>/dev/null | wc -l) lines"
done
