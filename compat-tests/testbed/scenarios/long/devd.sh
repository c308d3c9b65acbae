# A driver domain with xl devd on the library under test serves a guest's disks and NIC: the kernel's and QEMU's backends. xl devd
# is stopped and started again while the guest runs; the driver domain is shut down under the guest, and comes back.
. /job/scenarios/include/driver.inc

start_driver "$bed_lib"
start_guest pv
uses_devices
record_devices

step "the guest goes on without xl devd, and another one takes its devices away"
ask driver unserve
says_there tux 'it answers' pings
serve "$bed_lib"
[ "$bed_lib" = c ] || attach_third
expect '' xl network-detach tux 0
becomes driver 0 ports
[ "$bed_lib" = c ] || expect '' xl block-detach tux xvdc
becomes driver 1 loops
destroy tux
all_given_back "$bed_lib" again

step "the driver domain goes and comes back"
says_there driver '' 'pkill -f "[x]en-attach"; fresh_disks'
start_guest pvh
uses_devices
keep_driver_log
expect '' xl shutdown -w driver
await 30 "the driver domain to be gone" gone driver
close_consoles
destroy tux
start_driver "$bed_lib"
start_guest pvh
uses_devices
destroy tux
all_given_back "$bed_lib"
end_driver
