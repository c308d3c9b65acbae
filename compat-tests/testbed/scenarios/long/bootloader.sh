# Bootloaders that are shell scripts: their arguments and environment, what they give, how they end, and that nothing is left of
# them. Scenario walk/pygrub has the one that comes with Xen.
. /job/scenarios/include/bootloader.inc
modprobe xen-blkfront
printf 'guest disk' >"$work/disk.img" && truncate -s 1M "$work/disk.img"
qcow2 "$work/disk.img" "$work/disk.qcow2"

# It finds the kernel $KERNEL, and does what the first of its own arguments says.
cat >"$work/loader" <<'LOADER'
#!/bin/bash
work=${0%/*} what=
for word; do
    case $word in
    --output=*) output=${word#*=} ;;
    --output-directory=*) dir=${word#*=} ;;
    do-*) what=${word#do-} ;;
    esac
done
disk=${!#}
printf '%s\n' "$@" "TERM=$TERM" "MINE=$MINE" >"$work/args"
echo "the bootloader looks at $(head -c 10 "$disk")"
# Not which one of dom0's disks it is.
[ -b "$disk" ] && echo block >"$work/disk" || echo file >"$work/disk"
stat -c '%F of %U' "$output" "$dir" "$(tty)" >>"$work/disk"
found() { cp "$KERNEL" "$dir/kernel"; echo ramdisk >"$dir/ramdisk"; }
say() { printf '%s\0' "$@" >"$output"; }
case $what in
find) found; say "kernel $dir/kernel" "ramdisk $dir/ramdisk" "args idle well" ;;
bare) found; say "kernel   $dir/kernel" ;;
last) found; cp "$dir/kernel" "$dir/other"; say "nonsense" "kernel $dir/other" "" "args a" "kernel $dir/kernel" "args idle b" ;;
away) cp "$KERNEL" "$work/away"; say "kernel $work/away" "args idle" ;;
key) printf 'which? '; read -rn 1 key; found; say "kernel $dir/kernel" "args idle $key" ;;
fail) found; say "kernel $dir/kernel"; exit 1 ;;
signal) kill -9 $$ ;;
nothing) ;;
garbage) head -c 20000 /dev/urandom >"$output" ;;
pipe) rm "$output"; mkfifo "$output" ;;
missing) say "kernel $dir/none" ;;
stay) echo stays >"$work/stays"; sleep 600 & wait ;;
flood) head -c 3M /dev/zero | tr '\0' x; found; say "kernel $dir/kernel" "args idle" ;;
esac
LOADER
chmod +x "$work/loader"
export MINE=inherited

# boots NAME TYPE WHAT [LINE...]: a guest whose bootloader does that.
boots() {
    export KERNEL=$guests/$2
    guest "$1" tiny "type=\"$2\"" 'memory=16' 'shadow_memory=4' "bootloader=\"$work/loader\"" "bootloader_args=[\"do-$3\",\"a b\"]" \
        "disk=[\"$work/disk.img,raw,xvda,w\"]" "${@:4}"
}
no_process() { ! pgrep -f "$1"; }
log_of() { cat "/var/log/xen/bootloader.${domid_of[$1]}.log"; }

for type in pv pvh; do
    boots found-$type "$type" find
    create found-$type
    record_boot found-$type
    record args-$type plainly cat "$work/args"
    record surroundings-$type cat "$work/disk"
    record log-$type log_of found-$type
    no_rest found-$type
    destroy found-$type
done

step "what is given along"
boots given pv bare "kernel=\"$guests/pvh\"" "ramdisk=\"$work/disk.img\"" 'cmdline="one two"'
create given -p
record_boot given
record given-args plainly cat "$work/args"
destroy given
boots last pv last
create last -p
record_boot last
destroy last
# A file elsewhere is removed as well.
boots away pvh away
create away -p
[ ! -e "$work/away" ] || fail "the kernel that the bootloader left is still there"
destroy away

step "disks that dom0 needs one of its own for"
boots qcow2 pv find "disk=[\"format=qcow2,vdev=xvda,access=w,target=$work/disk.qcow2\"]"
create qcow2 -p
record qcow2-disk cat "$work/disk"
record qcow2-log log_of qcow2
record_boot qcow2
no_rest qcow2
destroy qcow2
boots script pv find "disk=[\"format=raw,vdev=xvda,access=w,script=block,target=$work/disk.img\"]"
create script -p
record script-disk cat "$work/disk"
record script-log log_of script
no_rest script
destroy script

step "ends that are no success"
for what in fail signal nothing garbage pipe missing; do
    boots "$what" pv "$what"
    # The C library opens a pipe and waits for ever.
    [ "$what-$bed_lib" != pipe-c ] || continue
    expect_error 'error:' timeout 60 xl create "$work/$what.cfg"
    [ "$status" -ne 124 ] || fail "$what: xl create waits"
    [ "$bed_lib" = c ] || says 'bootloader: .*(its log is /var/log/xen/bootloader\.[0-9]+\.log)' /dev/stdin <<<"$output" ||
        fail "$what: no word of the log: $output"
    gone "$what" || fail "$what: the domain is there"
    no_rest "$what"
done
boots flood pvh flood
create flood -p
[ "$bed_lib" = c ] || [ "$(log_of flood | wc -c)" -le 1100000 ] || fail "the log is too large: $(log_of flood | wc -c)"
destroy flood

step "its terminal, and a key"
boots key pv key
on_terminal key xl create -c "$work/key.cfg"
await_text "$bed_out/console.key" 'which\?' 60
printf 2 >"$work/console.key.in"
await 30 "the guest" has_state key '[r-][b-]----'
domid_of[key]=$(domid key)
record_boot key
close_consoles
destroy key

step "a user of its own"
boots user pv find
LIBXL_BOOTLOADER_USER=nobody create user -p
record user-args plainly cat "$work/args"
destroy user
boots late pv stay
status=0
LIBXL_BOOTLOADER_USER=nobody LIBXL_BOOTLOADER_TIMEOUT=5 timeout 60 xl create "$work/late.cfg" >"$work/said" 2>&1 || status=$?
[[ $status != 0 && $status != 124 ]] || fail "late: xl create ended with status $status"
gone late || fail "late: the domain is there"
await 10 "its processes to be gone" no_process "$work/loader"
no_rest late

# begins NAME: xl create of a guest whose bootloader stays, in the background.
begins() {
    rm -f "$work/stays"
    boots "$1" pv stay
    xl create "$work/$1.cfg" >"$work/said.$1" 2>&1 &
    creator=$!
    await 30 "its bootloader" [ -e "$work/stays" ]
}

step "destroyed meanwhile"
begins meanwhile
await 10 "its name" present meanwhile
expect '' xl destroy meanwhile
status=0
wait $creator || status=$?
[ "$status" -ne 0 ] || fail "xl create of a domain that was destroyed has succeeded"
await 10 "its processes to be gone" no_process "$work/loader"
no_rest meanwhile

step "its xl is killed"
begins killed
kill -9 $creator
wait $creator 2>/dev/null || true
expect '' xl destroy killed
await 10 "its processes to be gone" no_process "$work/loader"
# The C library leaves these.
[ "$bed_lib" = ours ] || rm -rf /var/lib/xen/bootloader.*
no_rest killed
modprobe -r xen-blkfront
