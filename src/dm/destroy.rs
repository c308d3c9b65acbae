//! Taking device models down: the QEMU in dom0, the QMP proxy of a stub domain, and what they leave behind.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

use super::{attendant, process, restrict, stubdom_of, target_of, user};
use crate::engine::{Command, ExitStatus, FileLock, Op};
use crate::log::Level;
use crate::paths::XEN_RUNDIR;
use crate::store::layout;
use crate::sys::pidfd;
use crate::types::DomainType;
use crate::{DOM0, Domid, Error, Result, log_line, qmp};

/// How often the processes of a user are looked for before one is reported that keeps coming back.
const KILL_ROUNDS: u32 = 50;

/// Held by whoever kills as the reaper, in the directory for locks.
const REAPER_LOCK: &str = "dm-reaper-lock";

/// Takes down the processes that serve `domid` as its device model. A stub domain is a domain of its own, and stays.
///
/// Goes on where something fails, and gives the first failure.
pub(super) async fn all(op: &Op, domid: Domid) -> Result<()> {
    let mut outcome = Ok(());
    let here = active(op, domid).await? || !process::processes(serves(domid)).is_empty();
    if here && !serves_elsewhere(op, domid).await? {
        outcome = local(op, domid).await;
    }
    if let Some(target) = target_of(op, domid).await? {
        // The guest may be gone already, so it is not asked which device model it had.
        outcome = outcome.and(attendant::end(op, domid, target).await);
        // The proxy made them, in the name of the guest.
        outcome = outcome.and(qmp::remove_sockets(target));
    }
    // Last: as long as they run, they write there.
    outcome.and(op.store()?.rm(&layout::dm(DOM0, domid)).await)
}

/// Ends the QEMU in dom0 that serves `domid`, and removes its nodes and sockets. Fine when there is none.
pub(super) async fn local(op: &Op, domid: Domid) -> Result<()> {
    let kill_uid = layout::dm_kill_uid(domid);
    let kill_uid = op.store()?.read_str(&kill_uid).await?;
    let ended = match kill_uid {
        // By user where it has its own: a hostile QEMU may have left, and its process id may be somebody else's.
        Some(uid) => end_recorded_user(op, domid, &uid).await,
        None => end_qemu(op, domid).await,
    };
    ended
        .and(remove_nodes(op, domid).await)
        .and(qmp::remove_sockets(domid))
        .and(restrict::remove_root(domid))
}

/// Removes what a QEMU that has ended said in dom0's part of the store. The QMP proxy of the same domain may go on, and what
/// it said stays.
pub(super) async fn remove_nodes(op: &Op, domid: Domid) -> Result<()> {
    let (dm, of_proxy) = (layout::dm(DOM0, domid), layout::qmp_proxy_state(domid));
    let (store, dm, of_proxy) = (op.store()?, &dm, &of_proxy);
    let removed = store.transaction(|tx| async move {
        let mut rest = false;
        for name in tx.list(dm).await? {
            let path = format!("{dm}/{name}");
            if path == *of_proxy {
                rest = true;
            } else {
                tx.rm(&path).await?;
            }
        }
        if rest { Ok(()) } else { tx.rm(dm).await }
    });
    removed.await.map_err(|error| error.domain(domid))
}

async fn end_qemu(op: &Op, domid: Domid) -> Result<()> {
    let pid = layout::dm_pid(domid);
    process::end(op, domid, "device model", &pid, serves(domid)).await
}

/// Whether a command line is that of the device model of `domid`.
pub(super) fn serves(domid: Domid) -> impl Fn(&[Vec<u8>]) -> bool {
    let number = domid.to_string();
    move |line| {
        let traditional = line.iter().any(|arg| arg == b"-domain-name");
        process::has_pair(line, "-xen-domid", &number)
            || traditional && process::has_pair(line, "-d", &number)
    }
}

async fn end_recorded_user(op: &Op, domid: Domid, uid: &str) -> Result<()> {
    let path = layout::dm_kill_uid(domid);
    let uid = layout::parse_number(uid)
        .filter(|uid| *uid != 0)
        .ok_or_else(|| {
            Error::fail(format!(
                "{path} holds {uid:?}, which cannot be a QEMU's user"
            ))
            .domain(domid)
        })?;
    end_user(op, domid, uid).await
}

