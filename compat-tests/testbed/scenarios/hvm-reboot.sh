# Ends of an HVM guest: it reboots itself, powers itself off, crashes by triple fault.
for end in reboot poweroff crash; do
    cp "$guests/hvm-$end.img" "$work/$end.img"
    guest "box-$end" hvm "disk=[\"$work/$end.img,raw,hda,w\"]" "serial=\"file:$work/serial.$end\"" 'on_reboot="destroy"' 'on_crash="preserve"'
    create "box-$end"
    await_text "$work/serial.$end" 'disk one: about to' 60
    case $end in
    reboot | poweroff) await 20 "box-$end to be gone" gone "box-$end" ;;
    crash)
        await 20 "a triple fault to end the guest" has_state box-crash '...[s-][c-].'
        ;;
    esac
    gone "box-$end" || destroy "box-$end"
done
