# xl's background process acts on a guest's end: each action for poweroff, reboot and crash.
log=/var/log/xen/xl-

# dies NAME CMDLINE CONFIG...: a guest that ends at once.
dies() {
    guest "$1" pvh "cmdline=\"$2\"" "${@:3}"
    create "$1" -p
    expect '' xl unpause "$1"
}
id_changed() { [ -n "$(domid "$1")" ] && [ "$(domid "$1")" != "$2" ]; }
destroy_all() {
    local name
    for name; do reference xl destroy "$name"; done
}

dies off p
await 10 "on_poweroff=destroy to act" gone off

dies kept p 'on_poweroff="preserve"'
await 10 "the guest to shut down" has_state kept '...s..'
await_text "${log}kept.log" 'Shutdown reason code 0|reason code 0'
destroy kept

dies again r 'on_reboot="restart"'
await 15 "on_reboot=restart to act" id_changed again "${domid_of[again]}"
destroy again

dies noboot r 'on_reboot="destroy"'
await 10 "on_reboot=destroy to act" gone noboot

dies crash c
await 10 "on_crash=destroy to act" gone crash

dies crashkept c 'on_crash="preserve"'
await 10 "the guest to crash" has_state crashkept '....c.'
destroy crashkept

dies renamed c 'on_crash="rename-restart"'
await 15 "on_crash=rename-restart to act" id_changed renamed "${domid_of[renamed]}"
expect "renamed-[0-9]+|renamed.* ${domid_of[renamed]} " xl list
destroy renamed
destroy_all "${domid_of[renamed]}"
