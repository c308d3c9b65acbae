# shellcheck shell=bash
# The event interface as C applications use it: compat-tests/c/events.c, the same program on both libraries.

[ -x /job/tests/events ] || skip "build/tests/events is missing: run make c-programs"

# A device model that never says that it runs.
printf '#!/bin/sh\nexec sleep 1000\n' >"$work/sleeper"
chmod +x "$work/sleeper"
guest one pvh
truncate -s 1M "$work/disk.img"
guest two pvh "disk=[\"$work/disk.img,raw,xvda,w\"]"
guest new pvh
guest slow hvm "device_model_override=\"$work/sleeper\""
create one -p
create two -p
for name in new slow; do xl create -n "$work/$name.cfg" >"$work/$name.json"; done

options=()
[ "$bed_lib" = c ] || options=(ours)
step "running events"
# Into a file: children of a program that failed keep a pipe open.
/job/tests/events "${options[@]}" "${domid_of[one]}" "${domid_of[two]}" "$work/new.json" "$work/slow.json" \
    >"$bed_out/events" 2>&1 || fail "events ended with status $?: $(tail -n 5 "$bed_out/events")"
tail -n 20 "$bed_out/events"
