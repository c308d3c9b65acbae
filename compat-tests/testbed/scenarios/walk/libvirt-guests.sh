# What libvirt is used for, on both libraries, with equal results: guests of each type, their consoles, devices that come and go,
# media, events, twenty guests that four clients start at once, and a libvirtd that finds its guests again.
. /job/scenarios/include/libvirt.inc
for letter in a b; do head -c 64K /dev/zero | tr '\0' "$letter" >"$work/$letter.iso"; done
printf 'first disk' >"$work/first.img" && truncate -s 1M "$work/first.img"
truncate -s 1M "$work/second.img"
cp "$guests/hvm-idle.img" "$work/hvm.img"
printf '#!/bin/sh\nexport LD_LIBRARY_PATH=%s\nexec /job/add/usr/bin/virsh -q -c xen:///system "$@"\n' "$libs" >"$work/virsh"
chmod +x "$work/virsh"

# xml NAME MIB VCPUS OS [DEVICE...]: writes $work/NAME.xml.
xml() {
    cat >"$work/$1.xml" <<XML
<domain type='xen'>
  <name>$1</name>
  <memory unit='MiB'>$2</memory>
  <vcpu>$3</vcpu>
  <os>$4</os>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>${*:5}</devices>
</domain>
XML
}
disk() { echo "<disk type='file' device='$1'><source file='$2'/><target dev='$3' bus='$4'/></disk>"; }
nic() { echo "<interface type='bridge'><mac address='00:16:3e:00:00:$1'/><source bridge='xenbr0'/></interface>"; }
console="<console type='pty'><target type='xen' port='0'/></console>"
pvh() { echo "<type arch='x86_64' machine='xenpvh'>xenpvh</type><kernel>$1</kernel><cmdline>$2</cmdline>$3"; }
# small NAME CMDLINE: with the vCPUs libvirt counts more room for its page tables, of which 16 MiB alone would have too little.
small() { xml "$1" 16 3 "$(pvh "$guests/pvh" "$2")"; }

# states: what libvirt says of all guests, without their numbers.
states() { virsh list --all | awk '{ $1 = ""; print }' | sort; }
state_is() { [ "$(virsh domstate "$1")" = "$2" ]; }
# running PREFIX: how many guests run, as the hypervisor has it.
running() { reference xl list | awk -v name="^$1[0-9]" '$1 ~ name { count++ } END { print count + 0 }'; }
described() { virsh dumpxml "$1" | sed -E "s/^<domain type='xen' id='[0-9]+'/<domain type='xen'/"; }
renumbered() { [ "$(virsh domid "$1")" != "$2" ]; }
connected() { [ "$(xenstore-read "/local/domain/${domid_of[tux]}/device/$1/state")" = 4 ]; }
absent() { ! xenstore-read "/local/domain/${domid_of[tux]}/device/$1/state"; }

# watch NAME: what libvirt tells of events goes to events.NAME; from when on, a guest that comes and goes shows.
watch() {
    LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$libs stdbuf -oL /job/add/usr/bin/virsh -q -c xen:///system event --all --loop \
        >"$bed_out/events.$1" 2>&1 &
    watcher=$!
    await 60 "events to be told" told "$1"
}
told() { virsh "undefine seen; define $work/seen.xml" && says seen "$bed_out/events.$1"; }
unwatch() {
    kill -INT "$watcher"
    wait "$watcher" || true
}
# events NAME REGEX: in their order, of the guests that REGEX names.
events() { grep -aE "domain '?($2)'?" "$bed_out/events.$1"; }

small seen idle
xml tux 160 1 "$(pvh /boot/vmlinux 'console=hvc0 quiet' "<initrd>$guests/linux-ramdisk</initrd>")" \
    "$(disk disk "$work/first.img" xvda xen)" "$(nic 23)" "$console"
xml box 64 1 "<type arch='x86_64' machine='xenfv'>hvm</type><boot dev='hd'/>" "$(disk disk "$work/hvm.img" hda ide)" \
    "$(disk cdrom "$work/a.iso" hdc ide)" "$(nic 24)" "<graphics type='vnc' port='5907' listen='127.0.0.1'/>"
xml old 8 1 "<type arch='x86_64' machine='xenpv'>linux</type><kernel>$guests/pv</kernel><initrd>$guests/pv</initrd><cmdline>idle</cmdline>"
small off p
small crash c
for number in {1..20}; do small "g$number" idle; done
disk disk "$work/second.img" xvdb xen >"$work/disk.xml"
nic 25 >"$work/nic.xml"

start_libvirtd
record capabilities virsh capabilities
record domcapabilities virsh domcapabilities --machine xenpvh
record nodeinfo virsh nodeinfo
step "configurations, there and back"
for name in tux box old; do
    record "$name-native" virsh domxml-to-native xen-xl "$work/$name.xml"
    tail -n +2 "$bed_out/record/$name-native" >"$work/$name.native"
    record "$name-from-native" virsh domxml-from-native xen-xl "$work/$name.native"
done

