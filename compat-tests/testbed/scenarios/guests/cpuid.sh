# What CPUID and model specific registers tell guests is the same with either library: for each type of guest, and for each
# way to change it.

# told NAME TYPE [LINE...]: of a guest that never runs.
told() {
    guest "$@"
    create "$1" -p
    record "$1" /job/tests/cpupolicy "${domid_of[$1]}"
    grep -q '^00000001:' "$bed_out/record/$1" || fail "cpupolicy $1: $(tail -n 3 "$bed_out/record/$1")"
    destroy "$1"
}
pv=(tiny 'type="pv"' 'memory=8' "kernel=\"$guests/pv\"")
words='cpuid="host,family=6,proccount=5,apicidsize=3,localapicid=7,sse3=0,x2apic=k,popcnt=x,aes=s,nc=4,rdcl-no=k"'
ones=$(printf '1%.0s' {1..32})
bits='cpuid=["1:ecx=xxxxxxxxxxx0xxxxxxxxxxxxxxxxxxkx,edx=0x1xk1x0xxsxxkxxxxxxxxxxxxxxxxxx","7,0:ebx=xxxxxxxxxxxxxxxxxxxxxxxxxx0x0x0x"]'

told pvh pvh
told hvm hvm
told pv "${pv[@]}"
told vcpus pvh 'vcpus=3' 'maxvcpus=5'
# Later releases have it on Intel's processors only.
[ "$xen_release" != 4.17 ] || told nested hvm 'nestedhvm=1'
told no-pae hvm 'pae=0'
told stays pvh 'nomigrate=1'
told emulated hvm 'tsc_mode="always_emulate"'
told words pvh "$words"
told bits hvm "$bits"
told pv-words "${pv[@]}" "$words"
told pv-bits "${pv[@]}" 'nomigrate=1' "$bits"

step "leaves that nobody has"
for leaf in 0x1234 4,63 0xb,1; do
    guest nowhere pvh "cpuid=[\"$leaf:eax=$ones\"]"
    expect_error 'CPU' xl create "$work/nowhere.cfg"
    gone nowhere || fail "a guest that could not be created is there"
done
