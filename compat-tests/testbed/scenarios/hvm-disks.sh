# Disks of an HVM guest through each backend: a block device (phy), a file (loop, by the block script), qdisk.

# reads NAME FIRST SECOND LOOPS: a guest that reads both its disks, while so many loop devices exist.
reads() {
    guest "$1" hvm "disk=[\"$2\", \"$3\"]" "serial=\"file:$work/serial.$1\""
    create "$1"
    await_text "$work/serial.$1" 'disk one: words from sector two' 60
    await_text "$work/serial.$1" "disk two: second disk"
    same "loop devices" "$4" "$(losetup -a | wc -l)"
    destroy "$1"
}
cp "$guests/hvm-idle.img" "$work/first.img"
printf 'second disk' >"$work/second.img" && truncate -s 1M "$work/second.img"
loop=$(losetup -f --show "$work/first.img")
reads kernel "phy:$loop,hda,w" "$work/second.img,raw,hdb,w" 2
losetup -d "$loop"
reads qemu "format=raw,vdev=hda,backendtype=qdisk,target=$work/first.img" \
    "format=raw,vdev=hdb,backendtype=qdisk,target=$work/second.img" 0
