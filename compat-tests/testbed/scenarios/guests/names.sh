# A domain whose name is no UTF-8 is listed, found and renamed like any other, and is in nobody's way.
latin=$'caf\xe9'
guest web pvh 'cmdline="idle"'
guest db pvh 'cmdline="idle"'
create web
xenstore-write "/local/domain/${domid_of[web]}/name" "$latin"
create db
expect "^db +${domid_of[db]} " xl list
same "domain called $latin" "${domid_of[web]}" "$(xl domid "$latin")"
same "name" "$latin" "$(xl domname "${domid_of[web]}")"
expect_error 'already exists|in use' xl rename "$latin" db
expect '' xl rename db other
same "domain called other" "${domid_of[db]}" "$(xl domid other)"
expect '' xl rename "$latin" web
expect "^web +${domid_of[web]} " xl list
expect '' xl rename other db
destroy db
destroy web
