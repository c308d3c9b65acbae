# Emulated NICs: a boot sector with a driver of its own asks dom0 over the bridge and hears the answer, with QEMU in dom0 (a tap
# device there) and with QEMU in a stub domain (a tap device in there, bridged to its PV NIC).
cp "$guests/nic.img" "$work/nic.img"

# asks NAME TYPE [FURTHER-NICS]
asks() {
    guest "$1" "$2" "disk=[\"$(qdisk "$work/nic.img")\"]" "vif=[\"mac=00:16:3e:01:02:03,bridge=xenbr0\"${3:-}]" \
        'device_model_args_hvm=["-global", "rtl8139.romfile="]' # its network boot takes half a minute
    create "$1" -p
    open_console "$1"
    expect '' xl unpause "$1"
    address=$(tr -d : </sys/class/net/xenbr0/address) # its first port's
    await_text "$bed_out/console.$1" "dom0 has ${address^^}" 60
    expect xenbr0 ip -o link show "vif${domid_of[$1]}.0"
}

asks box hvm
expect xenbr0 ip -o link show "vif${domid_of[box]}.0-emu"
destroy box
if [ -f "$xen_dir/boot/qemu-stubdom-linux-rootfs" ]; then
    asks far stubdom ', "mac=00:16:3e:01:02:04,bridge=xenbr0,model=e1000,rate=1Mb/s", "mac=00:16:3e:01:02:05,bridge=xenbr0,type=vif"'
    stub=$(xenstore-read "/local/domain/${domid_of[far]}/image/device-model-domid")
    expect xenbr0 ip -o link show "vif$stub.0"
    expect xenbr0 ip -o link show "vif$stub.1"
    same "NICs of the guest" 3 "$(xl network-list far | grep -c '^[0-9]')"
    expect '^nic1: .*e1000' xl qemu-monitor-command far 'info network'
    ! grep -q '^nic2' <<<"$output" || fail "QEMU emulates the PV NIC: $output"
    ! ip -o link | grep -- -emu || fail "an emulated NIC's tap device is in dom0"
    destroy far
fi
