# VNC of an HVM guest: the server greets, and xenstore knows where it listens. No password:
# the QEMU of Debian's Xen packages has no DES.
cp "$guests/hvm-idle.img" "$work/hvm.img"
guest screen hvm "disk=[\"$(qdisk "$work/hvm.img")\"]" 'vnclisten="127.0.0.1"'
sed -i '/^vnc=0/d' "$work/screen.cfg"
create screen
id=${domid_of[screen]}
port=$(xenstore-read "/local/domain/$id/console/vnc-port")
same "vnc-listen" 127.0.0.1 "$(xenstore-read "/local/domain/$id/console/vnc-listen")"
banner=$(timeout 10 bash -c "exec 5<>/dev/tcp/127.0.0.1/$port; head -c 11 <&5")
same "greeting on port $port" "RFB 003.008" "$banner"
printf '#!/bin/sh\necho "viewer of $*"\n' >"$work/vncviewer" && chmod +x "$work/vncviewer"
PATH=$work:$PATH expect "viewer of 127.0.0.1:$((port - 5900))" xl vncviewer screen
destroy screen
