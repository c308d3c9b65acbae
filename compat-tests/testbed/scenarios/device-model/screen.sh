# The screen of a guest whose QEMU runs in a stub domain, by a real VNC client: the configuration is the one that this project
# began with. What it needs in dom0 is one small process without privileges.
. /job/scenarios/include/screen.inc
step "the seed's example"
create seed
step "watched and typed into"
viewer await 120 'type here' type hello await 60 hello picture "$bed_out/screen.png"
viewer show | tee "$bed_out/text"
grep -q 'SeaBIOS (version' "$bed_out/text" || fail "SeaBIOS's text is not on the screen"
port=$(xenstore-read "/local/domain/$(xl domid seed)/console/vnc-port")
printf '#!/bin/sh\necho "viewer of $*"\n' >"$work/vncviewer" && chmod +x "$work/vncviewer"
PATH=$work:$PATH expect "viewer of 127.0.0.1:$((port - 5900))" xl vncviewer seed

step "one process, without privileges"
! pgrep -f "xen-qemu-system-i386 -xen-domid $(xl domid seed-dm) " || fail "a QEMU for the stub domain runs in dom0"
pid=$(server) || fail "no xenlight-serve"
for set in Uid Gid; do
    [[ $(awk -v set="$set:" '$1 == set { print $2, $3, $4, $5 }' "/proc/$pid/status") != *\ 0\ * ]] || fail "it is root's: $set"
done
same "no new privileges" 1 "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$pid/status")"
same "a seccomp filter" 2 "$(awk '/^Seccomp:/ { print $2 }' "/proc/$pid/status")"
same "capabilities" 0000000000000000 "$(awk '/^CapEff:/ { print $2 }' "/proc/$pid/status")"
private=$(awk '/^Private/ { sum += $2 } END { print sum }' "/proc/$pid/smaps_rollup")
echo "private memory: $private KiB"
[ "$private" -le 5120 ] || fail "it keeps $private KiB private"

step "several viewers, one that reads nothing"
exec 6<>"/dev/tcp/127.0.0.1/$port" 7<>"/dev/tcp/127.0.0.1/$port"
head -c 100 /dev/urandom >&7
viewer type again await 60 again
exec 6>&- 7>&-

step "killed, and started again by the xl behind the guest"
kill -9 "$pid"
await 60 "another server" another "$pid"
await 60 "its screen" viewer show
viewer await 120 again type alive await 60 alive
expect 'VM status: running' xl qemu-monitor-command seed 'info status'

xl destroy seed
await 60 "the server to be gone" bash -c '! pgrep xenlight-serve'

step "a password"
sed -i 's/^vnc = 1/vnc = 1\nvncpasswd = "secret"\nvncdisplay = 7\nvncunused = 0/' "$work/seed.cfg"
create seed
same "the display asked for" 127.0.0.1:5907 "$(at)"
/job/tests/vnc "$(at)" password wrong refused
viewer password secret await 60 'type here' type known await 60 known
xl destroy seed
