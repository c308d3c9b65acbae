# Every failure that the library below can meet, one at a time: make faults.
# shellcheck disable=SC2154
. /job/scenarios/include/faults.inc
. /job/scenarios/include/bootloader.inc
modprobe xen-blkfront
: "${GUESTS:=tiny plain loaded box}" "${OPERATIONS:=create destroy attach detach}" "${PVH_STRIDE:=1}" "${PV_STRIDE:=5}" "${LOADED_STRIDE:=7}" "${STRIDE:=10}"

options=(--kinds "${KINDS:-.*}" --numbers "${NUMBERS:-}")
[ -z "${KILL:-}" ] || options+=(--kill)

guest tiny pvh 'cmdline="idle"'
guest plain tiny 'type="pv"' 'memory=8' "kernel=\"$guests/pv\"" "ramdisk=\"$guests/pv\"" 'cmdline="idle"'
cp "$guests/hvm-idle.img" "$work/hvm.img"
# Its bootloader has a disk of dom0's.
cat >"$work/loader" <<'EOF'
#!/bin/sh
for word; do
    case $word in
    --output=*) output=${word#*=} ;;
    --output-directory=*) dir=${word#*=} ;;
    esac
done
cp /job/guests/pv "$dir/kernel"
printf 'kernel %s\0args idle\0' "$dir/kernel" >"$output"
EOF
chmod +x "$work/loader"
qcow2 "$work/hvm.img" "$work/hvm.qcow2"
guest loaded tiny 'type="pv"' 'memory=8' "bootloader=\"$work/loader\"" \
    "disk=[\"format=qcow2,vdev=xvda,access=w,target=$work/hvm.qcow2\"]"
guest box tiny-stubdom "disk=[\"format=raw,vdev=hda,access=w,script=$work/connected,target=$work/hvm.img\"]" \
    "vif=[\"mac=00:16:3e:01:02:03,bridge=xenbr0,script=$work/connected\"]"

for name in $GUESTS; do
    case $name in
    tiny) stride=$PVH_STRIDE ;;
    plain) stride=$PV_STRIDE ;;
    loaded) stride=$LOADED_STRIDE ;;
    *) stride=$STRIDE ;;
    esac
    for operation in $OPERATIONS; do
        # A disk comes and goes in one way, for guests of any kind.
        [[ $operation != *tach || $name = tiny ]] || continue
        walk "$operation" "${options[@]}" "$name" "$stride"
    done
done
# shellcheck disable=SC2086
walked $GUESTS
modprobe -r xen-blkfront
