# Creations that cannot succeed, and guests whose QEMU is lost: one error that says why, and nothing is left behind.
cp "$guests/hvm-idle.img" "$work/hvm.img"

# script NAME LINE
script() { printf '#!/bin/sh\n%s\n' "$2" >"$work/$1" && chmod +x "$work/$1"; }

# refused NAME REGEX
refused() {
    step "$1"
    expect_error "$2" xl create "$work/$1.cfg"
    [ "$1" = options ] || record "$1" echo "status $status"
    gone "$1" || fail "$1 is still there"
}

# aside NAME: xl create in the background.
aside() {
    step "$1, in the background"
    with_own_locks xl create "$work/$1.cfg" >"$work/said.$1" 2>&1 &
    pid_of[$1]=$! began_of[$1]=$SECONDS
}
# aside_refused NAME REGEX
aside_refused() {
    local code=0
    wait "${pid_of[$1]}" || code=$?
    record "$1" echo "status $code"
    step "$1 ended with status $code after $((SECONDS - began_of[$1])) s: $(grep -a error: "$work/said.$1" | head -n 1)"
    [ "$code" -ne 0 ] || fail "$1 was created"
    grep -aqE "$2" "$work/said.$1" || fail "$1 failed without saying \"$2\": $(tail -n 5 "$work/said.$1")"
    gone "$1" || fail "$1 is still there"
}
declare -A pid_of began_of

# Those that take their time, the C library's time limits among it.
# shellcheck disable=SC2016
script hangs '[ "$1" != online ] || exec sleep 300'
guest hung pvh 'cmdline="idle"' "vif=[\"script=$work/hangs\"]"
aside hung
if [ -f "$xen_dir/boot/qemu-stubdom-linux-rootfs" ]; then
    # The stub domain may own so few nodes that it cannot say that it runs.
    quota=$(xenstore-control quota | awk '$1 ~ /^nodes/ { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+$/) { print $i; exit } }')
    [ -n "$quota" ] || fail "no quota of nodes: $(xenstore-control quota)"
    # shellcheck disable=SC2064 # the number of now
    trap "xenstore-control quota set nodes $quota >/dev/null" EXIT
    xenstore-control quota set nodes 2 >/dev/null
    guest mute stubdom "disk=[\"$(qdisk "$work/hvm.img")\"]"
    aside mute
fi

guest nokernel linux-pv 'kernel="/no/such/kernel"'
refused nokernel 'No such file'
guest noramdisk linux-pv 'ramdisk="/no/such/ramdisk"'
refused noramdisk 'No such file'
guest badkernel linux-pv "kernel=\"$guests/hvm-idle.img\""
refused badkernel ''
guest nodisk pvh 'cmdline="idle"' 'disk=["/no/such/disk,raw,xvda,w"]'
refused nodisk 'No such file|/no/such/disk'
guest nobridge pvh 'cmdline="idle"' 'vif=["bridge=nosuchbr"]'
refused nobridge 'nosuchbr|script|hotplug'
script gives-up 'exit 1'
guest badscript pvh 'cmdline="idle"' "vif=[\"script=$work/gives-up\"]"
refused badscript 'script|hotplug'
guest noscript pvh 'cmdline="idle"' "vif=[\"script=$work/nosuchscript\"]"
refused noscript 'script|hotplug'
guest nomemory pvh 'cmdline="idle"' 'memory=60000'
refused nomemory 'memory'
guest noqemu hvm 'device_model_override="/bin/false"'
refused noqemu ''

guest taken pvh 'cmdline="idle"'
create taken
cp "$work/taken.cfg" "$work/again.cfg"
expect_error 'already exists' xl create "$work/again.cfg"
same "guests of that name" 1 "$(xl list | grep -c '^taken ')"
destroy taken

# A QEMU that ends later.
guest widow hvm "disk=[\"$(qdisk "$work/hvm.img")\"]"
create widow
if [ "$bed_lib" = ours ]; then
    # Commands that this library has not got leave the guest as it is.
    expect_error 'cannot be saved or moved: shut it down' xl save widow "$work/saved"
    expect '^widow ' xl list
