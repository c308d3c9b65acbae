# A guest that was made without a QEMU gets one with its first disk that QEMU must serve, although nobody named the
# backend. On this library alone: docs/quirks.md.
[ "$bed_lib" = ours ] || skip "the C library adds a disk that nobody serves"

# An empty qcow2 image of 1 MiB: header, reference counts, an empty table.
image() {
    truncate -s 256K "$1"
    printf 'QFI\xfb\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\x10\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\x03\0\0\0\0\0\0\0\x01\0\0\0\0\0\x01' |
        dd of="$1" conv=notrunc status=none
    printf '\0\0\0\0\0\x02\0\0' | dd of="$1" bs=64K seek=1 conv=notrunc status=none
    printf '\0\x01\0\x01\0\x01\0\x01' | dd of="$1" bs=64K seek=2 conv=notrunc status=none
}
# Whoever starts a QEMU must not keep others from the guest's files meanwhile: the lock is a file while somebody has it.
cat >"$work/qemu" <<END
#!/bin/bash
compgen -G "/var/lib/xen/userdata-l.\$2.*.domain-userdata-lock" >>$work/locked
echo "\$\$" >>$work/started
exec /usr/libexec/xen-qemu-system-i386 "\$@"
END
chmod +x "$work/qemu"

guest late pvh 'cmdline="idle"' "device_model_override=\"$work/qemu\""
create late
id=${domid_of[late]}
[ ! -e "$work/started" ] || fail "it has a QEMU from the start"
for n in a b; do image "$work/$n.qcow2"; done
step "two disks at once"
xl block-attach late "$work/a.qcow2,qcow2,xvda,w" >"$bed_out/attach" 2>&1 &
first=$!
expect '' xl block-attach late "$work/b.qcow2,qcow2,xvdb,w"
wait "$first" || fail "the other disk: $(tail -n 3 "$bed_out/attach")"
same "QEMUs" 1 "$(wc -l <"$work/started")"
[ ! -s "$work/locked" ] || fail "QEMU was started under the lock $(cat "$work/locked")"
pid=$(xenstore-read "/local/domain/$id/image/device-model-pid")
same "recorded process" "$(cat "$work/started")" "$pid"
has_open() { find "/proc/$pid/fd" -lname "$work/$1.qcow2" | grep -q .; }
for n in a b; do await 10 "QEMU to serve disk $n" has_open "$n"; done
expect '51712' xl block-list late
expect '"vdev": "xvdb"' xl list -l late
expect '' xl block-detach late xvdb
destroy late

step "a QEMU that does not start takes its disk back"
guest broken pvh 'cmdline="idle"' 'device_model_override="/bin/false"'
create broken
expect_error 'device model did not start' xl block-attach broken "$work/a.qcow2,qcow2,xvda,w"
same "disks" "" "$(xl block-list broken | awk 'NR > 1')"
! xenstore-exists "/libxl/${domid_of[broken]}/device/vbd/51712" || fail "the disk is still on record"
destroy broken
