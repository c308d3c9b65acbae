# kill -9 of xl in the middle of a creation; "xl destroy" then takes down whatever there is. A sample of
# make faults VARS="KILL=1".
[ "$bed_lib" = ours ] || skip "make faults LIBS=both has the C library fail"
. /job/scenarios/faults.inc
export XENLIGHT_FAULT_KILL=1
cp "$guests/hvm-idle.img" "$work/hvm.img"
guest tiny pvh 'cmdline="idle"' 'vif=["mac=00:16:3e:01:02:03,bridge=xenbr0"]'
guest box tiny-stubdom "disk=[\"$(qdisk "$work/hvm.img")\"]"
walk_create tiny 71
walk_create box 199
walked tiny box
