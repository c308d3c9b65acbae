# A guest with a screen in a stub domain starts again, by its own keyboard and after a crash, and the screen comes back.
. /job/scenarios/include/screen.inc
create seed
viewer await 120 'type here'

step "rebooted by its keyboard"
old=$(xl domid seed)
reborn() { [ -n "$(xl domid seed 2>/dev/null)" ] && [ "$(xl domid seed)" != "$old" ] && [ -n "$(at 2>/dev/null)" ]; }
viewer type r stay 20 || true # until it is gone
await 200 "the guest to be rebooted" reborn
await 90 "its screen" viewer show
viewer await 120 'type here' type back await 60 back

step "crashed, and restarted"
old=$(xl domid seed)
/job/tests/crash "$old"
await 200 "the guest to be restarted" reborn
await 90 "its screen" viewer show
viewer await 120 'type here'
xl destroy seed
await 60 "the server to be gone" bash -c '! pgrep xenlight-serve'

