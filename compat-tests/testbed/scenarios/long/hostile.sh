# A stub domain that was taken over, and kernels that lie: each command ends, with bounded memory and no control characters
# on the terminal, dom0 works on, and nothing is left.
[ "$bed_lib" = ours ] || skip "the C library takes the liar's \"running\" with a NUL behind it for a running QEMU"
[ "$xen_release" = 4.17 ] || skip "no QEMU in dom0 serves a stub domain; walk/hostile-serve is about our server"
[ -x /job/tests/huge-elf ] || skip "build/tests/huge-elf is missing: run make c-programs"
. /job/scenarios/include/hostile.inc
cp "$guests/hvm-idle.img" "$work/hvm.img"
disk="disk=[\"$(qdisk "$work/hvm.img")\"]"

# Rubbish in its state node, and for a reason.
hostile liar liar "$disk"
launch liar xl create "$work/liar.cfg"

# QMP against a peer that breaks it in every way. QEMU and upstream's proxy serve this one in dom0, as they would with the C
# library; what our server does is the scenario walk/hostile-serve's.
hostile box serve "$disk"
watched box 250000 env XENLIGHT_STUBDOM_QEMU=1 xl create -p "$work/box.cfg"
same "status of xl create" 0 "$code"
finish liar 250000
[ "$code" -ne 0 ] || fail "liar was created"
grep -q 'stub domain [0-9]* says: ' <<<"$output" || fail "no word of the stub domain's: $output"
await 10 "liar to be gone" gone liar
takes_part box
for name in garbage deep wide wrong-id hang-up error; do
    part $name
    refused $name 64000 "${monitor[@]}"
done
part text
watched text 64000 "${monitor[@]}"
same "status of a monitor command" 0 "$code"
answers fine

# One that is silent, and one that never says that it runs but floods the store and its log.
part silent
launch silent "${monitor[@]}"
hostile flood flood "$disk"
launch flood xl create "$work/flood.cfg"

# Meanwhile, images that are cut or lie.
kernel=/boot/vmlinux
head -c 100 "$kernel" >"$work/header"
head -c 3000000 "$kernel" >"$work/cut"
/job/tests/huge-elf "$kernel" "$work/huge"
gzip -1 <"$work/cut" | head -c 300000 >"$work/gzip"
for name in header cut huge gzip; do
    guest "k-$name" linux-pv "kernel=\"$work/$name\""
    refused "k-$name" 200000 xl create "$work/k-$name.cfg"
done
truncate -s 120M "$work/ramdisk"
guest k-ramdisk linux-pv 'memory=64' "ramdisk=\"$work/ramdisk\""
refused k-ramdisk 300000 xl create "$work/k-ramdisk.cfg"
head -c 80 "$guests/pvh" >"$work/cut"
/job/tests/huge-elf "$guests/pvh" "$work/huge"
for name in cut huge; do
    guest "p-$name" pvh "kernel=\"$work/$name\""
    refused "p-$name" 200000 xl create "$work/p-$name.cfg"
done
for name in k-header k-cut k-huge k-gzip k-ramdisk p-cut p-huge; do gone $name || fail "$name is still there"; done

finish silent 64000
[ "$code" -ne 0 ] || fail "a silent QEMU gave no error"
grep -q 'took more than' <<<"$output" || fail "no word of the time limit: $output"
finish flood 250000
[ "$code" -ne 0 ] || fail "flood was created"
await 10 "flood to be gone" gone flood
step "its log has $(stat -c %s /var/log/xen/qemu-dm-flood.log) bytes"

# Two of its consoles are files here. They end at the limit of the QEMU that serves them, which is lowered for the sake of time.
# It goes on as if all were taken.
qemu=$(xenstore-read "/local/domain/$stub/image/device-model-pid")
limit=$(awk '/^Max file size/ { print $4 }' "/proc/$qemu/limits")
[[ $limit =~ ^[0-9]+$ && $limit -ge $((16 << 20)) && $limit -le $((64 << 20)) ]] || fail "its files may have $limit bytes"
most=300000
prlimit --pid "$qemu" --fsize="$most":
part fill
full() { [ "$(stat -c %s "$1")" -eq $most ]; }
for file in /var/log/xen/qemu-dm-box.log "/var/lib/xen/qemu-save.${domid_of[box]}"; do await 60 "$file to be full" full "$file"; done
answers filled
kill -0 "$qemu" || fail "the QEMU that serves its consoles is gone"
for file in /var/log/xen/qemu-dm-box.log "/var/lib/xen/qemu-save.${domid_of[box]}"; do full "$file" || fail "$file has grown"; done
prlimit --pid "$qemu" --fsize="$limit":

# The proxy in dom0 does not survive that its client hangs up on a flood. The next command finds it again.
part endless
refused endless 64000 "${monitor[@]}"
answers revived

# Every node that it may write is spoiled. dom0 looks at it, and takes it down.
part wreck
await_text /var/log/xen/qemu-dm-box.log 'hostile: wrecked' 30
for command in info list "block-list box" "block-list box-dm" "list -l box"; do
    # shellcheck disable=SC2086 # words
    watched "$command" 64000 xl $command
    same "status of xl $command" 0 "$code"
done
watched destroy 64000 xl destroy box
same "status of xl destroy" 0 "$code"
await 10 "box to be gone" gone box
await 10 "its stub domain to be gone" gone "$stub"
rm -f /var/log/xen/qemu-dm-flood.log /var/log/xen/qemu-dm-box.log
expect 'xen_version' xl info
