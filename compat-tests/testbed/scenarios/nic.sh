# Emulated NICs: the network boot ROM of an HVM guest gets an address from dom0 over the bridge, with QEMU in dom0 (a tap
# device there) and with QEMU in a stub domain (a tap device in there, bridged to its PV NIC).
# Both at once, because the network boot ROM takes its time.
serve_addresses() {
    cat >"$work/udhcpd.conf" <<EOF
start 192.168.77.10
max_leases 11
static_lease 00:16:3e:01:02:03 192.168.77.10
static_lease 00:16:3e:01:02:04 192.168.77.11
end 192.168.77.20
interface xenbr0
lease_file $work/leases
pidfile $work/udhcpd.pid
EOF
    : >"$work/leases"
    busybox udhcpd -f "$work/udhcpd.conf" >"$bed_out/udhcpd" 2>&1 &
    udhcpd=$!
}
# boots_from_network NAME TYPE LAST_OF_MAC
boots_from_network() {
    guest "$1" "$2" 'boot="n"' "vif=[\"mac=00:16:3e:01:02:$3,bridge=xenbr0\"]"
    create "$1"
}
# has_address NAME ADDRESS
has_address() {
    await_text "$bed_out/udhcpd" "sending ACK to $2" 120
    expect xenbr0 ip -o link show "vif${domid_of[$1]}.0"
    step "$1 has its address"
}

serve_addresses
if [ -f /usr/lib/xen-4.17/boot/qemu-stubdom-linux-rootfs ]; then
    boots_from_network far stubdom 04
    stub=$(xenstore-read "/local/domain/${domid_of[far]}/image/device-model-domid")
    expect xenbr0 ip -o link show "vif$stub.0"
    ! ip -o link | grep -- -emu || fail "an emulated NIC's tap device is in dom0"
fi
boots_from_network box hvm 03
expect xenbr0 ip -o link show "vif${domid_of[box]}.0-emu"
has_address box 192.168.77.10
destroy box
if [ -n "${stub:-}" ]; then
    has_address far 192.168.77.11
    destroy far
fi
kill "$udhcpd"
