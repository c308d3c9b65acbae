# Emulated NICs: the network boot ROM of an HVM guest gets an address from dom0 over the bridge, with QEMU in dom0 (a tap
# device there) and with QEMU in a stub domain (a tap device in there, bridged to its PV NIC).
mac=00:16:3e:01:02:03
serve_addresses() {
    cat >"$work/udhcpd.conf" <<EOF
start 192.168.77.10
max_leases 11
static_lease $mac 192.168.77.10
end 192.168.77.20
interface xenbr0
lease_file $work/leases
pidfile $work/udhcpd.pid
EOF
    : >"$work/leases"
    busybox udhcpd -f "$work/udhcpd.conf" >"$bed_out/udhcpd" 2>&1 &
    udhcpd=$!
}
# boots_from_network NAME TYPE
boots_from_network() {
    : >"$bed_out/udhcpd"
    guest "$1" "$2" 'boot="n"' "vif=[\"mac=$mac,bridge=xenbr0\"]"
    create "$1"
    await_text "$bed_out/udhcpd" 'sending ACK to 192.168.77.10' 60
    expect xenbr0 ip -o link show "vif${domid_of[$1]}.0"
}

serve_addresses
boots_from_network box hvm
expect xenbr0 ip -o link show "vif${domid_of[box]}.0-emu"
destroy box
if [ -f /usr/lib/xen-4.17/boot/qemu-stubdom-linux-rootfs ]; then
    boots_from_network far stubdom
    stub=$(xenstore-read "/local/domain/${domid_of[far]}/image/device-model-domid")
    expect xenbr0 ip -o link show "vif$stub.0"
    ! ip -o link | grep -- -emu || fail "an emulated NIC's tap device is in dom0"
    destroy far
fi
kill "$udhcpd"