fi
kill -9 "$(xenstore-read "/local/domain/${domid_of[widow]}/image/device-model-pid")"
expect '^widow ' xl list
expect_error '' timeout 60 xl qemu-monitor-command widow 'info status'
destroy widow

aside_refused hung 'script|hotplug|hangs'
if [ -n "${pid_of[mute]:-}" ]; then
    aside_refused mute 'not start|timed out|took more than|fatal'
    xenstore-control quota set nodes "$quota" >/dev/null
    trap - EXIT
fi

# A QEMU that cannot start in its stub domain. For the C library that is the same wait as before.
if [ "$bed_lib" = ours ] && [ -n "${pid_of[mute]:-}" ]; then
    guest options stubdom "disk=[\"$(qdisk "$work/hvm.img")\"]" 'device_model_args_hvm=["-no-such-option"]'
    refused options 'device model did not start'
    grep -q 'stub domain [0-9]* says: .*QEMU ended' <<<"$output" || fail "no word of the stub domain's: $output"
fi

# What this library cannot do is refused before there is a domain: no number is used up, no log is begun.
if [ "$bed_lib" = ours ]; then
    guest before pvh 'cmdline="idle"'
    create before
    destroy before
    guest ask-pci hvm 'pci=["00:1f.0"]'
    guest ask-dtdev hvm 'dtdev=["/soc/uart"]'
    guest ask-usbctrl hvm 'usbctrl=["type=devicemodel,version=2"]'
    guest ask-usbdev hvm 'usbdev=["hostbus=1,hostaddr=2"]'
    guest ask-direct stubdom 'kernel="/boot/vmlinuz"'
    guest ask-confined stubdom 'dm_restrict=1'
    guest ask-sdl stubdom 'sdl=1'
    guest ask-spice stubdom 'spice=1' 'spicehost="127.0.0.1"' 'spiceport=6001'
    guest ask-sound stubdom 'soundhw="ac97"'
    # A screen needs our server, which a word that only QEMU knows rules out.
    guest ask-vnc stubdom
    sed -i '/^serial=/d' "$work/ask-vnc.cfg"
    echo 'serial="telnet::5000,server,nowait"' >>"$work/ask-vnc.cfg"
    sed -i 's/^vnc=0/vnc=1/' "$work/ask-vnc.cfg"
    while read -r name regex; do
        step "$name"
        expect_error "$regex" xl create "$work/ask-$name.cfg"
        same "logs of $name" "" "$(find /var/log/xen -name "*ask-$name*")"
    done <<'END'
pci pci= is not implemented .leave it out
dtdev dtdev= is not implemented .leave it out
usbctrl usbctrl= is not implemented .*usbdevice=
usbdev usbdev= is not implemented .*usbdevice=
direct kernel="/boot/vmlinuz" is not implemented for a guest with a stub domain
confined dm_restrict= is for a QEMU in dom0
sdl sdl=1 is not implemented for a guest with a Linux stub domain
spice spice=1 is not implemented for a guest with a Linux stub domain
sound soundhw="ac97": nothing carries sound out of a Linux stub domain
vnc vnc=1 cannot be had .*only QEMU knows serial="telnet
END
    guest after pvh 'cmdline="idle"'
    create after
    same "number of the next domain" "$((domid_of[before] + 1))" "${domid_of[after]}"
    destroy after

    # Nobody asked for a screen, so there is none, and the user is told.
    guest blank tiny-stubdom
    sed -i '/^vnc=0/d' "$work/blank.cfg"
    create blank -p # its device model has no QMP, and would be waited for
    says 'has no screen' "$bed_out/create.blank.log" || fail "nothing was said about the screen"
    stub=$(xenstore-read "/local/domain/${domid_of[blank]}/image/device-model-domid")
    ! xenstore-exists "/local/domain/$stub/device/vfb" || fail "the stub domain has a framebuffer"
    destroy blank
fi
