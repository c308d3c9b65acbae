# Creations that cannot succeed say why and leave nothing behind.
guest nokernel linux-pv 'kernel="/no/such/kernel"'
expect_error 'No such file' xl create "$work/nokernel.cfg"
guest badkernel linux-pv "kernel=\"$guests/hvm-idle.img\""
expect_error '' xl create "$work/badkernel.cfg"
guest nodisk pvh 'cmdline="idle"' 'disk=["/no/such/disk,raw,xvda,w"]'
expect_error 'No such file|/no/such/disk' xl create "$work/nodisk.cfg"
printf '#!/bin/sh\nexit 1\n' >"$work/script" && chmod +x "$work/script"
guest badscript pvh 'cmdline="idle"' "vif=[\"script=$work/script\"]"
expect_error 'script|hotplug' xl create "$work/badscript.cfg"
guest noqemu hvm 'device_model_override="/bin/false"'
expect_error '' xl create "$work/noqemu.cfg"
for name in nokernel badkernel nodisk badscript noqemu; do gone $name || fail "$name is still there"; done
