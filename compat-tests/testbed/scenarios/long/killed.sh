# kill -9 of xl in the middle of a creation; "xl destroy" then takes down what there is. A sample of
# make faults VARS="KILL=1".
[ "$bed_lib" = ours ] || skip "make faults LIBS=both has the C library fail"
. /job/scenarios/include/faults.inc
cp "$guests/hvm-idle.img" "$work/hvm.img"
guest tiny pvh 'cmdline="idle"' 'vif=["mac=00:16:3e:01:02:03,bridge=xenbr0"]'
guest box tiny-stubdom "disk=[\"$(qdisk "$work/hvm.img")\"]"
# One whose script writes into the store long after xl was killed.
cat >"$work/slow" <<'SCRIPT'
#!/bin/sh
[ "$1" = add ] || exit 0
sleep 2
xenstore-write "$XENBUS_PATH/hotplug-status" connected
SCRIPT
chmod +x "$work/slow"
guest slow pvh 'cmdline="idle"' "disk=[\"format=raw,vdev=xvda,access=w,script=$work/slow,target=$work/hvm.img\"]"
walk create --kill tiny 71
walk create --kill box 199
# When a process is made and has not executed, and while a script runs.
walk create --kill --kinds 'go|script' slow 1
walk create --kill --kinds go box 1
walked tiny box slow
