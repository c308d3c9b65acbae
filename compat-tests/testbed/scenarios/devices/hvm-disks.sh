# Disks of an HVM guest that hotplug scripts connect: a block device (phy), and a file (a loop device, by the block script). The
# other HVM guests have one of QEMU's own (qdisk).
cp "$guests/hvm-idle.img" "$work/first.img"
printf 'second disk' >"$work/second.img" && truncate -s 1M "$work/second.img"
loop=$(losetup -f --show "$work/first.img")
guest box hvm "disk=[\"phy:$loop,hda,w\", \"$work/second.img,raw,hdb,w\"]" "serial=\"file:$work/serial\""
create box
await_text "$work/serial" 'disk one: words from sector two' 60
await_text "$work/serial" "disk two: second disk"
same "loop devices" 2 "$(losetup -a | wc -l)"
destroy box
losetup -d "$loop"
