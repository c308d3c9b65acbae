# xl's background process acts on a guest's end: each action for poweroff, reboot and crash.
log=/var/log/xen/xl-

# dies NAME CMDLINE CONFIG...: a guest that ends at once.
dies() {
    guest "$1" pvh "cmdline=\"$2\"" "${@:3}"
    create "$1" -p
    expect '' xl unpause "$1"
}
id_changed() { [ -n "$(domid "$1")" ] && [ "$(domid "$1")" != "$2" ]; }
# stop NAME: a guest that ends again and again goes away only when nobody starts it any more.
stop() {
    local pid
    pid=$(xl_daemon "$1") && kill "$pid"
    await 10 "the xl that watches $1 to end" no_daemon "$1"
    gone "$1" || destroy "$1"
}

dies off p
await 10 "on_poweroff=destroy to act" gone off

dies kept p 'on_poweroff="preserve"'
await 10 "the guest to shut down" has_state kept '...s..'
await_text "${log}kept.log" 'Shutdown reason code 0|reason code 0'
destroy kept

dies again r 'on_reboot="restart"'
await 15 "on_reboot=restart to act" id_changed again "${domid_of[again]}"
stop again

dies noboot r 'on_reboot="destroy"'
await 10 "on_reboot=destroy to act" gone noboot

dies crash c
await 10 "on_crash=destroy to act" gone crash

dies crashkept c 'on_crash="preserve"'
await 10 "the guest to crash" has_state crashkept '....c.'
destroy crashkept
