//! Leaving root. Afterwards the process has a user without privileges, what it opened, and the few system calls that serving
//! takes; later it cannot write to xenstored either.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::set_no_new_privs;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use crate::config::User;
use crate::error::{Error, Result};
use crate::sys;

/// What serving takes, without conditions. Not on the list: opening, executing, forking, passing descriptors, copying them.
const CALLS: &[libc::c_long] = &[
    libc::SYS_accept4,
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_ftruncate,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_newfstatat,
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_prctl,
    libc::SYS_read,
    libc::SYS_recvfrom,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_seccomp,
    libc::SYS_shutdown,
    libc::SYS_sigaltstack,
    libc::SYS_statx,
];

/// Those that write.
const WRITES: &[libc::c_long] = &[libc::SYS_sendto, libc::SYS_write];

/// The requests of ioctl: blocking or not, and what the devices of vchan take.
const REQUESTS: &[u64] = &[libc::FIONBIO];

/// A call that is not on the list fails with this.
const REFUSED: u32 = libc::EPERM as u32;

/// Leaves root for `user`, and all calls that are not on the list.
pub fn leave_root(user: User) -> Result<()> {
    let failed = |error: rustix::io::Errno| Error::io("leave root", error);
    sys::become_user(user.uid, user.gid).map_err(|error| Error::io("leave root", error))?;
    // Other processes of that user cannot look into this one.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed)?;
    set_no_new_privs(true).map_err(failed)?;
    let requests = REQUESTS.iter().chain(vchan::IOCTLS);
    let allowed = requests
        .map(|request| condition(1, SeccompCmpOp::Eq, *request))
        .map(|condition| SeccompRule::new(vec![condition?]).map_err(filter_failed))
        .collect::<Result<Vec<_>>>()?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = CALLS
        .iter()
        .chain(WRITES)
        .map(|call| (*call, Vec::new()))
        .collect();
    rules.insert(libc::SYS_ioctl, allowed);
    apply(rules, SeccompAction::Errno(REFUSED), SeccompAction::Allow)
}

/// From now on nothing can be written to `fd`, and it can be copied to no other number.
pub fn never_write_to(fd: BorrowedFd<'_>) -> Result<()> {
    let number = fd.as_raw_fd().unsigned_abs().into();
    let mut rules = BTreeMap::new();
    for call in WRITES.iter().chain(&[libc::SYS_fcntl]) {
        let rule = SeccompRule::new(vec![condition(0, SeccompCmpOp::Eq, number)?]);
        rules.insert(*call, vec![rule.map_err(filter_failed)?]);
    }
    apply(rules, SeccompAction::Allow, SeccompAction::Errno(REFUSED))
}

fn condition(argument: u8, how: SeccompCmpOp, value: u64) -> Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, how, value).map_err(filter_failed)
}

fn apply(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    on_match: SeccompAction,
) -> Result<()> {
    let filter = SeccompFilter::new(rules, otherwise, on_match, TargetArch::x86_64)
        .map_err(filter_failed)?;
    let program: BpfProgram = filter.try_into().map_err(filter_failed)?;
    apply_filter(&program).map_err(filter_failed)
}

fn filter_failed(error: impl std::fmt::Display) -> Error {
    Error::new(format!(
        "cannot confine itself to the calls it needs: {error}"
    ))
}
