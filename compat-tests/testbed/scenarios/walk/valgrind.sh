# The C test programs under valgrind: no invalid access, nothing lost, on this library.
[ "$bed_lib" = ours ] || skip "what the C library loses is its own matter"
command -v valgrind >/dev/null || fail "dom0 has no valgrind"

# checked NAME PROGRAM ARGUMENT...
checked() {
    local name=$1 code=0
    shift
    step "$name"
    LD_PRELOAD=/job/tests/past-valgrind.so EVENTS_SECONDS=2000 \
        valgrind --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect --num-callers=25 \
        --log-file="$bed_out/valgrind.$name.%p" "$@" >"$bed_out/$name" 2>&1 || code=$?
    grep -ahE 'ERROR SUMMARY|definitely lost|indirectly lost' "$bed_out/valgrind.$name".* | sort | uniq -c
    [ "$code" -eq 0 ] || fail "$name under valgrind ended with status $code: $(tail -n 3 "$bed_out/$name")"
    # Of children that became another program there is no summary.
    ! grep -aE 'ERROR SUMMARY: [1-9]' "$bed_out/valgrind.$name".* || fail "$name: valgrind found errors"
}

. /job/scenarios/include/events.inc
checked events /job/tests/events ours "${events[@]}"
checked hvmparams /job/tests/hvmparams "${domid_of[one]}"
