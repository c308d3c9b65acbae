# A soft reset: the guest goes on where it was, under its number and in its memory; nodes, channels and QEMU are new, and QEMU knows
# what its devices were doing.
. /job/scenarios/include/hvm.inc
[ -x /job/tests/shutdown ] || skip "build/tests/shutdown is missing: run make c-programs"
cp "$guests/hvm-idle.img" "$work/hvm.img"
guest box hvm "disk=[\"$(qdisk "$work/hvm.img")\"]" 'on_soft_reset="soft-reset"' 'vcpus=2'
boots_and_echoes box
id=${domid_of[box]}
qemu() { xenstore-read "/local/domain/$id/image/device-model-pid" 2>/dev/null; }
runs_anew() { [ -n "$(qemu)" ] && [ "$(qemu)" != "$first" ] && has_state box '[r-][b-]----'; }
goes_on() {
    first=$(qemu)
    /job/tests/shutdown "$id" 5
    await 60 "the guest to go on" runs_anew
    same "number" "$id" "$(domid box)"
    [ ! -d "/proc/$first" ] || fail "the first QEMU still runs"
    open_console box
    nap 0.5
    type_line box "typed after $1"
    await_text "$bed_out/console.box" "typed after $1"
    ! says 'boot sector runs' "$bed_out/console.box" || fail "the guest was started anew"
}
step "soft reset"
goes_on "a reset"
record_domain box
step "another one"
goes_on "another"
expect '' xl pause box
expect '' xl unpause box
destroy box
left=$(compgen -G "/var/lib/xen/qemu-*.$id" || true)
same "files of the device model's state" "" "$left"
