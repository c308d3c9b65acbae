# Twenty guests from a directory of configurations, all at once.
for number in {1..20}; do guest "g$number" pvh 'cmdline="idle"'; done

# all_at_once COMMAND PREFIX SUFFIX: xl COMMAND PREFIXgNSUFFIX for each guest.
all_at_once() {
    local command=$1 prefix=$2 suffix=$3 number job jobs=()
    step "xl $command, twenty times"
    for number in {1..20}; do
        xl "$command" "${prefix}g$number$suffix" >"$bed_out/$command.g$number" 2>&1 &
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do
        wait "$job" || fail "an xl $command failed: $(grep -a error: "$bed_out/$command".g* | head -n 3)"
    done
}
all_at_once create "$work/" .cfg
same "guests" 20 "$(xl list | grep -c '^g[0-9]')"
same "names" 20 "$(xl list | awk '/^g/ { print $1 }' | sort -u | wc -l)"
all_at_once destroy '' ''
