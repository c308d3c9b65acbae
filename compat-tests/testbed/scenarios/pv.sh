# A PV Linux: console, two disks, a NIC on the bridge, reboot and shutdown by request.
. /job/scenarios/linux.inc
linux_guest linux-pv
