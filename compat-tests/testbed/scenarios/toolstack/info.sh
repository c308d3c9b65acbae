# What xl says about the machine with no guest running.
expect "^xen_version +: ${xen_release/./\\.}" xl info
expect '^total_memory +: [0-9]+' xl info
expect '^cpu_topology' xl info -n
expect '^Domain-0 +0 +1536 +2 +r' xl list
expect '"domid": 0' xl list -l
expect "Xen version ${xen_release/./\\.}" xl dmesg
same "domid of Domain-0" 0 "$(xl domid Domain-0)"
same "name of domain 0" Domain-0 "$(xl domname 0)"
expect_error "name 'no-such-guest'" xl domid no-such-guest
expect_error 'no-such-guest' xl destroy no-such-guest
expect_error '' xl pause no-such-guest
