# The same Linux as a PVH guest.
. /job/scenarios/linux.inc
linux_guest linux-pvh
shuts_down
