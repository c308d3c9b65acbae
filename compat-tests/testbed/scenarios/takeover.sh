# What one library was killed in with kill -9 the other one destroys: creations by the C library and by ours, each killed at
# several moments, of a guest with a disk and of one with a stub domain. Nothing of dom0 may be lost; what the C library leaves
# is listed, ours may leave nothing.
# shellcheck disable=SC2154 # of scenario.sh
[ "$bed_lib" = ours ] || skip "both libraries are in it"
[ -f /job/tests/faults.so ] || skip "build/tests/faults.so is missing: run make c-programs"
. /job/scenarios/faults.inc
export XENLIGHT_FAULT_KILL=1
: "${GUESTS:=tiny box}" "${PVH_STRIDE:=31}" "${STRIDE:=149}" "${WAYS:=c:ours ours:c}"

truncate -s 1M "$work/disk.img"
cp "$guests/hvm-idle.img" "$work/hvm.img"
guest tiny pvh 'cmdline="idle"' "disk=[\"$work/disk.img,raw,xvda,w\"]"
guest box tiny-stubdom "disk=[\"$(qdisk "$work/hvm.img")\"]"

# What the C library may leave when it destroys: it does not wait for scripts that still run, and ...
excuses='^> (/local/domain/0/backend/|/local/domain/0/device-model/)'
allowed=0
excused() {
    [ "$destroyer" = c ] || return 1
    ! diff "$work/base" "$work/now" | grep '^[<>]' | grep -vqE "$excuses" || return 1
    allowed=$((allowed + 1))
    tell "point $1: allowed of the C library: $(left)"
    machine_state >"$work/base"
}

for way in $WAYS; do
    creator=${way%:*} destroyer=${way#*:}
    for name in $GUESTS; do
        on "$creator"
        tell "$creator creates $name, $destroyer destroys it"
        case $name in
        tiny) walk_create "$name" "$PVH_STRIDE" ;;
        *) walk_create "$name" "$STRIDE" ;;
        esac
    done
done
on ours
tell "allowed of the C library: $allowed"
# shellcheck disable=SC2086
walked $GUESTS
