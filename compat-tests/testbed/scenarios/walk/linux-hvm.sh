# The same Linux as an HVM guest with PV drivers, started by SeaBIOS and by OVMF. In the emulated machine the firmware needs
# minutes to fetch kernel and ramdisk from QEMU, a port access at a time.
. /job/scenarios/include/linux.inc
boot_time=300 quick=yes
for bios in seabios ovmf; do
    linux_guest linux-hvm "bios=\"$bios\""
    shuts_down
    close_consoles
done
