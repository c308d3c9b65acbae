# The same Linux as a PVH guest.
. /job/scenarios/include/linux.inc
quick=yes linux_guest linux-pvh
shuts_down
