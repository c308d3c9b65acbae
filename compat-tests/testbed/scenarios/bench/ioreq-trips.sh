# Round trips of a guest's port reads: guest, hypervisor, event channel, device model, and back. The device model is ours
# or its peer in C, in dom0 or in a stub domain.
[ "$bed_lib" = ours ] || skip "runs once and takes turns itself"
. /job/scenarios/include/ioreq.inc
: "${TRIPS:=5000}" "${ROUNDS:=2}"
for round in $(seq "$ROUNDS"); do
    for place in dom0 stubdom; do
        for side in c ours; do
            use_probe "$side"
            name=$place$side$round
            "in_$place" "$name" "$TRIPS"
            echo "$place, $side: $(sed -n 's/^round trips: //p' "$said")" >>"$bed_out/summary"
            destroy "$name"
        done
    done
done
