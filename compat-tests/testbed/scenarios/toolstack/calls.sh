# Calls that xl does not make, or not this way: compat-tests/c/calls.c, the same program on both libraries.
[ -x /job/tests/calls ] || skip "build/tests/calls is missing: run make c-programs"
guest one pvh
guest new pvh
guest hvm hvm
create one -p
for name in new hvm; do xl create -n "$work/$name.cfg" >"$work/$name.json"; done
options=()
[ "$bed_lib" = c ] || options=(ours)
step "running calls"
/job/tests/calls "${options[@]}" "${domid_of[one]}" "$work/new.json" "$work/hvm.json" >"$bed_out/calls" 2>&1 ||
    fail "calls ended with status $?: $(tail -n 5 "$bed_out/calls")"
tail -n 20 "$bed_out/calls"
destroy one
