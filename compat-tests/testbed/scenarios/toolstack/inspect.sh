# xenlight-inspect on each kind of guest: nothing is inconsistent, until something is made so.
[ "$bed_lib" = ours ] || skip "one tool, for domains of either library"
[ -x /job/bin/xenlight-inspect ] || skip "build/bin/xenlight-inspect is missing: run make"

# sound NAME REGEX...: nothing inconsistent, and a line for each.
sound() {
    local name=$1 regex
    shift
    for _ in {1..20}; do # daemons bind their ends in their own time
        if /job/bin/xenlight-inspect "$name" >"$bed_out/inspect.$name" 2>&1; then break; fi
        nap 0.2
    done
    expect '^nothing is inconsistent' cat "$bed_out/inspect.$name"
    for regex; do expect "$regex" cat "$bed_out/inspect.$name"; done
}

# broken NAME REGEX: named as inconsistent.
broken() {
    local code=0
    output=$(/job/bin/xenlight-inspect "$1" 2>&1) || code=$?
    same "status of xenlight-inspect $1" 1 "$code"
    sed -n '/^inconsistent/,$p' <<<"$output" | tee -a "$bed_out/inspect.$1" | grep -qE -- "$2" ||
        fail "not named: $2: $(sed -n '/^inconsistent/,$p' <<<"$output")"
}

cp "$guests/hvm-idle.img" "$work/hvm.img"
guest tiny pvh 'cmdline="idle"'
create tiny -p
sound tiny '^domain [0-9]+, tiny: PVH, vCPUs: 1, paused' 'STORE_PFN +0x' '^  none' '\(xenstore\)' '\(console\)'
# A node that says something else than the hypervisor.
port=$(xenstore-read "/local/domain/${domid_of[tiny]}/store/port")
xenstore-write "/local/domain/${domid_of[tiny]}/store/port" 77
broken tiny 'store/port is 77 in xenstore, but the parameter STORE_EVTCHN is'
xenstore-write "/local/domain/${domid_of[tiny]}/store/port" "$port"
sound tiny
destroy tiny

guest pv linux-pv
create pv -p
sound pv ': PV, vCPUs: 1' 'domain 0 port [0-9]+ \(xenstore\)'
! grep -q 'HVM parameters' "$bed_out/inspect.pv" || fail "a PV domain has no HVM parameters"
destroy pv

guest box hvm "disk=[\"$(qdisk "$work/hvm.img")\"]"
create box -p
sound box ': HVM, vCPUs: 1, paused' 'IOREQ_SERVER_PFN +0x' '^  0 of dom0, buffered requests at port' \
    'domain 0 port [0-9]+ \(ioreq server 0, buffered' 'process [0-9]+ in dom0: .*qemu'
# A QEMU that is gone.
qemu=$(xenstore-read "/local/domain/${domid_of[box]}/image/device-model-pid")
kill -9 "$qemu"
await 5 "QEMU to be gone" test ! -d "/proc/$qemu"
broken box "process $qemu, on record as the device model, has ended"
broken box 'event channels of ioreq servers that nobody has bound: [12]'
destroy box
expect_error "no such domain" /job/bin/xenlight-inspect "${domid_of[box]}"

[ -f "$xen_dir/boot/qemu-stubdom-linux-rootfs" ] || skip "no stub domain image; make stubdom builds it"
guest inner stubdom "disk=[\"$(qdisk "$work/hvm.img")\"]"
create inner -p
stub=$(xenstore-read "/local/domain/${domid_of[inner]}/image/device-model-domid")
sound inner ': HVM' '^  0 of another domain' "domain $stub port" "stub domain $stub, inner-dm: running" 'it says: running'
sound inner-dm ': PV' "serves domain ${domid_of[inner]}"
expect '' xl unpause inner
expect '' xl pause inner-dm
broken inner "the stub domain $stub is paused, its guest is not"
xl unpause inner-dm
# A stub domain that serves somebody else, by its own words.
xenstore-write "/local/domain/$stub/target" 0
broken inner "the stub domain $stub has domain 0 on record as its guest"
xenstore-write "/local/domain/$stub/target" "${domid_of[inner]}"
destroy inner
