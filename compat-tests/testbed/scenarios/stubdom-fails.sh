# A QEMU that cannot start in its stub domain: the creation fails, says why, and leaves nothing.
[ -f /usr/lib/xen-4.17/boot/qemu-stubdom-linux-rootfs ] || skip "no stub domain image; make stubdom builds it"
cp "$guests/hvm-idle.img" "$work/hvm.img"
guest bad stubdom "disk=[\"$work/hvm.img,raw,hda,w\"]" 'device_model_args_hvm=["-no-such-option"]'
step "xl create bad"
began=$SECONDS
expect_error 'device model did not start' xl create "$work/bad.cfg"
step "failed after $((SECONDS - began)) s"
if [ "$bed_lib" = ours ]; then
    grep -q 'stub domain [0-9]* says: .*QEMU ended' <<<"$output" || fail "no word of the stub domain's: $output"
fi
await 10 "bad to be gone" gone bad