step "a Linux guest and its console"
watch first
expect '' virsh define "$work/tux.xml"
expect '' virsh start tux --paused
domid_of[tux]=$(virsh domid tux)
state_is tux paused || fail "tux runs"
record_domain tux
record tux-described described tux
on_terminal tux "$work/virsh" console tux
expect '' virsh resume tux
await_text "$bed_out/console.tux" 'xvda: first disk' 60
await_text "$bed_out/console.tux" 'eth0: dom0 answers'
await_text "$bed_out/console.tux" 'linux guest ready'
type_line tux "typed in virsh"
await_text "$bed_out/console.tux" 'guest heard: typed in virsh'

step "a disk and a NIC come and go"
machine_state >"$work/before-devices"
expect '' virsh attach-device tux "$work/disk.xml" --live
expect '' virsh attach-device tux "$work/nic.xml" --live
await 30 "the guest to have the disk" connected vbd/51728
await 30 "the guest to have the NIC" connected vif/1
record_tree tux-attached
record tux-attached-list xl list -l tux
record tux-attached-described described tux
record tux-disks virsh domblklist tux
record tux-nics virsh domiflist tux
expect_error '' virsh attach-device tux "$work/disk.xml" --live
expect '' virsh detach-device tux "$work/disk.xml" --live
expect '' virsh detach-device tux "$work/nic.xml" --live
await 30 "the disk to be gone" absent vbd/51728
await 30 "the NIC to be gone" absent vif/1
record tux-detached-described described tux
settles "$work/before-devices" "$work/after-devices" ||
    fail "left over: $(diff "$work/before-devices" "$work/after-devices" | grep '^[<>]' | head -n 4)"

step "guests that end by themselves"
for name in off crash; do
    expect '' virsh define "$work/$name.xml"
    expect '' virsh start "$name"
    await 30 "$name to have ended" state_is "$name" 'shut off'
    record "$name-reason" virsh domstate "$name" --reason
    expect '' virsh undefine "$name"
done

# at_once COMMAND: for the twenty, by four clients at once.
at_once() {
    local client number commands jobs=() job
    step "virsh $1, twenty times"
    for client in 0 1 2 3; do
        commands=
        for number in {1..5}; do commands+="$1 g$((client * 5 + number)); "; done
        virsh "$commands" >"$bed_out/$1.$client" 2>&1 &
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do
        wait "$job" || fail "a virsh $1 failed: $(grep -ah error: "$bed_out/$1".? | head -n 3)"
    done
    ! grep -ah error: "$bed_out/$1".? || fail "a virsh $1 failed"
}
step "twenty guests"
expect '' virsh "$(printf "define $work/g%s.xml; " {1..20})"
at_once start
same "guests that run" 20 "$(running g)"
expect '' virsh autostart g1

step "libvirtd starts again"
unwatch
record events-first events first 'tux|off|crash'
record events-starts sort <<<"$(events first 'g[0-9]+')"
states >"$work/states"
virsh list >"$work/numbers"
close_consoles
stop_libvirtd
same "guests that run without libvirtd" 20 "$(running g)"
start_libvirtd
watch second
same "what libvirt knows" "$(cat "$work/states")" "$(states)"
same "guests and their numbers" "$(cat "$work/numbers")" "$(virsh list)"
record states states
at_once destroy
same "guests that run" 0 "$(running g)"

step "the Linux guest reboots and powers off"
expect '' virsh reboot tux
await 60 "tux to have another number" renumbered tux "${domid_of[tux]}"
await 60 "tux to run" state_is tux running
domid_of[tux]=$(virsh domid tux)
on_terminal tux "$work/virsh" console tux
await_text "$bed_out/console.tux" 'linux guest ready' 90
type_line tux poweroff
await 60 "tux to be off" state_is tux 'shut off'
close_consoles
expect '' virsh undefine tux

step "media of a guest with QEMU"
expect '' virsh define "$work/box.xml"
expect '' virsh start box --paused
domid_of[box]=$(virsh domid box)
record_domain box
record box-described described box
expect '' virsh resume box
# holds FILE: what libvirt, the toolstack and QEMU say of the drive.
holds() {
    local medium
    record "box-holds-${1:-nothing}" described box
    medium=$(xenstore-read "/libxl/${domid_of[box]}/device/vbd/5632/params")
    same "medium on record" "${1:+aio:$work/$1}" "$medium"
    expect "^ide-5632( .*)?: $([ -n "$1" ] || echo '\[not inserted\]')" xl qemu-monitor-command box 'info block'
}
holds a.iso
expect '' virsh change-media box hdc "$work/b.iso" --update --live
holds b.iso
expect '' virsh change-media box hdc --eject --live
holds ''
expect '' virsh change-media box hdc "$work/a.iso" --insert --live
holds a.iso
expect '' virsh destroy box
expect '' virsh undefine box

step "libvirtd starts what is to start with it"
unwatch
record events-second events second 'tux|box'
record events-ends sort <<<"$(events second 'g[0-9]+')"
stop_libvirtd
# What says that it has done so since the host has booted.
rm -f /run/libvirt/libxl/autostarted
start_libvirtd
await 30 "g1 to run" state_is g1 running
same "guests that run" 1 "$(running g)"
expect '' virsh destroy g1
expect '' virsh "$(printf 'undefine %s; ' seen g{1..20})"
same "guests that libvirt knows" '' "$(virsh list --all --name)"
stop_libvirtd
remove_libvirt
