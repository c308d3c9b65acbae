# An HVM guest with its QEMU in dom0: its boot sector's words on a pty, echo of typed text.
. /job/scenarios/include/hvm.inc
cp "$guests/hvm-idle.img" "$work/hvm.img"
guest box hvm "disk=[\"$(qdisk "$work/hvm.img")\"]" 'vif=["mac=00:16:3e:01:02:03,bridge=xenbr0"]' \
    'device_model_args_hvm=["-global", "rtl8139.romfile="]' # its network boot takes half a minute
boots_and_echoes box
record_domain box
qemu=$(cat "/proc/$(xenstore-read "/local/domain/${domid_of[box]}/image/device-model-pid")/comm")
same "process behind device-model-pid" xen-qemu-system "$qemu"
expect 'vif[0-9]+\.0-emu' ip -o link
expect_error 'PV|acpi|-F' xl shutdown box
expect 'box' xl list
destroy box
