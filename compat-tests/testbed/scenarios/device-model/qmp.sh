# QMP is lost in every way, time and again; the guest and its device model live on, and QMP is found again.
[ -f "$xen_dir/boot/qemu-stubdom-linux-rootfs" ] || skip "no stub domain image; make stubdom builds it"
. /job/scenarios/include/hvm.inc
cp "$guests/hvm-idle.img" "$work/hvm.img"
# runs NAME: a guest with its QEMU in a stub domain, and where things are.
runs() {
    name=$1
    guest "$1" stubdom "disk=[\"$(qdisk "$work/hvm.img")\"]"
    boots_and_echoes "$1"
    id=${domid_of[$1]}
    stub=$(xenstore-read "/local/domain/$id/image/device-model-domid")
    domid_of[$1-dm]=$stub
    socket=/var/run/xen/qmp-libxl-$id
}
# lives_on: the guest works, through its device model, and QEMU answers.
lives_on() {
    expect 'VM status: running' xl qemu-monitor-command "$name" 'info status'
    type_line "$name" "after $*"
    await_text "$bed_out/console.$name" "after $*"
}
recorded() { xenstore-read "/local/domain/$stub/image/qmp-proxy-pid"; }
proxy_of() { pgrep -f "$proxy"; }

# with_proxy: with upstream's proxy in dom0, and QEMU, which serves stub domains until 8.1.
with_proxy() {
    export XENLIGHT_STUBDOM_QEMU=1
    runs box
    unset XENLIGHT_STUBDOM_QEMU
    step "40 conversations"
    /job/tests/qmpclients poll "$socket" 40
    lives_on conversations
    step "15 clients of the vchan itself that come and go unannounced"
    /job/tests/qmpclients vchan "$stub" "/local/domain/$stub/device-model/$id/qmp-vchan" 15
    lives_on "15 clients"
    # The C library has no way back from here.
    if [ "$bed_lib" = ours ]; then
        proxy="vchan-socket-proxy .* $socket\$"
        for round in 1 2; do
            step "the proxy in dom0 ends, round $round"
            pid=$(proxy_of)
            /job/tests/qmpclients rude "$socket"
            await 5 "process $pid to end" eval "! kill -0 $pid"
            lives_on "round $round"
            [ "$(proxy_of)" != "$pid" ] || fail "process $pid is still there"
            same "recorded process" "$(proxy_of)" "$(recorded)"
        done
        step "the socket is gone as well"
        kill -9 "$(proxy_of)"
        rm "$socket"
        lives_on "the socket's end"
    fi
    destroy box
    await 10 "the stub domain to be gone" gone box-dm
}
[ "$xen_release" != 4.17 ] || with_proxy

if [ "$bed_lib" = ours ]; then
    runs own
    proxy="^/usr/libexec/xenlight-serve -xen-domid $stub\$"
    step "40 conversations with our server"
    /job/tests/qmpclients poll "$socket" 40
    lives_on conversations
    step "a rude client ends nothing"
    pid=$(proxy_of)
    /job/tests/qmpclients rude "$socket"
    lives_on rudeness
    same "server" "$pid" "$(proxy_of)"
    step "the server is killed, and the socket is gone"
    kill -9 "$pid"
    rm -f "$socket"
    expect 'VM status: running' xl qemu-monitor-command "$name" 'info status'
    # The serial port has a new terminal.
    close_consoles
    open_console "$name"
    nap 0.5
    lives_on "a kill"
    same "recorded process" "$(proxy_of)" "$(recorded)"
    step "a stub domain that has ended"
    xl destroy "$stub"
    await 10 "the server to end with it" eval '! proxy_of'
    expect_error 'has ended' xl qemu-monitor-command own 'info status'
    destroy own
    await 10 "the stub domain to be gone" gone own-dm
fi
