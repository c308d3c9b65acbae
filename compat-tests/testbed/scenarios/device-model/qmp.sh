# QMP of our server is lost in every way; the guest and its device model live on, and QMP is found again. With upstream's proxy:
# long/qmp-proxy.
[ "$bed_lib" = ours ] || skip "the C library has no server of ours"
. /job/scenarios/include/qmp.inc
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
