# Counts what strace -f -y -o wrote: system calls and hypercalls of the traced program and of its children until they
# become another program, processes that it started, processes in all. The first two programs are the shell and xl.
function child(pid) { processes++; if ($1 in foreign) foreign[pid] = 1; else own++ }
{ call = $2; sub(/\(.*/, "", call) }
call == "execve" && / = 0$/ && ++programs > 2 { foreign[$1] = 1 }
call ~ /^(clone|clone3|fork|vfork)$/ { thread[$1] = /CLONE_THREAD/ }
call ~ /^(clone|clone3|fork|vfork)$/ && !thread[$1] && / = [0-9]+$/ { child($NF) }
$2 == "<..." && $3 ~ /^(clone|clone3|fork|vfork)$/ && !thread[$1] && / = [0-9]+$/ { child($NF) }
!($1 in foreign) && $2 ~ /^[a-z0-9_]+\(/ { calls++; if (/^[0-9]+ +ioctl\([0-9]+<\/dev\/xen\/privcmd>/) hypercalls++ }
END { print calls + 0, hypercalls + 0, processes - 1, own - 1 }
