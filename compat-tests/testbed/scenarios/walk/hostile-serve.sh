# The process in dom0 that serves a stub domain, when that was taken over: it stays small, comes to rest, fills no disk, serves
# others meanwhile, and is gone with its stub domain.
[ "$bed_lib" = ours ] || skip "the C library has no such process"
[ -x /job/tests/vnc ] || skip "build/tests/vnc is missing: run make c-programs"
. /job/scenarios/include/hostile.inc
hostile box serve 'vnclisten="127.0.0.1"'
sed -i 's/^vnc=0/vnc=1/' "$work/box.cfg"
watched box 250000 xl create -p "$work/box.cfg"
same "status of xl create" 0 "$code"
takes_part box
id=${domid_of[box]} log=/var/log/xen/qemu-dm-box.log state=/var/lib/xen/qemu-save.${domid_of[box]} socket=/run/xen/qmp-libxl-${domid_of[box]}
server() { pgrep -f "^/usr/libexec/xenlight-serve -xen-domid $stub\$"; }
pid=$(server) || fail "no xenlight-serve"
! pgrep -f "xen-qemu-system-i386 -xen-domid $stub " || fail "a QEMU for the stub domain runs in dom0"

# unharmed AFTER: the same process serves as ever, and has taken little.
unharmed() {
    local peak
    answers "after-$1"
    same "the server after $1" "$pid" "$(server)"
    peak=$(awk '/^VmHWM:/ { print $2 }' "/proc/$pid/status")
    step "$1: the server took $peak KiB at most"
    [ "$peak" -le 8192 ] || fail "the server took $peak KiB"
}

# restarted: by the xl behind the guest, and so with what the node says now.
another() { pid=$(server) && [ "$pid" != "$old" ]; }
restarted() {
    old=$pid
    kill -9 "$old"
    await 20 "another server" another
}

# sees COUNT: whether a viewer is shown so many bytes.
port() { xenstore-read "/local/domain/$id/console/vnc-port"; }
sees() { [ "$(timeout 25 bash -c "exec 5<>/dev/tcp/127.0.0.1/$(port); head -c $1 <&5 | wc -c")" = "$1" ]; }
# babbles COUNT: a viewer that says so many bytes without sense, and looks on for a moment.
babbles() { timeout 5 bash -c "exec 5<>/dev/tcp/127.0.0.1/$(port); head -c $1 /dev/urandom >&5; head -c 50000 <&5" >/dev/null 2>&1 || true; }

step "QMP"
for name in garbage endless rings; do
    part $name
    refused $name 64000 "${monitor[@]}"
    # A toolstack that is hung up on has started another server, which connects when the lies are over.
    [ $name != rings ] || { nap 5 && pid=$(server); }
    unharmed $name
done
part deaf
timeout 8 socat -u /dev/zero "UNIX-CONNECT:$socket" 2>/dev/null || true
unharmed deaf

step "the screen"
sees 300000 || fail "a viewer is shown nothing"
exec {unread}<>"/dev/tcp/127.0.0.1/$(port)"
for name in mux rings deaf; do
    part $name
    for size in 10 5000 100000; do babbles $size; done
    [ $name != rings ] || nap 5
    unharmed "$name-screen"
    await 60 "pixels after $name" sees 100000
done
exec {unread}>&-
silent=()
for _ in {1..20}; do
    exec {fd}<>"/dev/tcp/127.0.0.1/$(port)"
    silent+=("$fd")
done
await 60 "the silent to make room" sees 1000
for fd in "${silent[@]}"; do exec {fd}>&-; done

step "at rest"
# ticks: processor time that the server has taken, in hundredths of a second.
ticks() {
    local fields
    read -ra fields <"/proc/$pid/stat"
    echo $((fields[13] + fields[14]))
}
nap 1
before=$(ticks)
nap 3
spent=$(($(ticks) - before))
[ "$spent" -le 60 ] || fail "it took $spent hundredths of a processor's second in three, with nothing to do"

# Its files have a limit of their own, lowered here for the sake of time; the rest is dropped, or the oldest. The node is dom0's.
step "files"
most=100000
task=$(xenstore-read "/libxl/$stub/server")
lowered=$(sed -e "s/\"limit\":[0-9]*/\"limit\":$most/g" -e 's/"password":null/"password":"secret"/' <<<"$task")
[[ $task == *'"limit":16777216,'* && $lowered == *"\"limit\":$most,"* && $lowered == *'"password":"secret"'* ]] || fail "the task is $task"
xenstore-write "/libxl/$stub/server" "$lowered"
restarted
unharmed restart
part fill
guest plain pvh 'cmdline="idle"'
create plain
await 10 "plain to run" has_state plain '[r-][b-]----'
full() { [ "$(stat -c %s "$1")" -eq $most ]; }
for file in "$log.1" "$state"; do await 90 "$file to be full" full "$file"; done
for _ in {1..20}; do
    for file in "$log" "$log.1" "$state"; do
        size=$(stat -c %s "$file")
        [ "$size" -le $most ] || fail "$file has $size bytes"
    done
    nap 0.1
done
destroy plain
unharmed fill

step "a password"
said=$(timeout 25 bash -c "exec 5<>/dev/tcp/127.0.0.1/$(port); { printf 'RFB 003.008\n\2'; head -c 16 /dev/urandom; } >&5; cat <&5" | tr -dc '[:print:]')
[[ $said == 'RFB 003.008'*'Authentication failed' ]] || fail "a wrong password is answered with $said"
for size in 10 5000 100000; do babbles $size; done
# QEMU's greeting, which comes next, makes no sense.
! timeout 40 /job/tests/vnc "127.0.0.1:$(port)" password secret stay 5 || fail "a viewer was shown a screen that makes no sense"
unharmed password

# A console's page is the kernel's, but a server that starts again maps what the node says.
step "a console's indexes"
ring() { xenstore-read "/local/domain/$stub/device/console/1/ring-ref"; }
kernels=$(ring)
part console
elsewhere() { [ "$(ring)" != "$kernels" ]; }
await 20 "another page for the console" elsewhere
restarted
some() { [ -s "$state" ]; }
await 20 "bytes out of the page" some
nap 3
[ "$(stat -c %s "$state")" -le $most ] || fail "$state has grown"
unharmed console

step "its end"
part wreck
spoiled() { [ "$(xenstore-read "/local/domain/$stub/device-model/$id/state")" != running ]; }
await 30 "its nodes to be spoiled" spoiled
nap 2
same "the server after the wreck" "$pid" "$(server)"
watched destroy 64000 xl destroy box
same "status of xl destroy" 0 "$code"
await 10 "box to be gone" gone box
await 10 "its stub domain to be gone" gone "$stub"
no_server() { ! server; }
await 20 "its server to be gone" no_server
rm -f /var/log/xen/qemu-dm-box.log*
expect 'xen_version' xl info
