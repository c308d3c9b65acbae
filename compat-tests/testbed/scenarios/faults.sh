# A sample of make faults: a small guest, a dozen points of its creation and some of its destruction.
[ "$bed_lib" = ours ] || skip "make faults LIBS=both has the C library fail"
. /job/scenarios/faults.inc
guest tiny pvh 'cmdline="idle"'
walk_create tiny 23
walk_destroy tiny 19
walked tiny
