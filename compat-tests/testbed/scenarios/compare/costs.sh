# What creating and destroying a guest costs with either library, taking turns in one boot: wall time (ROUNDS times),
# system calls, store requests, hypercalls, processes started, memory held afterwards. Lines of "guest operation measure
# library value" go to $bed_out/costs; compat-tests/src/bin/compare.rs makes the page of them.
[ "$bed_lib" = ours ] || skip "runs once and takes turns itself"
: "${ROUNDS:=3}"
cp "$guests/hvm-idle.img" "$work/hvm.img"
truncate -s 1M "$work/disk.img"
guest pvh pvh 'cmdline="idle"'
guest pv linux-pv "disk=[\"$work/disk.img,raw,xvda,w\"]" 'vif=["mac=00:16:3e:01:02:03,bridge=xenbr0"]'
guest hvm hvm "disk=[\"$work/hvm.img,raw,hda,w\"]" 'vif=["mac=00:16:3e:01:02:03,bridge=xenbr0"]'
guest stubdom stubdom "disk=[\"$work/hvm.img,raw,hda,w\"]"
types="pvh pv hvm"
[ ! -f /usr/lib/xen-4.17/boot/qemu-stubdom-linux-rootfs ] || types="$types stubdom"

# cost GUEST OPERATION MEASURE VALUE
cost() { echo "$1 $2 $3 $lib $4" >>"$bed_out/costs"; }
# timed GUEST OPERATION CMD...
timed() {
    local guest=$1 operation=$2 begin=$EPOCHREALTIME
    shift 2
    "$@" >"$work/log" 2>&1 || fail "$lib: $*: $(tail -n 3 "$work/log")"
    cost "$guest" "$operation" ms $(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
}
# counted GUEST OPERATION CMD...: under strace, with xenstored's own log.
counted() {
    local guest=$1 operation=$2 before
    shift 2
    before=$(stat -c %s "$work/store.log")
    rm -f "$work/status"
    strace -f -qq -y -o "$work/trace" bash -c '"$@"; echo $? >'"$work/status" count "$@" >"$work/log" 2>&1 &
    await 120 "$* under strace" [ -s "$work/status" ]
    # Where there is a QEMU it goes on, and strace with it.
    kill $! 2>/dev/null || true
    wait $! || true
    same "$lib: $*" 0 "$(cat "$work/status")"
    awk -f /job/scenarios/compare/count.awk "$work/trace" >"$work/counts"
    read -r calls hypercalls processes own <"$work/counts"
    cost "$guest" "$operation" syscalls "$calls"
    cost "$guest" "$operation" hypercalls "$hypercalls"
    cost "$guest" "$operation" processes "$processes"
    cost "$guest" "$operation" own-processes "$own"
    cost "$guest" "$operation" store-requests "$(tail -c "+$((before + 1))" "$work/store.log" | grep -ac '^IN ')"
}
# kept GUEST: what the xl that stays behind holds, in KiB that nobody else shares.
kept() {
    local pid
    pid=$(xl_daemon "$1")
    cost "$1" create kept-kib "$(awk '/^(Private_Clean|Private_Dirty):/ { sum += $2 } END { print sum }' "/proc/$pid/smaps_rollup")"
    cost "$1" create daemon-pss-kib "$(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")"
}

: >"$bed_out/costs"
reference xenstore-control logfile "$work/store.log" >/dev/null
for type in $types; do
    for round in $(seq "$ROUNDS") counts; do
        for lib in c ours; do
            job_mode=path use_library "$lib"
            step "$type, round $round, $lib"
            # An xl that stays would keep strace.
            if [ "$round" = counts ]; then run=counted options=-pe; else run=timed options=-p; fi
            "$run" "$type" create xl create "$options" "$work/$type.cfg"
            [ "$round" != 1 ] || kept "$type"
            "$run" "$type" destroy xl destroy "$type"
            await 10 "$type to be gone" gone "$type"
            await 10 "the xl behind $type to end" no_daemon "$type"
        done
    done
done
reference xenstore-control logfile /dev/null >/dev/null
