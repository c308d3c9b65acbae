# As devd, with the library under test in dom0 and the other one in the driver domain.
. /job/scenarios/include/driver.inc
case $bed_lib in
c) other=ours ;;
*) other=c ;;
esac
[ $other = c ] || [ -f "/job/lib/libxenlight.so.$xen_release.0" ] || skip "without our library there is nothing to mix"

start_driver $other
start_guest pvh
uses_devices
step "devices come and go while it runs"
if [ "$bed_lib" = ours ]; then
    attach_third
    expect '' xl block-detach tux xvdc
fi
becomes driver 1 loops
expect '' xl network-detach tux 0
becomes driver 0 ports

step "each library takes over from the other"
ask driver unserve
serve "$bed_lib"
ask driver unserve
serve $other
keep_driver_log
destroy tux
all_given_back $other again
end_driver
