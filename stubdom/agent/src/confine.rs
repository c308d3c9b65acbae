//! The rights of QEMU in this domain. It is what a guest can attack, and it is started by the first process, which is root: so it
//! gets a user without privileges, who owns what it works with and can write nothing else, and a filter that refuses the system
//! calls that QEMU never makes.
//!
//! The filter is a list of what is refused, as QEMU's own `-sandbox` has one, which Debian's QEMU is built without. It is in
//! place before QEMU is executed, so executing stays allowed: a QEMU that was taken over can execute itself anew, with the same
//! user and the same filter. There is no other program, and nothing that it can write to can be executed.

use std::collections::BTreeMap;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::error::{Error, Result};
use crate::sys;

/// QEMU's user and group. Nothing else in this domain has them.
pub(crate) const QEMU: u32 = 1000;

/// What QEMU's Xen libraries open, and whether QEMU is nothing without it: `hypercall` lends them memory that stays where it is,
/// which old kernels do not offer. gntdev is there for a QEMU that is nothing without it: no domain grants this one anything. Not
/// among them is gntalloc, since QEMU is no backend here.
const DEVICES: [(&str, bool); 5] = [
    ("/dev/xen/privcmd", true),
    ("/dev/xen/hypercall", false),
    ("/dev/xen/evtchn", true),
    ("/dev/xen/gntdev", false),
    ("/dev/xen/xenbus", true),
];
/// Where QEMU finds the taps by name.
const TUN: &str = "/dev/net/tun";

/// Makes Xen's devices QEMU's.
pub(crate) fn give_devices() -> Result<()> {
    for (path, needed) in DEVICES {
        let path = Path::new(path);
        if needed || path.exists() {
            give(path)?;
        }
    }
    Ok(())
}

/// Makes what taps are attached through QEMU's; each tap has an owner as well.
pub(crate) fn give_tun() -> Result<()> {
    give(Path::new(TUN))
}

/// Makes a file or a device QEMU's.
pub(crate) fn give(path: &Path) -> Result<()> {
    chown(path, Some(QEMU), Some(QEMU))
        .map_err(|source| Error::io(format!("give {} to QEMU", path.display()), source))
}

/// Calls that always fail with EPERM: other processes, other rights, other roots, the kernel's own parts, and those with a
/// history of holes that QEMU has no use for.
const REFUSED: &[libc::c_long] = &[
    // Processes. What starts a thread is looked at below.
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_execveat,
    libc::SYS_memfd_create,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Rights.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_personality,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // File systems.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_mknod,
    libc::SYS_mknodat,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_fanotify_init,
    // The machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    // Parts of the kernel.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_vmsplice,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
];

/// Has `command` started without root's rights and behind the filter.
pub(crate) fn confine(command: &mut Command) -> Result<()> {
    // All of root's groups and capabilities go with it.
    command.gid(QEMU).uid(QEMU);
    sys::filter(command, filters(libc::EPERM)?);
    Ok(())
}

/// The filters that QEMU starts with, to be applied one after the other. `refusal` is how a refused call fails.
fn filters(refusal: libc::c_int) -> Result<[BpfProgram; 2]> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    let thread = flag(libc::CLONE_THREAD);
    rules.insert(
        libc::SYS_clone,
        vec![on_first(SeccompCmpOp::MaskedEq(thread), 0)?],
    );
    let no_unix_socket = on_first(SeccompCmpOp::Ne, flag(libc::AF_UNIX))?;
    rules.insert(libc::SYS_socket, vec![no_unix_socket.clone()]);
    rules.insert(libc::SYS_socketpair, vec![no_unix_socket]);
    // Its flags are in memory, where no filter can look. The C library takes clone where there is no clone3.
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    Ok([program(rules, refusal)?, program(clone3, libc::ENOSYS)?])
}

fn flag(value: libc::c_int) -> u64 {
    value.unsigned_abs().into()
}

fn on_first(how: SeccompCmpOp, value: u64) -> Result<SeccompRule> {
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, how, value);
    condition
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(failed)
}

/// A program that refuses what matches. Calls of another architecture end the process.
fn program(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: libc::c_int) -> Result<BpfProgram> {
    SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(errno.unsigned_abs()),
        TargetArch::x86_64,
    )
    .and_then(TryInto::try_into)
    .map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::new(format!("cannot make the filter for QEMU: {error}"))
}

#[cfg(test)]
mod tests;
