# Disks of an HVM guest through each backend: a block device (phy), a file (loop, by the block script), qdisk.
for backend in phy file qdisk; do
    cp "$guests/hvm-idle.img" "$work/$backend.img"
    printf 'second disk by %s' $backend >"$work/second.img" && truncate -s 1M "$work/second.img"
    loops=()
    case $backend in
    phy)
        loops=("$(losetup -f --show "$work/phy.img")" "$(losetup -f --show "$work/second.img")")
        disks="\"phy:${loops[0]},hda,w\", \"phy:${loops[1]},hdb,w\""
        ;;
    file) disks="\"$work/file.img,raw,hda,w\", \"$work/second.img,raw,hdb,w\"" ;;
    qdisk) disks="\"format=raw,vdev=hda,backendtype=qdisk,target=$work/qdisk.img\", \"format=raw,vdev=hdb,backendtype=qdisk,target=$work/second.img\"" ;;
    esac
    guest "$backend" hvm "disk=[$disks]" "serial=\"file:$work/serial.$backend\""
    create $backend
    await_text "$work/serial.$backend" 'disk one: words from sector two' 60
    await_text "$work/serial.$backend" "disk two: second disk by $backend"
    case $backend in
    phy) same "loop devices" 2 "$(losetup -a | wc -l)" ;;
    file) same "loop devices set up by the block script" 2 "$(losetup -a | wc -l)" ;;
    qdisk) same "loop devices" 0 "$(losetup -a | wc -l)" ;;
    esac
    destroy $backend
    [ ${#loops[@]} -eq 0 ] || losetup -d "${loops[@]}"
done
