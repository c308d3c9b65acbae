# The smallest guest: created paused, listed, unpaused, paused, destroyed.
guest tiny pvh 'cmdline="idle"'
create tiny -p
same "domid that xl prints" "${domid_of[tiny]}" "$(xl domid tiny)"
same "name that xl prints" tiny "$(xl domname "${domid_of[tiny]}")"
expect 'tiny +[0-9]+ +1[56] +1 +--p---' xl list tiny
expect '"name": "tiny"' xl list -l tiny
record_domain tiny
expect_library "$(xl_daemon tiny)" "the xl that watches tiny"
expect '' xl unpause tiny
await 10 "tiny to run" has_state tiny '[r-][b-]----'
expect 'pvh guest runs' xl dmesg
expect '' xl pause tiny
has_state tiny '..p...' || fail "xl pause left tiny running"
expect_error 'already exists' xl create "$work/tiny.cfg"
destroy tiny
