# Disks over virtio, and since Xen 4.20 other devices: nodes for a program that serves them, which this scenario plays. On x86 nothing
# presents them to the guest.
truncate -s 1M "$work/disk.img"
virtio_disk="format=raw,vdev=xvda,access=w,specification=virtio,target=$work/disk.img"

# serves KIND DEVID: the other side of the handshake, for the first guest that gets such a device, until it loses it.
serves() {
    kind=/local/domain/0/backend/$1 devid=$2
    await 60 "a device of the kind $1" has_device
    xenstore-write "$state" 2
    await 200 "its removal" closes
    xenstore-write "$state" 6
}
has_device() {
    state=$kind/$(xenstore-list "$kind")/$devid/state
    xenstore-exists "$state"
}
closes() { [ "$(xenstore-read "$state")" = 5 ]; }

guest one pvh 'cmdline="idle"' "disk=[\"$virtio_disk\"]"
serves virtio_disk 51712 &
server=$!
create one
record_domain one
expect '^51712 +0 +[0-9]+ +1 +-1 +-1 +/local/domain/0/backend/virtio_disk/' xl block-list one
expect_error . xl block-attach one "${virtio_disk/xvda/xvdb}"
same "disks after another was refused" 51712 "$(xenstore-list "/libxl/${domid_of[one]}/device/virtio_disk")"
destroy one
wait "$server" || fail "what serves it failed"

step "what is no virtio disk"
refused() { ! xl create "$work/$1.cfg" >"$bed_out/refused.$1" 2>&1 || fail "$1 was made"; }
guest qemu pvh "disk=[\"$virtio_disk,backendtype=qdisk\"]"
refused qemu
guest scripted pvh "disk=[\"$virtio_disk,script=block\"]"
refused scripted
guest kernel pvh "disk=[\"format=raw,vdev=xvda,access=w,backendtype=standalone,target=$work/disk.img\"]"
refused kernel

[ "$xen_release" = 4.17 ] || {
    step "another device"
    guest other pvh 'cmdline="idle"' 'virtio=["type=virtio,device22,transport=mmio"]'
    create other
    record_domain other
    serves virtio 0 &
    server=$!
    destroy other
    wait "$server" || fail "what serves it failed"
}
