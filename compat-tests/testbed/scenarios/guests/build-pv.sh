# What a PV guest finds when it starts is the same from either library: registers, start info, page tables, list of machine
# frames, ring pages, grants, contents. Linux has list and ramdisk behind the first mapping, the tiny kernel inside it.

# looks_like NAME: of a guest that was created paused.
looks_like() {
    record "start-$1" /job/tests/pvstart "${domid_of[$1]}"
    grep -q '^grant 1 ' "$bed_out/record/start-$1" || fail "pvstart $1: $(tail -n 3 "$bed_out/record/start-$1")"
    destroy "$1"
}

for memory in 161 700; do
    guest linux-$memory linux-pv "memory=$memory" 'vcpus=3'
    create linux-$memory -p
    looks_like linux-$memory
done
guest bare linux-pv 'ramdisk=""' "cmdline=\"$(printf 'word%.0s ' {1..300})\""
create bare -p
looks_like bare
gunzip -c "$guests/linux-ramdisk" >"$work/unpacked"
guest unpacked linux-pv 'memory=301' "ramdisk=\"$work/unpacked\""
create unpacked -p
looks_like unpacked

head -c 70001 "$work/unpacked" >"$work/some"
for memory in 5 13; do
    guest tiny-$memory tiny 'type="pv"' "memory=$memory" "kernel=\"$guests/pv\"" "ramdisk=\"$work/some\""
    create tiny-$memory -p
    looks_like tiny-$memory
done
guest tiny tiny 'type="pv"' 'memory=8' "kernel=\"$guests/pv\"" 'on_crash="preserve"'
create tiny -p
expect '' xl unpause tiny
await 20 "the tiny guest to power itself off" gone tiny

step "kernels that cannot be"
head -c 3000000 /boot/vmlinux >"$work/cut"
printf '\x07' | dd of="$work/cut" bs=1 seek=44 conv=notrunc status=none
cp "$guests/pvh" "$work/no-pv"
for kernel in cut no-pv; do
    guest bad tiny 'type="pv"' 'memory=32' "kernel=\"$work/$kernel\""
    expect_error 'error' xl create "$work/bad.cfg"
done
guest small linux-pv 'memory=40'
expect_error 'error' xl create "$work/small.cfg"

guest nodes linux-pv 'memory=161' 'vcpus=2' \
    'vnuma=[["pnode=0","size=64","vcpus=0","vdistances=10,20"],["pnode=0","size=97","vcpus=1","vdistances=20,10"]]'
expect_error 'vNUMA is not' xl create "$work/nodes.cfg"
