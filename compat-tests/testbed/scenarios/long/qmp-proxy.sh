# QMP is lost in every way, time and again, with upstream's proxy in dom0 and QEMU, which serves stub domains until 8.1: the guest
# and its device model live on, and QMP is found again.
[ "$xen_release" = 4.17 ] || skip "QEMU of this Debian serves no stub domain"
. /job/scenarios/include/qmp.inc
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
