# The screen of a guest whose QEMU runs in a stub domain, by a real VNC client: the configuration is the one that this project
# began with. What it needs in dom0 is one small process without privileges.
[ "$bed_lib" = ours ] || skip "the C library has no screen for a guest with a Linux stub domain"
[ -f "$xen_dir/boot/qemu-stubdom-linux-rootfs" ] || skip "no stub domain image; make stubdom builds it"
[ -x /job/tests/vnc ] || skip "build/tests/vnc is missing: run make c-programs"
cp "$guests/screen.img" "$work/disk.img"
# Not as it was then: xl knows no builder=, kernel=hvmloader or device_model= any more, and no w! but w.
cat >"$work/seed.cfg" <<CFG
name = "seed"
type = "hvm"
memory = 256
vif = [ 'type=ioemu, mac=00:16:3e:00:00:22, bridge=xenbr0' ]
disk = [ 'file:$work/disk.img,hda,w' ]
acpi = 1
apic = 1
pae = 1
vnc = 1
on_crash = 'restart'
on_reboot = 'restart'
device_model_version = "qemu-xen"
device_model_stubdomain_override = 1
CFG
rom=/usr/share/seabios/vgabios-stdvga.bin

# at: where the guest's screen is shown, for the viewer.
at() {
    local id
    id=$(xl domid seed)
    echo "$(xenstore-read "/local/domain/$id/console/vnc-listen"):$(xenstore-read "/local/domain/$id/console/vnc-port")"
}
viewer() { timeout 240 /job/tests/vnc "$(at)" font "$rom" "$@"; }
# server: the process in dom0 that serves the guest's stub domain.
server() { pgrep -f "^/usr/libexec/xenlight-serve -xen-domid $(xl domid seed-dm)\$"; }
# a_new PID OLD: whether another process serves.
another() {
    local now
    now=$(server) && [ "$now" != "$1" ]
}

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

step "rebooted by its keyboard"
old=$(xl domid seed)
reborn() { [ -n "$(xl domid seed 2>/dev/null)" ] && [ "$(xl domid seed)" != "$old" ] && [ -n "$(at 2>/dev/null)" ]; }
viewer type r stay 20 || true # until it is gone
await 200 "the guest to be rebooted" reborn
await 90 "its screen" viewer show
viewer await 120 'type here' type back await 60 back

step "crashed, and restarted"
old=$(xl domid seed)
/job/tests/crash "$old"
await 200 "the guest to be restarted" reborn
await 90 "its screen" viewer show
viewer await 120 'type here'
xl destroy seed
await 60 "the server to be gone" bash -c '! pgrep xenlight-serve'

step "a password"
sed -i 's/^vnc = 1/vnc = 1\nvncpasswd = "secret"\nvncdisplay = 7\nvncunused = 0/' "$work/seed.cfg"
create seed
same "the display asked for" 127.0.0.1:5907 "$(at)"
/job/tests/vnc "$(at)" password wrong refused
viewer password secret await 60 'type here' type known await 60 known
xl destroy seed
