# The same Linux as a PVH guest.
. /job/scenarios/linux.inc
quick=yes linux_guest linux-pvh
shuts_down
