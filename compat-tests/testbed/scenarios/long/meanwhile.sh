# shellcheck shell=bash
# While a guest of 3 GiB is built, dumped and destroyed by one context, that context serves everybody else, and an abort ends the
# building: compat-tests/c/meanwhile.c, the same program on both libraries. The C library only says how long it keeps others waiting.

[ -x /job/tests/meanwhile ] || skip "build/tests/meanwhile is missing: run make c-programs"
# Small pages make it last; each of the others stops behind the library's back during one of the operations.
guest large linux-pv 'memory=3072'
xl create -n "$work/large.cfg" >"$work/large.json"
# A guest can be dumped once it has said where its pages are.
create large -p
open_console large -t pv
expect '' xl unpause large
await_text "$bed_out/console.large" 'linux guest ready' 90
expect '' xl pause large
close_consoles
victims=()
for name in first second third; do
    guest "$name" pvh
    create "$name" -p
    victims+=("${domid_of[$name]}")
done
most=()
[ "$bed_lib" = c ] || most=(most 100)
step "running meanwhile"
/job/tests/meanwhile "${domid_of[large]}" "$work/large.json" "${victims[@]}" "${most[@]}" >"$bed_out/meanwhile" 2>&1 ||
    fail "meanwhile ended with status $?: $(tail -n 6 "$bed_out/meanwhile")"
cat "$bed_out/meanwhile"
# The xl behind each of them destroys it.
for name in first second third; do await 20 "$name to be gone" gone "$name"; done
