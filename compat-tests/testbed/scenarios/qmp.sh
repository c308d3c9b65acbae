# QMP is lost in every way, time and again; the guest and its device model live on, and QMP is found again.
[ -f /usr/lib/xen-4.17/boot/qemu-stubdom-linux-rootfs ] || skip "no stub domain image; make stubdom builds it"
. /job/scenarios/hvm.inc
cp "$guests/hvm-idle.img" "$work/hvm.img"
guest box stubdom "disk=[\"$(qdisk "$work/hvm.img")\"]"
boots_and_echoes box
id=${domid_of[box]}
stub=$(xenstore-read "/local/domain/$id/image/device-model-domid")
domid_of[box-dm]=$stub
socket=/var/run/xen/qmp-libxl-$id
log=/var/log/xen/qemu-dm-box.log

# lives_on: the guest works, through its device model, and QEMU answers.
lives_on() {
    expect 'VM status: running' xl qemu-monitor-command box 'info status'
    type_line box "after $*"
    await_text "$bed_out/console.box" "after $*"
}

step "40 conversations"
/job/tests/qmpclients poll "$socket" 40
lives_on conversations
step "the proxy in the stub domain ends 15 times"
/job/tests/qmpclients vchan "$stub" "/local/domain/$stub/device-model/$id/qmp-vchan" 15
await_text "$log" 'the QMP proxy: .* time 8'
grep -a 'QMP proxy' "$log" >"$bed_out/ends"
lives_on "15 ends"

# The C library has no way back from here.
if [ "$bed_lib" = ours ]; then
    proxy_of() { pgrep -f "vchan-socket-proxy .* $socket\$"; }
    for round in 1 2 3; do
        step "the proxy in dom0 ends, round $round"
        proxy=$(proxy_of)
        /job/tests/qmpclients rude "$socket"
        await 5 "process $proxy to end" eval "! kill -0 $proxy"
        lives_on "round $round"
        [ "$(proxy_of)" != "$proxy" ] || fail "process $proxy is still there"
        same "recorded process" "$(proxy_of)" "$(xenstore-read "/local/domain/$stub/image/qmp-proxy-pid")"
    done
    step "the socket is gone as well"
    kill -9 "$(proxy_of)"
    rm "$socket"
    lives_on "the socket's end"
    step "a stub domain that has ended"
    kill -9 "$(proxy_of)"
    xl destroy "$stub"
    expect_error 'has ended' xl qemu-monitor-command box 'info status'
fi
destroy box
await 10 "the stub domain to be gone" gone box-dm
