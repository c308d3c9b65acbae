# A PV Linux: console, three disks, a NIC on the bridge, the everyday commands, reboot (a disk that was attached stays) and
# shutdown by request.
. /job/scenarios/include/linux.inc
. /job/scenarios/include/everyday.inc
linux_guest linux-pv vcpus=2
everyday tux
reboots
await_text "$bed_out/console.tux" 'xvdd: fourth disk'
# From here on, a reboot would go by this file and no more by what was attached.
expect '' xl config-update tux "$work/tux.cfg"
shuts_down
