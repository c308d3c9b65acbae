# Programs of xen-utils that are linked with the library: xen-init-dom0, run again as at boot, and init-xenstore-domain, as far as
# it goes where dom0 has a xenstore. What they write, say and end with is recorded.
bin=$xen_dir/bin
records=(/var/lib/xen/userdata-d.0.*)
file=${records[0]}
[ -f "$file" ] || fail "dom0 has no stored configuration"
cp "$file" "$work/configuration"

for program in xen-init-dom0 init-xenstore-domain; do
    library=$(LD_TRACE_LOADED_OBJECTS=1 "$bin/$program" | awk '/libxenlight/ { print $(NF - 1) }')
    same "library of $program" "$(stat -Lc %i "$bed_library")" "$(stat -Lc %i "$library")"
done

# ends COMMAND...: its output without the library's messages, and its status.
ends() {
    local code=0
    "$@" >"$work/output" 2>&1 || code=$?
    cat "$work/output" >>"$bed_out/messages"
    grep -v '^libxl: ' "$work/output"
    echo "ended with status $code"
}
# dom0_is: what xen-init-dom0 is about.
dom0_is() {
    store_tree | grep -E '^/local/(domain/0/(name|domid) |pool)'
    stat -c '%n %a %s' /var/lib/xen/userdata-d.0.*
    for record in /var/lib/xen/userdata-d.0.*; do tr '\0' '\n' <"$record"; done
    [ ! -e /run/xen/domid-history ] || echo "the history of numbers is there"
}
# as_at_boot: dom0 as xenstored has it before the program runs.
as_at_boot() {
    rm -f "$file"
    xenstore-rm /local/domain/0/name /local/domain/0/domid /local/pool
    echo 1 >/run/xen/domid-history
}
# again: a second try must find dom0 as it was.
again() {
    trap - EXIT
    [ -f "$file" ] || cp "$work/configuration" "$file"
    xenstore-write /local/domain/0/name Domain-0 /local/domain/0/domid 0 /local/pool/0/name Pool-0
    rm -f /run/xen/domid-history /run/xen/xenstored.pid
    xenstore-rm /tool/xenstored 2>/dev/null || true
}
trap again EXIT

step "xen-init-dom0"
dom0_is >"$work/before"
record before cat "$work/before"
record set-up-already ends "$bin/xen-init-dom0"
record too-many ends "$bin/xen-init-dom0" one two
as_at_boot
record no-uuid ends "$bin/xen-init-dom0" no-uuid
# shellcheck disable=SC2016 # for another shell
record nowhere-to-write ends unshare -m bash -c 'mount -t tmpfs -o ro none /var/lib/xen && exec "$0"' "$bin/xen-init-dom0"
record nothing-written dom0_is
! xenstore-exists /local/domain/0/name || fail "a program that failed has set dom0 up"
for uuid in '' 00000000-0000-0000-0000-000000000000; do
    as_at_boot
    record "set-up$uuid" ends "$bin/xen-init-dom0" ${uuid:+"$uuid"}
    same "dom0" "$(cat "$work/before")" "$(dom0_is)"
    record "after$uuid" dom0_is
done
expect '^Domain-0 +0 ' xl list

step "init-xenstore-domain, refused"
record usage ends "$bin/init-xenstore-domain"
record no-kernel ends "$bin/init-xenstore-domain" --kernel "$work/none" --memory 8
record no-program ends "$bin/init-xenstore-domain" --kernel "$guests/look" --memory 8
# Of another xenstore the kernel does not want to know, and the program takes its domain back.
record refused ends "$bin/init-xenstore-domain" --kernel "$guests/pvh" --memory 8
expect '^Domain-0 +0 ' xl list
same "domains" 1 "$(tail -n +2 <<<"$output" | wc -l)"

step "init-xenstore-domain, connected with nothing"
connected() { LD_PRELOAD="${LD_PRELOAD:-} /job/tests/xenbus-backend.so" "$bin/init-xenstore-domain" "$@"; }
record connected ends connected --kernel "$guests/pvh" --memory 8 --name stand-in
output=$(cat "$bed_out/record/connected")
domid_of[stand-in]=$(domid stand-in) || fail "no domain: $(tail -n 3 <<<"$output")"
daemon=$(xenstore-read /local/domain/0/libxl/xen-9pfs/pid 2>/dev/null) || true
# A number that is another one each time.
[ -z "$daemon" ] || xenstore-rm /local/domain/0/libxl/xen-9pfs/pid
record_tree stand-in
record stand-in-list xl list -l stand-in
record stand-in-pid sed "s/${domid_of[stand-in]}/<stand-in>/" /run/xen/xenstored.pid
record present-already ends connected --kernel "$guests/pvh" --memory 8
destroy stand-in
# On Xen 4.17 the program writes the console's nodes itself, so that no toolstack knows of them.
xenstore-rm -t "/local/domain/0/backend/console/${domid_of[stand-in]}" 2>/dev/null || true
[ -z "$daemon" ] || kill "$daemon"
[ -z "$daemon" ] || await 5 "the daemon to end" test ! -d "/proc/$daemon"
xenstore-rm /local/domain/0/libxl 2>/dev/null || true
again
