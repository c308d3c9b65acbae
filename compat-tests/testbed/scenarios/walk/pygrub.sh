# Debian's pygrub: PV and PVH guests boot the kernel on their disk, from a file and from a qcow2 image; its menu is seen by
# xl create -c and takes keys; and it works as a user without rights.
# Needs XENLIGHT_BED_ADD=build/bootloader, which testbed/bootloader/build makes.
[ -f /job/add/boot.img ] || skip "no disk to boot from; testbed/bootloader/build makes it"
. /job/scenarios/include/bootloader.inc
modprobe xen-blkfront
cp /job/add/boot.img "$work/disk.img"
qcow2 "$work/disk.img" "$work/disk.qcow2"
raw="format=raw,vdev=xvda,access=w,target=$work/disk.img"
thin="format=qcow2,vdev=xvda,access=w,target=$work/disk.qcow2"
grubbed() {
    guest "$1" tiny "type=\"$2\"" 'memory=192' 'bootloader="pygrub"' "disk=[\"$3\"]" "${@:4}"
}

# runs_linux NAME
runs_linux() {
    open_console "$1" -t pv
    expect '' xl unpause "$1"
    await_text "$bed_out/console.$1" 'linux guest ready' 120
    close_consoles
    no_rest "$1"
    destroy "$1"
}

for type in pv pvh; do
    grubbed raw-$type $type "$raw"
    create raw-$type -p
    record_boot raw-$type
    runs_linux raw-$type
done
grubbed thin pv "$thin"
create thin -p
record_boot thin
runs_linux thin

step "its menu, and keys"
grubbed menu pv "$raw"
on_terminal menu xl create -c "$work/menu.cfg"
await_text "$bed_out/console.menu" 'pyGRUB' 120
await_text "$bed_out/console.menu" 'Second' 60
# Down, as a terminal of that kind says it, and go.
printf '\033OB' >"$work/console.menu.in"
nap 2
printf '\r' >"$work/console.menu.in"
await_text "$bed_out/console.menu" 'linux guest ready' 120
domid_of[menu]=$(domid menu)
record_boot menu
expect 'entry=second' xenstore-read "$(xenstore-read "/local/domain/${domid_of[menu]}/vm")/image/cmdline"
type_line menu "typed after the menu"
await_text "$bed_out/console.menu" 'guest heard: typed after the menu'
close_consoles
no_rest menu
destroy menu

step "as a user without rights"
grubbed confined pv "$raw"
LIBXL_BOOTLOADER_USER=nobody create confined -p
record_boot confined
runs_linux confined
grubbed locked pv "$raw"
chmod 600 "$work/disk.img"
LIBXL_BOOTLOADER_USER=nobody expect_error 'error:' xl create "$work/locked.cfg"
no_rest locked
chmod 644 "$work/disk.img"

step "a disk without anything to boot"
truncate -s 1M "$work/empty.img"
grubbed empty pv "format=raw,vdev=xvda,access=w,target=$work/empty.img"
expect_error 'error:' xl create "$work/empty.cfg"
no_rest empty

# Where the host has such a user, ours confines pygrub without being asked.
if [ "$bed_lib" = ours ]; then
    step "confined by default"
    { cat /etc/passwd; echo 'xen-qemuuser-range-base:x:70000:65534::/nonexistent:/usr/sbin/nologin'; } >"$work/passwd"
    mount --bind "$work/passwd" /etc/passwd
    grubbed default pv "$raw"
    create default -p
    says "--runas=$((70000 + domid_of[default]))\$" "$bed_out/create.default.log" || fail "pygrub was not confined"
    says 'entry=first' /dev/stdin <<<"$(xenstore-read "$(xenstore-read "/local/domain/${domid_of[default]}/vm")/image/cmdline")"
    no_rest default
    destroy default
    XENLIGHT_BOOTLOADER_RESTRICT=0 create default -p
    ! says '--runas=' "$bed_out/create.default.log" || fail "pygrub was confined all the same"
    destroy default
    umount /etc/passwd
    # The lock of whoever ends a user's processes stays, as with a restricted QEMU.
    rm -f /run/xen/dm-reaper-lock
fi
modprobe -r xen-blkfront
