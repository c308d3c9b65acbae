# A PV Linux: console, three disks, a NIC on the bridge, reboot and shutdown by request.
. /job/scenarios/linux.inc
linux_guest linux-pv
reboots
shuts_down
