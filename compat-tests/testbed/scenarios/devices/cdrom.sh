# Media of an HVM guest's CD drives change while it runs: with QEMU in dom0, and with QEMU in a stub domain, which the C library
# refuses. QEMU reads the drives itself, which shows what the guest would see.
for letter in a b; do head -c 64K /dev/zero | tr '\0' "$letter" >"$work/$letter.iso"; done
cp "$guests/hvm-idle.img" "$work/hvm.img"
log=/var/log/xen/qemu-dm-box.log

# holds DEVID REGEX: what QEMU says of a drive.
holds() { expect "^ide-$1( .*)?: $2" xl qemu-monitor-command box 'info block'; }
# reads DEVID LETTER: the medium in a drive begins with that letter, as QEMU reads it.
reads() {
    local code before
    code=$(printf '0x%x' "'$2")
    before=$(grep -ac 'read 512/512' "$log") || true
    expect '' xl qemu-monitor-command box "qemu-io ide-$1 \"read -P $code 0 512\""
    await 30 "drive $1 to be read" was_read "$before"
    ! says 'Pattern verification failed' "$log" || fail "drive $1 does not hold $2.iso"
}
was_read() { [ "$(grep -ac 'read 512/512' "$log")" -gt "$1" ]; }
# listed PATH: what the toolstack says that hdc holds.
listed() {
    same "medium on record" "$1" "$(xenstore-read "/libxl/${domid_of[box]}/device/vbd/5632/params")"
    expect '' xl list -l box
    if [ -n "$1" ]; then
        says "\"pdev_path\": \"${1#aio:}\"" /dev/stdin <<<"$output" || fail "the stored configuration lacks $1"
    else
        says '"format": "empty"' /dev/stdin <<<"$output" || fail "the stored configuration has no empty drive"
    fi
}
# changes [EMPTY-DRIVE]: what both kinds of guests must do. hdc holds a.iso, hdd is empty; given another medium, QEMU 7.2 in dom0
# crashes, whichever library asks for it.
changes() {
    reads 5632 a
    holds 5696 '\[not inserted\]'

    step "another medium"
    expect '' xl cd-insert box hdc "$work/b.iso"
    reads 5632 b
    listed "aio:$work/b.iso"
    step "the same once more"
    expect '' xl cd-insert box hdc "$work/b.iso"
    reads 5632 b

    step "out, twice"
    expect '' xl cd-eject box hdc
    holds 5632 '\[not inserted\]'
    listed ''
    expect '' xl cd-eject box hdc

    if [ -n "${1:-}" ]; then
        step "into the empty drive"
        expect '' xl cd-insert box hdd "$work/a.iso"
        reads 5696 a
        holds 5632 '\[not inserted\]'
    fi
    step "back into the first one"
    expect '' xl cd-insert box hdc "$work/a.iso"
    reads 5632 a

    step "what cannot be"
    expect_error '' xl cd-insert box hdb "$work/a.iso"
    expect_error '' xl cd-insert box hda "$work/a.iso"
    expect_error 'Cannot stat' xl cd-insert box hdc "$work/none.iso"
    reads 5632 a
}
holds_none() { xl qemu-monitor-command box 'info block' | grep -q "^ide-$1.*: \[not inserted\]"; }
# offers DEVID: whether the stub domain says that its QEMU can open the medium.
offers() { [ "$(xenstore-read "/local/domain/$stub/device-model/$id/fdset/$1" 2>/dev/null)" = 1 ]; }
# loops: how many loop devices there are.
loops() { losetup -a | wc -l; }

drives="\"$work/a.iso,raw,hdc,cdrom\", \",,hdd,cdrom\""
step "QEMU in dom0"
guest box hvm "disk=[\"$(qdisk "$work/hvm.img")\", $drives]"
create box
pid=$(xenstore-read "/local/domain/${domid_of[box]}/image/device-model-pid")
changes
record_tree cdrom
record cdrom-list xl list -l box
if [ "$bed_lib" = ours ]; then
    step "the guest opens the drive"
    xenstore-write "/local/domain/${domid_of[box]}/device/vbd/5632/eject" eject
    await 20 "the medium to be out" holds_none 5632
    listed ''

    step "nothing is left over of ten changes"
    descriptors() { find "/proc/$pid/fd" -lname "*.iso*" | wc -l; }
    none=$(descriptors)
    xl cd-insert box hdc "$work/b.iso"
    one=$(descriptors)
    for _ in 1 2 3 4 5; do
        xl cd-insert box hdc "$work/a.iso"
        xl cd-insert box hdc "$work/b.iso"
    done
    same "descriptors of media" "$one" "$(descriptors)"
    xl cd-eject box hdc
    same "descriptors of no media" "$none" "$(descriptors)"
fi
destroy box

[ "$bed_lib" = ours ] || return 0
[ -f "$xen_dir/boot/qemu-stubdom-linux-rootfs" ] || return 0
step "QEMU in a stub domain"
guest box stubdom "disk=[\"$work/hvm.img,raw,hda,w\", $drives]"
create box
id=${domid_of[box]}
stub=$(xenstore-read "/local/domain/$id/image/device-model-domid")
domid_of[box-dm]=$stub
await 30 "the offer of the first medium" offers 5632
first=$(loops)
changes hdd
same "loop devices" $((first + 1)) "$(loops)"
for devid in 5632 5696; do offers "$devid" || fail "the stub domain does not say that it offers disk $devid"; done

if [ "$xen_release" != 4.17 ]; then
    # It can since 4.20; a stub domain of its own does not start there.
    step "the C library changes it"
    expect '' reference xl cd-insert box hdc "$work/b.iso"
    reads 5632 b
    expect '' reference xl cd-eject box hdc
    await 20 "the medium to be out" holds_none 5632
    expect '' reference xl cd-insert box hdd "$work/b.iso"
    reads 5696 b
    expect '' xl cd-eject box hdd
    expect '' xl cd-insert box hdc "$work/a.iso"
    reads 5632 a
fi

step "nothing is left over of ten changes"
for _ in 1 2 3 4 5; do
    expect '' xl cd-insert box hdd "$work/b.iso"
    reads 5696 b
    expect '' xl cd-eject box hdd
done
expect '' xl cd-eject box hdc
same "loop devices" $((first - 1)) "$(loops)"
! offers 5632 || fail "the stub domain offers what it has not"
[ "$(xenstore-list "/local/domain/$stub/device/vbd")" = 768 ] || fail "the stub domain has more than its disk"
expect 'VM status: running' xl qemu-monitor-command box 'info status'
destroy box
await 10 "the stub domain to be gone" gone "$stub"
