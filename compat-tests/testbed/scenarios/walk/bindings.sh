# Upstream's OCaml test programs, and one program each in Go and OCaml that makes guests: what they print and end with is the same
# on both libraries. Go reaps the library's children from a thread of its own; OCaml has the library's events in its own loop.
# Needs XENLIGHT_BED_ADD=build/bindings, which testbed/bindings/build makes.
[ -x /job/add/guest-go ] || skip "no programs; testbed/bindings/build makes them"
cat >"$work/connected" <<'SCRIPT'
#!/bin/sh
case $1 in remove | offline) ;; *) xenstore-write "$XENBUS_PATH/hotplug-status" connected ;; esac
SCRIPT
chmod +x "$work/connected"

for program in xtl raise_exception send_debug_keys dmesg list_domains guest-go guest-ocaml; do
    library=$(LD_TRACE_LOADED_OBJECTS=1 "/job/add/$program" | awk '/libxenlight/ { print $(NF - 1) }')
    same "library of $program" "$(stat -Lc %i "$bed_library")" "$(stat -Lc %i "$library")"
done

# prints PROGRAM [ARGUMENT...]: its output without the library's messages, and its status.
prints() {
    local code=0
    "/job/add/$1" "${@:2}" 2>>"$bed_out/messages" || code=$?
    echo "ended with status $code"
}
step "upstream's programs in OCaml"
record xtl prints xtl
record xtl-quiet prints xtl -q
record exception prints raise_exception
# As upstream links it, it has no argument left to send: xtl has read them.
record keys prints send_debug_keys h
expect '' reference xl debug-keys h
prints dmesg >"$work/printed"
says "'h' pressed -> showing installed handlers" "$work/printed" || fail "dmesg lacks what the hypervisor has printed"
same "the end of dmesg" "ended with status 0" "$(tail -n 1 "$work/printed")"
guest tiny pvh 'cmdline="idle"'
create tiny -p
record list sed "s/^Dom ${domid_of[tiny]}:/Dom <tiny>:/" <<<"$(prints list_domains)"
destroy tiny

step "guests by Go's bindings"
record guest-go prints guest-go "$guests/pvh" "$work/connected"
expect 'ended with status 0' cat "$bed_out/record/guest-go"
step "a guest by OCaml's bindings"
record guest-ocaml prints guest-ocaml "$guests/pvh"
expect 'ended with status 0' cat "$bed_out/record/guest-ocaml"
