# The C library's core dump of guests with a memory map of their own, byte for byte. It tries each page below 4 GiB by itself,
# four minutes for each guest.
. /job/scenarios/include/dump.inc
[ "$bed_lib" = ours ] || return 0

guest pvh pvh 'cmdline="idle"' 'vcpus=3'
guest hvm hvm
for name in pvh hvm; do
    create $name
    nap 5
    expect '' xl pause $name
    same_dump $name
    destroy $name
done
