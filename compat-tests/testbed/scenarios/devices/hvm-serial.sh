# Serial ports as a list: the first one to a file, the second one a pty that xl console finds by number.
cp "$guests/hvm-idle.img" "$work/hvm.img"
guest ports hvm "disk=[\"$(qdisk "$work/hvm.img")\"]" "serial=[\"file:$work/first\", \"pty\"]"
create ports
await_text "$work/first" 'disk one: words from sector two' 60
id=${domid_of[ports]}
tty=$(xenstore-read "/local/domain/$id/serial/1/tty")
[ -c "$tty" ] || fail "serial/1/tty is \"$tty\", not a terminal"
destroy ports
[ ! -e "$tty" ] || fail "$tty outlived the guest"
