# What configurations can ask for since Xen 4.18: SMBIOS strings, PIRQs of HVM guests, their keyboards, VLANs, an escape character.
[ "$xen_release" != 4.17 ] || skip "Xen 4.17 knows none of it"
cat >"$work/connected" <<'SCRIPT'
#!/bin/sh
[ "$1" != online ] || xenstore-write "$XENBUS_PATH/hotplug-status" connected
SCRIPT
chmod +x "$work/connected"

cp "$guests/hvm-idle.img" "$work/hvm.img"
guest box hvm "disk=[\"$(qdisk "$work/hvm.img")\"]" \
    'smbios=["bios_vendor=Maker", "oem=one", "system_serial_number=12 34", "oem=two"]' 'hvm_pirq=1' \
    'vkb=["backend-type=qemu,feature-abs-pointer=1"]'
create box -p
record_domain box
same "second string of the machine's maker" two "$(xenstore-read "/local/domain/${domid_of[box]}/bios-strings/oem-2")"
destroy box

guest plain hvm 'vkb_device=0'
create plain -p
record_domain plain
destroy plain

guest tagged pvh 'cmdline="idle"' "vif=[\"mac=00:16:3e:00:00:78,vlan=10,script=$work/connected\"]"
create tagged
record_domain tagged
record tagged-nics xl network-list tagged
destroy tagged

step "an empty CD drive that the kernel serves"
cp "$guests/hvm-idle.img" "$work/medium.iso"
guest drive hvm "disk=[\"$(qdisk "$work/hvm.img")\", \"format=empty,vdev=hdc,devtype=cdrom,backendtype=phy\"]"
create drive -p
# The file's name has the guest's number.
numbered() { store_tree | sed "s/empty-cdrom\.${domid_of[drive]}\>/empty-cdrom.DOMID/"; }
record_tree drive numbered
record drive-list xl list -l drive
nothing=/var/run/xen/empty-cdrom.${domid_of[drive]}
record drive-file stat -c '%a %s' "$nothing"
expect '' xl cd-insert drive hdc "$work/medium.iso"
record_tree drive-inserted numbered
expect '' xl cd-eject drive hdc
record_tree drive-ejected numbered
destroy drive
[ ! -e "$nothing" ] || fail "$nothing is still there"

step "a directory that a daemon of its own serves"
mkdir "$work/share"
guest sharing pvh 'cmdline="idle"' "p9=[\"tag=words,path=$work/share,type=xen_9pfsd,max-files=5,security_model=none\"]"
create sharing
daemon=$(xenstore-read /local/domain/0/libxl/xen-9pfs/pid)
# A number that is another one each time.
xenstore-rm /local/domain/0/libxl/xen-9pfs/pid
record_domain sharing
same "what serves it" xen-9pfsd "$(cat "/proc/$daemon/comm")"
step "another one, while the guest runs"
mkdir "$work/more"
record added /job/tests/share "${domid_of[sharing]}" "$work/more"
record_tree sharing-more
destroy sharing
# It serves other guests' as well, until somebody ends it.
kill "$daemon"
await 5 "the daemon to end" test ! -d "/proc/$daemon"
xenstore-rm /local/domain/0/libxl 2>/dev/null || true

step "xl console -e: its own key out of the console"
guest words pvh 'cmdline="idle"'
create words
no_client() { ! pgrep -x xenconsole >/dev/null; }
client() { pgrep -x xenconsole >/dev/null; }
open_console words -e q
await 10 "xenconsole to start" client
nap 0.5
printf q >"$work/console.words.in" # as one byte: it is no key otherwise
await 10 "xenconsole to heed its key" no_client
destroy words
