# Whether a stub domain may be PVH: the image of the PV one is started as a PVH domain, with power over a guest and with the arguments
# of its QEMU. Xen 4.17 lets such a domain map no memory but its own (docs/stub-domain.md), and QEMU says so.
[ "$bed_lib" = ours ] || skip "it is about the hypervisor"
boot=$xen_dir/boot
[ -f "$boot/qemu-stubdom-linux-rootfs" ] || skip "no stub domain image; make stubdom builds it"
# Without a disk and a serial port, which the PVH domain would have to have as well.
guest box stubdom
sed -i '/^serial=/d' "$work/box.cfg"
create box -p
id=${domid_of[box]}
guest dm pvh "kernel=\"$boot/qemu-stubdom-linux-kernel\"" "ramdisk=\"$boot/qemu-stubdom-linux-rootfs\"" 'memory=192' 'cmdline=""'
create dm -p
dm=${domid_of[dm]}
/job/tests/target "$dm" "$id"
xenstore-write "/local/domain/$dm/target" "$id"
vm=$(xenstore-read "/local/domain/$id/vm")
for node in dm-argv $(xenstore-list "$vm/image/dm-argv" | sed 's|^|dm-argv/|'); do
    xenstore-chmod "$vm/image/$node" n0 "r$dm"
done
open_console dm -t pv
expect '' xl unpause dm
await_text "$bed_out/console.dm" 'QEMU started for domain|stubdom: error' 120
await_text "$bed_out/console.dm" 'failed to map ioreq server resources: error 13' 60
await_text "$bed_out/console.dm" 'error: QEMU ended'
grep -a '^qemu:\|stubdom: error' "$bed_out/console.dm" | tail -n 8 | tee -a "$bed_out/summary"
close_consoles
xl destroy dm || true
destroy box
