# Every failure that the library below can meet, one at a time: make faults.
# shellcheck disable=SC2154
. /job/scenarios/faults.inc
: "${GUESTS:=tiny plain box}" "${OPERATIONS:=create destroy}" "${PVH_STRIDE:=1}" "${PV_STRIDE:=5}" "${STRIDE:=100}"

[ -z "${KILL:-}" ] || export XENLIGHT_FAULT_KILL=1

guest tiny pvh 'cmdline="idle"'
guest plain tiny 'type="pv"' 'memory=8' "kernel=\"$guests/pv\"" "ramdisk=\"$guests/pv\"" 'cmdline="idle"'
cp "$guests/hvm-idle.img" "$work/hvm.img"
guest box stubdom "disk=[\"$work/hvm.img,raw,hda,w\"]" 'vif=["mac=00:16:3e:01:02:03,bridge=xenbr0"]'

for name in $GUESTS; do
    case $name in
    tiny) stride=$PVH_STRIDE ;;
    plain) stride=$PV_STRIDE ;;
    *) stride=$STRIDE ;;
    esac
    for operation in $OPERATIONS; do
        "walk_$operation" "$name" "$stride"
    done
done
# shellcheck disable=SC2086
walked $GUESTS
