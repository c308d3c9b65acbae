# libvirt runs a guest whose QEMU is in a stub domain. Its driver has no word for that, so that libvirtd's environment says it for
# all HVM guests. The guest is watched and typed into through VNC, its CD is changed, and it is destroyed.
[ "$bed_lib" = ours ] || skip "the C library has no such switch, and no screen for such a guest"
[ -f "$xen_dir/boot/qemu-stubdom-linux-rootfs" ] || skip "no stub domain image; make stubdom builds it"
. /job/scenarios/include/libvirt.inc

cp "$guests/screen.img" "$work/disk.img"
for letter in a b; do head -c 64K /dev/zero | tr '\0' "$letter" >"$work/$letter.iso"; done
cat >"$work/virt.xml" <<XML
<domain type='xen'>
  <name>virt</name>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='xenfv'>hvm</type><boot dev='hd'/></os>
  <features><acpi/><apic/><pae/></features>
  <on_reboot>restart</on_reboot>
  <devices>
    <disk type='file' device='disk'><source file='$work/disk.img'/><target dev='hda' bus='ide'/></disk>
    <disk type='file' device='cdrom'><source file='$work/a.iso'/><target dev='hdc' bus='ide'/><readonly/></disk>
    <interface type='bridge'><mac address='00:16:3e:00:00:23'/><source bridge='xenbr0'/></interface>
    <graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1'/>
    <input type='tablet' bus='usb'/>
  </devices>
</domain>
XML

start_libvirtd XENLIGHT_STUBDOM=1
step "define and start"
expect '' virsh define "$work/virt.xml"
expect '' virsh start virt
id=$(virsh domid virt)
domid_of[virt]=$id
stub=$(xenstore-read "/local/domain/$id/image/device-model-domid") || fail "the guest has no stub domain"
! pgrep -f "xen-qemu-system-i386 -xen-domid $stub" || fail "a QEMU for the stub domain runs in dom0"
step "the screen"
shown=$(virsh vncdisplay virt)
viewer() { /job/tests/vnc "${shown%:*}:$((5900 + ${shown##*:}))" font /usr/share/seabios/vgabios-stdvga.bin "$@"; }
viewer await 60 'type here' type hello await 20 hello
step "another CD"
expect '' virsh change-media virt hdc "$work/b.iso" --update --live
same "medium on record" "aio:$work/b.iso" "$(xenstore-read "/libxl/$id/device/vbd/5632/params")"
expect '^ide-5632' xl qemu-monitor-command virt 'info block'
step "destroy and undefine"
expect '' virsh destroy virt
await 10 "the stub domain to be gone" gone "$stub"
expect '' virsh undefine virt
stop_libvirtd
remove_libvirt