/// Kills all processes of a user, who is the domain's own, and makes sure that none is left.
pub(crate) async fn end_user(op: &Op, domid: Domid, uid: u32) -> Result<()> {
    log_line!(
        op.log(),
        Level::Debug,
        domid,
        "killing all processes of user {uid}"
    );
    kill_as_reaper(op, domid, uid).await?;
    for _ in 0..KILL_ROUNDS {
        let processes = processes_of(uid)
            .map_err(|error| Error::io("cannot list processes", &error).domain(domid))?;
        if processes.is_empty() {
            return Ok(());
        }
        for pid in processes {
            kill_if_of(pid, uid).map_err(|error| {
                let what = format!("cannot kill process {}", pid.as_raw_nonzero());
                Error::io(what, &error.into()).domain(domid)
            })?;
        }
        op.sleep(Duration::from_millis(20)).await?;
    }
    let what = format!("processes of user {uid} keep coming back");
    Err(Error::fail(what)
        .hint("another guest may run under the same user")
        .domain(domid))
}

/// Lets a child become the user and signal everything it can reach, which no process escapes by forking.
///
/// One at a time: two children with the same real user could kill each other.
async fn kill_as_reaper(op: &Op, domid: Domid, uid: u32) -> Result<()> {
    let Some(reaper) = user::reaper(&user::HOST).map_err(|error| error.domain(domid))? else {
        let what = "there is no user to kill them safely; they are looked for one by one";
        log_line!(op.log(), Level::Warn, domid, "{what}");
        return Ok(());
    };
    let path = format!("{XEN_RUNDIR}/{REAPER_LOCK}");
    let _lock = FileLock::acquire_lasting(op, path).await?;
    let mut child = op.spawn(Command {
        kill_user: Some((reaper, uid)),
        ..Command::default()
    })?;
    match child.wait().await? {
        ExitStatus::Exited(0) => Ok(()),
        status => {
            let what = format!("killing the processes of user {uid} ended with {status:?}");
            Err(Error::fail(what).domain(domid))
        }
    }
}

fn processes_of(uid: u32) -> std::io::Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else {
            continue;
        };
        // A process that ends meanwhile is not one to kill.
        if entry.metadata().is_ok_and(|meta| meta.uid() == uid) && !is_zombie(pid) {
            found.push(pid);
        }
    }
    Ok(found)
}

fn is_zombie(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    // The name in parentheses may hold anything; the state follows the last one.
    stat.ok()
        .and_then(|stat| {
            Some(
                stat.rsplit_once(')')?
                    .1
                    .trim_start()
                    .starts_with(['Z', 'X']),
            )
        })
        .unwrap_or(true)
}

/// Kills a process unless its number has gone to another user's.
fn kill_if_of(pid: Pid, uid: u32) -> Result<(), Errno> {
    let Some(pidfd) = pidfd::open(pid, PidfdFlags::empty())? else {
        return Ok(());
    };
    let path = format!("/proc/{}", pid.as_raw_nonzero());
    if !fs::metadata(path).is_ok_and(|meta| meta.uid() == uid) {
        return Ok(());
    }
    match pidfd::send_signal(&pidfd, Signal::KILL) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether a device model was ever started for the domain.
async fn active(op: &Op, domid: Domid) -> Result<bool> {
    let store = op.store()?;
    let pid = store.read(&layout::dm_pid(domid)).await?;
    Ok(pid.is_some() || store.read(&layout::dm_domid(domid)).await?.is_some())
}

/// Whether the domain's device model is in a stub domain.
async fn serves_elsewhere(op: &Op, domid: Domid) -> Result<bool> {
    let type_ = op.store()?.read_str(&layout::domain_type(domid)).await?;
    let hvm = type_.as_deref() == Some(DomainType::Hvm.name());
    Ok(hvm && stubdom_of(op, domid).await?.is_some())
}
