# Every failure that the library below can meet, one at a time: make faults.
# shellcheck disable=SC2154
. /job/scenarios/faults.inc
: "${GUESTS:=tiny box}" "${OPERATIONS:=create destroy}" "${PVH_STRIDE:=1}" "${STRIDE:=100}"

[ -z "${KILL:-}" ] || export XENLIGHT_FAULT_KILL=1

guest tiny pvh 'cmdline="idle"'
cp "$guests/hvm-idle.img" "$work/hvm.img"
guest box stubdom "disk=[\"$work/hvm.img,raw,hda,w\"]" 'vif=["mac=00:16:3e:01:02:03,bridge=xenbr0"]'

for name in $GUESTS; do
    stride=$STRIDE
    [ "$name" != tiny ] || stride=$PVH_STRIDE
    for operation in $OPERATIONS; do
        "walk_$operation" "$name" "$stride"
    done
done
# shellcheck disable=SC2086
walked $GUESTS
