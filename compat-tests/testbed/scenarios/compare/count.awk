# Counts what strace -f -q -y -b execve wrote until the traced program's end: system calls, hypercalls and processes started,
# as lines of costs, and the calls by kind into the file `calls`.
function cost(measure, value) { print guest, operation, measure, lib, value }
function started() { if (!thread[$1]) processes++ }
NR == 1 { main = $1 }
$1 == main && $2 == "+++" { exit }
$2 ~ /^[a-z0-9_]+\(/ {
    call = $2
    sub(/\(.*/, "", call)
    total++
    kinds[call]++
    if (/^[0-9]+ +ioctl\([0-9]+<\/dev\/xen\/privcmd>/) hypercalls++
}
call ~ /^(clone|clone3|fork|vfork)$/ && $2 ~ /^(clone|clone3|fork|vfork)\(/ { thread[$1] = /CLONE_THREAD/ }
/^[0-9]+ +(clone|clone3|fork|vfork)\(.* = [0-9]+$/ || /^[0-9]+ +<\.\.\. (clone|clone3|fork|vfork) resumed>.* = [0-9]+$/ { started() }
END {
    cost("syscalls", total + 0)
    cost("hypercalls", hypercalls + 0)
    cost("own-processes", processes + 0)
    for (call in kinds) print guest, operation, call, lib, kinds[call] >> calls
}
