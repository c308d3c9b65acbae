# Calls that xl does not make, or not this way: compat-tests/c/calls.c, the same program on both libraries.
[ -x /job/tests/calls ] || skip "build/tests/calls is missing: run make c-programs"
guest one pvh
guest new pvh
guest hvm hvm
create one -p
for name in new hvm; do xl create -n "$work/$name.cfg" >"$work/$name.json"; done
options=()
[ "$bed_lib" = c ] || options=(ours)
# A keyboard of QEMU's alone makes a QEMU for a guest that otherwise needs none: docs/quirks.md.
if [ "$bed_lib" = ours ]; then
    guest typed pvh 'cmdline="idle"' 'vkb=["backend-type=qemu"]'
    create typed -p
    pid=$(xenstore-read "/local/domain/${domid_of[typed]}/image/device-model-pid")
    [ -d "/proc/$pid" ] || fail "no QEMU serves the keyboard"
    destroy typed
fi
# The backend of a sound card, and a guest that connects one of its streams.
state=/local/domain/0/backend/vsnd/${domid_of[one]}/0/state
card_is() { [ "$(xenstore-read "$state" 2>/dev/null)" = "$1" ]; }
{
    await 100 "a sound card" card_is 1
    stream=/local/domain/${domid_of[one]}/device/vsnd/0/0/0
    xenstore-write "$stream/ring-ref" 8 "$stream/event-channel" 9 "$state" 2
    await 100 "its removal" card_is 5
    xenstore-write "$state" 6
} &
backend=$!
step "running calls"
/job/tests/calls "${options[@]}" "${domid_of[one]}" "$work/new.json" "$work/hvm.json" >"$bed_out/calls" 2>&1 ||
    fail "calls ended with status $?: $(tail -n 5 "$bed_out/calls")"
tail -n 20 "$bed_out/calls"
wait "$backend" || fail "the sound card's backend failed"
destroy one
