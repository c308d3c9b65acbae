# shellcheck shell=bash
# The emulated machine: parked once with dom0 ready (boot_and_park), resumed for every job (run_job).
# The options before and after parking must be the same, so both come from start_qemu.

results_size=64M

# start_qemu ROOT DISK INITRD WORK [OPTION...]: QEMU in the background with its monitor on descriptor 7.
# Sets qemu_pid. WORK gets console.log (Xen and dom0's kernel) and job.log (what the job prints).
start_qemu() {
    local root=$1 disk=$2 initrd=$3 work=$4
    shift 4
    mkfifo "$work/monitor"
    truncate -s "$results_size" "$work/results.tar"
    touch "$work/job.log" "$work/console.log"
    qemu-system-x86_64 -machine q35,accel=tcg -cpu qemu64,+svm,+npt -m 6144 -smp 2 \
        -nodefaults -no-user-config -no-reboot -display none -monitor stdio \
        -serial "file:$work/console.log" -serial "file:$work/job.log" \
        -kernel "$root/xen" \
        -append "console=com1 com1=115200,8n1 noreboot dom0_mem=1536M,max:1536M bootscrub=0 guest_loglvl=all conring_size=1M" \
        -initrd "$root/vmlinux console=hvc0,$initrd" \
        -drive "file=$disk,if=none,id=root,format=raw,cache=unsafe" -device ide-hd,drive=root,bus=ide.0 \
        -drive "file=$work/results.tar,if=none,id=results,format=raw,cache=unsafe" -device ide-hd,drive=results,bus=ide.2 \
        "$@" <"$work/monitor" >"$work/monitor.log" 2>&1 &
    qemu_pid=$!
    exec 7>"$work/monitor"
    trap stop_qemu EXIT
}

stop_qemu() {
    [ -n "${qemu_pid:-}" ] || return 0
    kill "$qemu_pid" 2>/dev/null || true
    wait "$qemu_pid" 2>/dev/null || true
    qemu_pid=
}

# await_line REGEX WORK SECONDS: until job.log has the line; 1 when time is up, 2 when QEMU is gone.
await_line() {
    local deadline=$((SECONDS + $3))
    until grep -aqE "$1" "$2/job.log"; do
        kill -0 "$qemu_pid" 2>/dev/null || return 2
        ! grep -aqE "Dom0 crashed|^Panic on CPU" "$2/console.log" || return 2
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

# boot ROOT DIR: a machine that has come up, running; 1 when it did not within the time, with the reason printed.
# An idle machine needs 13 s.
boot() {
    local root=$1 dir=$2 work=$2/work
    rm -rf "$work"
    mkdir -p "$work"
    cp --sparse=always --reflink=auto "$root/root.ext4" "$dir/disk.raw"
    # dom0's pid 1 rides in an archive of its own, so that editing it rebuilds no image.
    install -m 755 "$bed_dir/dom0/init" "$work/bed-init"
    (cd "$work" && echo bed-init | cpio --quiet -o -H newc -R 0:0 | gzip -1 | cat "$root/initrd" - >"$dir/initrd")
    start_qemu "$root" "$dir/disk.raw" "$dir/initrd" "$work" -drive if=none,id=job,media=cdrom -device ide-cd,drive=job,bus=ide.1
    if ! await_line '^READY' "$work" 120; then
        echo 'info registers -a' >&7
        sleep 1
        tail -40 "$work/console.log" >&2
        grep -aE 'RIP=|^CPU#' "$work/monitor.log" >&2 || true
        stop_qemu
        return 1
    fi
}

boot_and_park() {
    local root=$1 dir=$2 work=$2/work attempt
    for attempt in 1 2 3; do
        boot "$root" "$dir" && break
        [ "$attempt" -lt 3 ] || die "dom0 did not come up (its console is above; whole: $work/console.log)"
        say "dom0 did not come up, attempt $attempt of 3 (its console is above)"
    done
    printf '%s\n' 'migrate_set_parameter max-bandwidth 100G' "migrate \"exec:cat > $dir/state.tmp\"" quit >&7
    wait "$qemu_pid" || die "QEMU failed while parking: $(tail -3 "$work/monitor.log")"
    qemu_pid=
    [ -s "$dir/state.tmp" ] || die "parking wrote no state: $(tail -3 "$work/monitor.log")"
    mv "$dir/state.tmp" "$dir/state"
}

# run_job ROOT PARK WORK JOB.tar SECONDS: job output to stdout, results unpacked to WORK/results.
run_job() {
    local root=$1 park=$2 work=$3 job=$4 seconds=$5 tail_pid rc=0
    start_qemu "$root" "$park/disk.raw,snapshot=on" "$park/initrd" "$work" \
        -drive "file=$job,if=none,id=job,format=raw,media=cdrom,readonly=on" -device ide-cd,drive=job,bus=ide.1 \
        -incoming "exec:cat $park/state"
    tail -n +1 -f --pid="$qemu_pid" "$work/job.log" | grep -a --line-buffered -v '^JOB-DONE' &
    tail_pid=$!
    await_line '^JOB-DONE [0-9]' "$work" "$seconds" || rc=$?
    echo quit >&7
    wait "$qemu_pid" || true
    qemu_pid=
    wait "$tail_pid" || true
    mkdir -p "$work/results"
    tar -C "$work/results" -xf "$work/results.tar" 2>/dev/null || true
    case $rc in
    1) die "the job was not done after $seconds s; last words: $(tail -n 3 "$work/job.log")" ;;
    2) die "QEMU ended by itself: $(tail -n 3 "$work/monitor.log") $(tail -n 3 "$work/console.log")" ;;
    esac
    return "$(sed -n 's/^JOB-DONE \([0-9]*\).*/\1/p' "$work/job.log" | tail -1)"
}
