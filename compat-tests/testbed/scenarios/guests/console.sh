# The ways to create a guest and stay with it, or not: create -c lands on its console, create -e leaves nobody behind.

step "xl create -c: words, echo, and out again by the key"
cp "$guests/hvm-idle.img" "$work/hvm.img"
guest seen hvm "disk=[\"$(qdisk "$work/hvm.img")\"]"
on_terminal seen xl create -c "$work/seen.cfg"
await_text "$bed_out/console.seen" 'disk one: words from sector two' 60
type_line seen "typed in dom0"
await_text "$bed_out/console.seen" 'typed in dom0'
close_consoles
! pgrep -x xenconsole || fail "xenconsole did not heed its key"
has_state seen '[r-][b-]----' || fail "leaving the console stopped the guest: $(reference xl list)"
expect_library "$(xl_daemon seen)" "the xl that watches seen"
destroy seen

step "xl create -e: nobody acts on the guest's end"
guest alone pvh 'cmdline="p"'
create alone -e
no_daemon alone || fail "an xl stayed"
await 10 "the guest to shut down" has_state alone '...s..'
destroy alone
