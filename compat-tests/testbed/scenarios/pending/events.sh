# shellcheck shell=bash
# The event interface as C applications use it: compat-tests/c/events.c, the same program on both libraries.

[ -x /job/tests/events ] || skip "build/tests/events is missing: run make c-programs"

# A device model that never says that it runs.
printf '#!/bin/sh\nexec sleep 1000\n' >"$work/sleeper"
chmod +x "$work/sleeper"
guest one pvh
guest two pvh
guest new pvh
guest slow hvm "device_model_override=\"$work/sleeper\""
create one -p
create two -p
for name in new slow; do xl create -n "$work/$name.cfg" >"$work/$name.json"; done

options=()
[ "$bed_lib" = c ] || options=(ours)
expect '^all$' env VERBOSE=1 /job/tests/events "${options[@]}" "${domid_of[one]}" "${domid_of[two]}" "$work/new.json" "$work/slow.json"
echo "$output"
