# What one library was killed in with kill -9 the other one destroys: creations by the C library and by ours, each killed at
# several moments, of a guest with a disk, of one with a stub domain, and of one whose script is at work. Nothing of dom0 may be
# lost; ours may leave nothing, and the C library what is named here.
# shellcheck disable=SC2154 # of scenario.sh
[ "$bed_lib" = ours ] || skip "both libraries are in it"
[ -f /job/tests/faults.so ] || skip "build/tests/faults.so is missing: run make c-programs"
. /job/scenarios/include/faults.inc
: "${GUESTS:=tiny box}" "${PVH_STRIDE:=79}" "${STRIDE:=229}" "${WAYS:=c:ours ours:c}"

truncate -s 1M "$work/disk.img"
cp "$guests/hvm-idle.img" "$work/hvm.img"
cat >"$work/slow-script" <<SCRIPT
#!/bin/sh
[ "\$1" = add ] || exit 0
: >$work/begun
sleep 3
xenstore-write "\$XENBUS_PATH/hotplug-status" connected
SCRIPT
chmod +x "$work/slow-script"
guest tiny pvh 'cmdline="idle"' "disk=[\"$work/disk.img,raw,xvda,w\"]"
guest box tiny-stubdom "disk=[\"$(qdisk "$work/hvm.img")\"]"
guest slow pvh 'cmdline="idle"' "disk=[\"format=raw,vdev=xvda,access=w,script=$work/slow-script,target=$work/disk.img\"]"

allowed=0
# excused DESTROYER N: what may be left.
excused() {
    # Debian's block script fails to remove what it has not added, and leaves its lock file then.
    if says 'scripts/block remove .*(failed|exited)' "$work/said"; then
        rm -f /run/xen-hotplug/block
        machine_state >"$work/now"
    fi
    ! cmp -s "$work/base" "$work/now" || return 0
    # The C library does not wait for a script that still runs; the nodes that it writes into come back.
    [ "$1" = c ] && says 'slow-script' "$work/said" || return 1
    ! diff "$work/base" "$work/now" | grep '^[<>]' | grep -qv '^> /local/domain/0/backend' || return 1
    tell "$2: allowed of the C library: $(left)"
    allowed=$((allowed + 1))
    xenstore-rm /local/domain/0/backend
    restored
}

# killed_in_script CREATOR DESTROYER: xl create is killed while the script of the guest's disk runs.
killed_in_script() {
    local pid complaint=''
    rm -f "$work/begun"
    # Not by `on`: this must be xl itself.
    LD_PRELOAD="" LD_LIBRARY_PATH=${fault_dir[$1]} xl create -p "$work/slow.cfg" >"$work/said" 2>&1 &
    pid=$!
    await 30 "the script to begin" test -e "$work/begun"
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || true
    tried=$((tried + 1)) killed=$((killed + 1))
    destroy_all "$2" >>"$work/said" 2>&1 || complaint="killed, and then a domain cannot be destroyed"
    echo "slow-script was at work" >>"$work/said"
    restored || complaint="${complaint:-killed}; left: $(left)"
    [ -z "$complaint" ] || excused "$2" script || complain script "create slow" "$complaint"
}

for way in $WAYS; do
    creator=${way%:*} destroyer=${way#*:}
    tell "$creator creates, $destroyer destroys"
    killed_in_script "$creator" "$destroyer"
    for name in $GUESTS; do
        case $name in
        tiny) stride=$PVH_STRIDE ;;
        *) stride=$STRIDE ;;
        esac
        walk create --kill --library "$creator" --destroyer "$destroyer" --excuse excused "$name" "$stride"
    done
done
tell "allowed of the C library: $allowed"
# shellcheck disable=SC2086
walked $GUESTS
