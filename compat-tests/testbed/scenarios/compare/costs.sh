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
    cost "$guest" "$operation" store-requests "$(tail -c "+$((before + 1))" "$work/store.log" | grep -acE '^(io: )?IN ')"
}
# steps GUEST OPERATION CMD...: how the time of a creation with a stub domain divides, by what xenstored is asked. Both
# libraries introduce each domain once it is built, and watch for its QEMU to run once all is served; the disk's script says when it has
# run.
steps() {
    local guest=$1 operation=$2 before last log=$work/store.log xl line name now id='' introduced=0 connected='' watched=''
    shift 2
    before=$(stat -c %s "$log")
    last=${EPOCHREALTIME/./}
    {
        "$@" >"$work/log" 2>&1 || echo "status $?" >>"$work/log"
        echo "${EPOCHREALTIME/./}" >"$work/ended"
    } &
    xl=$!
    while IFS= read -r line; do
        name=
        case $line in
        *' INTRODUCE ('*)
            introduced=$((introduced + 1))
            [ $introduced -gt 1 ] || { id=${line##*(} && id=${id%% *} && name=built-ms; }
            ;;
        *" WRITE (/local/domain/0/backend/vbd/$id/"*'/hotplug-status connected'*) connected=yes ;;
        *' WATCH (/local/domain/'*"/device-model/$id/state "*)
            [ -n "$watched" ] || watched=yes name=devices-ms
            ;;
        esac
        if [ "$introduced$connected" = 2yes ]; then
            connected=told name=scripts-ms
        fi
        [ -n "$name" ] || continue
        now=${EPOCHREALTIME/./}
        cost "$guest" "$operation" "$name" $(((now - last) / 1000))
        last=$now
    done < <(tail -c "+$((before + 1))" -f --pid="$xl" "$log" | grep -a --line-buffered -E '^(io: )?IN ')
    wait "$xl"
    ! says '^status ' "$work/log" || fail "$lib: $*: $(tail -n 3 "$work/log")"
    cost "$guest" "$operation" boot-ms $((($(<"$work/ended") - last) / 1000))
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
: >"$work/store.log"
for type in $types; do
    rounds="$(seq "$ROUNDS") counts"
    [ "$type" != stubdom ] || rounds="$rounds steps steps"
    libs="c ours"
    # The C library's does not start there (scenario stubdom).
    [ "$type-$xen_release" != stubdom-4.20 ] || libs=ours
    for round in $rounds; do
        for lib in $libs; do
            job_mode=path use_library "$lib"
            step "$type, round $round, $lib" | tee /dev/fd/3
            case $round in
            counts) run=counted options=-pe log=$work/store.log ;;
            steps) run=steps options=-pe log=$work/store.log ;;
            # The log takes time, too.
            *) run=timed options=-p log=/dev/null ;;
            esac
            reference xenstore-control logfile "$log" >/dev/null
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
