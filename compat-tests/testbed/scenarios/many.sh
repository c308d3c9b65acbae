# Twenty guests from a directory of configurations, all at once.
for number in {1..20}; do guest "g$number" pvh 'cmdline="idle"'; done
step "creating"
jobs=()
for number in {1..20}; do
    xl create "$work/g$number.cfg" >"$bed_out/create.g$number" 2>&1 &
    jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job" || fail "a creation failed: $(grep -a error: "$bed_out"/create.g* | head -n 3)"; done
same "guests" 20 "$(xl list | grep -c '^g[0-9]')"
same "names" 20 "$(xl list | awk '/^g/ { print $1 }' | sort -u | wc -l)"
step "destroying"
jobs=()
for number in {1..20}; do
    xl destroy "g$number" >"$bed_out/destroy.g$number" 2>&1 &
    jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job" || fail "a destruction failed: $(cat "$bed_out"/destroy.g* | head -n 3)"; done
