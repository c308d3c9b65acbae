# Ends of an HVM guest: it reboots itself, or powers itself off. Both at once.
for end in reboot poweroff; do
    cp "$guests/hvm-$end.img" "$work/$end.img"
    guest "box-$end" hvm "disk=[\"$(qdisk "$work/$end.img")\"]" "serial=\"file:$work/serial.$end\"" 'on_reboot="destroy"'
    create "box-$end"
done
for end in reboot poweroff; do
    await_text "$work/serial.$end" 'disk one: about to' 60
    await 20 "box-$end to be gone" gone "box-$end"
done
