# A sample of make faults: two small guests, a dozen points of their creation, and some of a destruction and of a disk's coming and going.
[ "$bed_lib" = ours ] || skip "make faults LIBS=both has the C library fail"
. /job/scenarios/include/faults.inc
guest tiny pvh 'cmdline="idle"'
guest plain tiny 'type="pv"' 'memory=8' "kernel=\"$guests/pv\"" 'cmdline="idle"'
walk create tiny 37
walk create plain 47
walk destroy tiny 29
walk attach tiny 17
walk detach tiny 17
walked tiny plain
