# shellcheck shell=bash
# The event interface as C applications use it: compat-tests/c/events.c, the same program on both libraries.

. /job/scenarios/include/events.inc
options=()
[ "$bed_lib" = c ] || options=(ours)
step "running events"
# Into a file: children of a program that failed keep a pipe open.
/job/tests/events "${options[@]}" "${events[@]}" >"$bed_out/events" 2>&1 || fail "events ended with status $?: $(tail -n 5 "$bed_out/events")"
tail -n 20 "$bed_out/events"
