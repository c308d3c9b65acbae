# A guest whose accesses to ports, memory, a PCI function and the VGA's window are answered by a device model of our own,
# in dom0 and in a stub domain.
. /job/scenarios/include/ioreq.inc
use_probe "$bed_lib"

# saw NAME: what the guest read, and what the probe served.
saw() {
    local line
    for line in 'byte 00000011' 'word 00002211' 'long 44332211' 'complement EDCBA987' 'sum out 000010E1' \
        'sum in 0000040A' 'backwards 01070108' 'memory 0FF20531' 'copied 0FF20531' 'buffered 00000258' \
        'window 55565758' 'pci BEEF5853' 'beyond FFFFFFFF'; do
        says "$line" "$bed_out/console.$1" || fail "$1 did not read \"$line\": $(grep -a "^${line% *}" "$bed_out/console.$1")"
    done
    tail -n 5 "$said"
    expect '^served: [0-9]+ answered, [1-9][0-9]+ buffered, 0 refused' cat "$said"
    expect '^clock: -?[0-9]+ s' cat "$said"
    expect '^round trips: 200, p50 [0-9.]+ us' cat "$said"
}

in_dom0 box 200
saw box
first=$(head -n 1 "$said")
# Everything of it is gone, so that another gets the same number. That one loses its guest.
"$probe" "${domid_of[box]}" >"$said.again" 2>&1 &
await_text "$said.again" '^ready: ' 10
same "the second probe" "$first" "$(head -n 1 "$said.again")"
if [ "$bed_lib" = ours ]; then
    destroy box
    ! wait $! || fail "the probe did not notice that its guest is gone"
    expect 'the guest is gone' cat "$said.again"
else
    kill $!
    destroy box
fi

[ -f /job/stubdom/probe-rootfs ] || skip "no image with the probe; compat-tests/testbed/probe/build makes it"
in_stubdom inner 200
saw inner
destroy inner
