# xl -N create prints what it would build. On our library it does so with no Xen in sight; the C library needs Xen.
# dry_run NAME: the configuration as JSON, recorded for comparison.
dry_run() {
    local command="xl -N create $work/$1.cfg"
    [ "$bed_lib" = c ] ||
        command="for d in /dev/xen /proc/xen /run/xenstored; do [ ! -d \$d ] || mount -t tmpfs none \$d; done; $command"
    expect "\"name\": \"$1\"" unshare -m bash -c "$command"
    record "$1" sed -n '/^{/,/^}/p' <<<"$output"
}
truncate -s 1M "$work/disk.img"
disk="\"$work/disk.img,raw,xvda,w\""
nic='vif=["mac=00:16:3e:01:02:03,bridge=xenbr0"]'

guest paravirt linux-pv "disk=[$disk]" "$nic" 'vcpus=2' 'on_crash="preserve"'
guest small pvh 'cmdline="idle"' 'uuid="01234567-89ab-cdef-0123-456789abcdef"'
guest box hvm "disk=[\"$work/disk.img,raw,hda,w\"]" "$nic" 'vcpus=4' 'maxvcpus=8' 'boot="cd"' 'viridian=1'
guest screen hvm 'sdl=0' 'keymap="de"' 'usb=1' 'usbdevice="tablet"' 'serial=["pty", "file:/tmp/x"]'
sed -i 's/^vnc=0/vnc=1/' "$work/screen.cfg"
guest stub stubdom "disk=[\"$work/disk.img,raw,hda,w\"]" "$nic" 'stubdomain_memory=256'
for name in paravirt small box screen stub; do dry_run $name; done
