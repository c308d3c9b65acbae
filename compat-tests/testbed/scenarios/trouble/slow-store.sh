# xenstored answers slowly, for it is stopped most of the time: creating and destroying takes longer, and works.
daemon=$(pgrep -x xenstored)
while kill -STOP "$daemon" && sleep 0.05 && kill -CONT "$daemon" && sleep 0.02; do :; done 2>/dev/null &
slowing=$!
trap 'kill "$slowing"; kill -CONT "$daemon"' EXIT
guest tiny pvh 'cmdline="idle"' 'vif=["mac=00:16:3e:01:02:03,bridge=xenbr0"]'
create tiny
expect '^tiny ' xl list
destroy tiny
kill "$slowing"
wait "$slowing" 2>/dev/null || true
kill -CONT "$daemon"
trap - EXIT
