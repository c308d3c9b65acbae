# What creating and destroying a guest costs with either library, taking turns in one boot: wall time (ROUNDS times),
# system calls, store requests, hypercalls, processes started, memory held afterwards. Lines of "guest operation measure
# library value" go to $bed_out/costs; compat-tests/src/bin/compare.rs makes the page of them.
[ "$bed_lib" = ours ] || skip "runs once and takes turns itself"
set +x # writing a trace takes time, too
: "${ROUNDS:=2}"
cp "$guests/hvm-idle.img" "$work/hvm.img"
truncate -s 1M "$work/disk.img"
# Debian's hotplug scripts take seconds each on the emulated machine, whichever library starts them. One guest has them.
guest pvh pvh 'cmdline="idle"'
guest pv linux-pv "disk=[\"format=raw,vdev=xvda,access=w,backendtype=qdisk,target=$work/disk.img\"]"
guest hvm hvm "disk=[\"$(qdisk "$work/hvm.img")\"]"
guest stubdom stubdom "disk=[\"$work/hvm.img,raw,hda,w\"]"
types="pvh pv hvm"
[ ! -f "$xen_dir/boot/qemu-stubdom-linux-rootfs" ] || types="$types stubdom"

# cost GUEST OPERATION MEASURE VALUE
cost() { echo "$1 $2 $3 $lib $4" >>"$bed_out/costs"; }
tasks() { awk '$1 == "processes" { print $2 }' /proc/stat; }
# timed GUEST OPERATION CMD...
timed() {
    local guest=$1 operation=$2 begin=$EPOCHREALTIME
    shift 2
    "$@" >"$work/log" 2>&1 || fail "$lib: $*: $(tail -n 3 "$work/log")"
    cost "$guest" "$operation" ms $(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
}
# traced: whether strace has begun. Sets main, the first process.
traced() { read -r main _ <"$work/trace"; }
# counted GUEST OPERATION CMD...: under strace, which lets go of scripts and QEMU, and with xenstored's own log.
counted() {
    local guest=$1 operation=$2 before tracer main
    shift 2
    before=$(stat -c %s "$work/store.log")
    : >"$work/trace"
    # The program itself: Debian's xl on the path is a script that becomes it.
    strace -f -q -y -b execve -o "$work/trace" "$xen_dir/bin/$1" "${@:2}" >"$work/log" 2>&1 &
    tracer=$!
    await 10 "strace to start $*" traced
    await 150 "$* under strace" grep -q "^$main *+++ " "$work/trace"
    # The xl that stays to watch a guest keeps strace.
    kill "$tracer" 2>/dev/null || true
    wait "$tracer" || true
    grep -q "^$main *+++ exited with 0 " "$work/trace" || fail "$lib: $*: $(tail -n 3 "$work/log")"
    awk -v guest="$guest" -v operation="$operation" -v lib="$lib" -v calls="$bed_out/calls" \
        -f /job/scenarios/compare/count.awk "$work/trace" >>"$bed_out/costs"
    cost "$guest" "$operation" store-requests "$(tail -c "+$((before + 1))" "$work/store.log" | grep -ac '^IN ')"
}
# steps GUEST OPERATION CMD...: how the time of a creation with a stub domain divides, by what -vvv says.
steps() {
    local guest=$1 operation=$2 last=${EPOCHREALTIME/./} scripts=0 now line name
    shift 2
    xl -vvv "${@:2}" 2>&1 | {
        while IFS= read -r line; do
            name=
            case $line in
            *'hotplug script: '*' add'*)
                scripts=$((scripts + 1))
                case $scripts in 1) name='built-ms' ;; 2) name='scripts-ms' ;; esac
                ;;
            *'waiting for its QEMU'* | *'wpath=/local/domain/'[1-9]*'/device-model/'*'/state'*': register'*) name=devices-ms ;;
            esac
            [ -n "$name" ] || continue
            now=${EPOCHREALTIME/./}
            cost "$guest" "$operation" "$name" $(((now - last) / 1000))
            last=$now
        done
        cost "$guest" "$operation" boot-ms $(((${EPOCHREALTIME/./} - last) / 1000))
    }
}
# kept GUEST: what the xl that stays behind holds, in KiB, once it has been quiet for a while; its libraries' own pages are any
# process's that runs on them.
kept() {
    local pid
    sleep 1.5
    pid=$(xl_daemon "$1")
    cost "$1" create kept-kib "$(awk '/^Anonymous:/ { print $2 }' "/proc/$pid/smaps_rollup")"
    cost "$1" create resident-kib "$(awk '/^Rss:/ { print $2 }' "/proc/$pid/smaps_rollup")"
    # There is no other guest.
    local serving=()
    # Without dom0's own QEMU, which is there for all guests.
    mapfile -t serving < <(pgrep -af '^[^ ]*(xen-qemu-system-i386|vchan-socket-proxy|xenlight-serve) ' |
        grep -v -- ' -xen-domid 0 ' | cut -d' ' -f1)
    cost "$1" create serving ${#serving[@]}
    [ ${#serving[@]} = 0 ] ||
        cost "$1" create serving-kib "$(cd /proc && cat "${serving[@]/%//smaps_rollup}" | awk '/^Private_/ { sum += $2 } END { print sum }')"
}

: >"$bed_out/costs"
reference xenstore-control logfile "$work/store.log" >/dev/null
for type in $types; do
    rounds="$(seq "$ROUNDS") counts"
    [ "$type" != stubdom ] || rounds="$rounds steps steps"
    for round in $rounds; do
        for lib in c ours; do
            job_mode=path use_library "$lib"
            step "$type, round $round, $lib" | tee /dev/fd/3
            case $round in
            counts) run=counted options=-pe ;;
            steps) run=steps options=-pe ;;
            *) run=timed options=-p ;;
            esac
            before=$(tasks)
            "$run" "$type" create xl create "$options" "$work/$type.cfg"
            if [ "$round" = 1 ]; then
                cost "$type" create tasks $(($(tasks) - before))
                kept "$type"
            fi
            [ "$run" != steps ] || run=timed
            "$run" "$type" destroy xl destroy "$type"
            await 10 "$type to be gone" gone "$type"
            await 10 "the xl behind $type to end" no_daemon "$type"
        done
    done
done
reference xenstore-control logfile /dev/null >/dev/null
