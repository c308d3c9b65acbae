# What building HVM and PVH guests leaves in the hypervisor is the same on both libraries: memory, special pages, grants,
# parameters, vCPUs. With --var WIDE=1 from 4 MiB to beyond 4 GiB, and 1 to 128 vCPUs.

# built NAME TYPE LINES: a guest that never runs. Of one with memory on demand only the beginning is looked at, because
# looking gives it pages.
built() {
    local name=$1
    guest "$@"
    create "$name" -p
    record "$name" /job/tests/domstate "${domid_of[$name]}" "${seen:-16}"
    destroy "$name"
}
# sized TYPE MIB MAXMIB VCPUS
sized() { built "$1-$2-$3-$4" "$1" "memory=$2" "maxmem=$3" "vcpus=$4" "shadow_memory=$(($4 + 8 + $3 / 64))"; }

if [ -n "${WIDE:-}" ]; then
    for mib in 4 5 7 8 63 64 65 511 1023 1024 1025 1026 3839 3840 3841 4031 4032 4033 4200; do sized pvh $mib $mib 1; done
    for vcpus in 2 3 7 8 9 32 127 128; do sized pvh 40 40 $vcpus; done
    for mib in 16 33 1024 2051; do sized pvh $mib $((mib * 2 + 1)) 2; done
    for mib in 32 63 64 65 1024 1027 3839 3840 3841 4200; do sized hvm $mib $mib 1; done
    for vcpus in 2 9 128; do sized hvm 64 64 $vcpus; done
    for mib in 33 1025 2051; do sized hvm $mib $((mib * 2 + 1)) 2; done
else
    sized pvh 4 4 1
    sized pvh 33 67 3
    sized pvh 4033 4033 1
    head -c 300000 /dev/zero | gzip >"$work/ramdisk.gz"
    built modules pvh 'cmdline="one two"' "ramdisk=\"$work/ramdisk.gz\"" 'vcpus=2' 'maxvcpus=5'
    seen=96 built linux linux-pvh
    built nodes hvm 'memory=64' 'vcpus=2' \
        'vnuma=[["pnode=0","size=24","vcpus=0","vdistances=10,20"],["pnode=0","size=40","vcpus=1","vdistances=20,10"]]'
    head -c 5000 "$guests/pvh" >"$work/tables"
    built firmware hvm 'memory=37' 'maxmem=51' 'vcpus=2' 'maxvcpus=3' "smbios_firmware=\"$work/tables\""
fi
