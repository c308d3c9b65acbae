//! Hotplug scripts that run, known to those who take their device away, also when the toolstack that started them is gone.
//!
//! A script writes into the nodes of its device, and what it writes after their removal stays for ever; so they are removed
//! when it has ended. It is waited for, because one that is killed half-way leaves a loop device that nobody knows of. Only
//! what runs longer than a script may is killed.
//!
//! While a script runs there is a locked file for it. The lock is inherited, so it is free when all of the script has ended,
//! and no sooner; a `kill -9` of the toolstack at any moment changes nothing about that. The file is one of the guest's
//! userdata: a C library that destroys the guest removes it. That library's own scripts have no such file, and are found by
//! their environment, which is the same.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal};

use super::kind::Device;
use crate::engine::{Command, FileLock, Op};
use crate::log::Level;
use crate::store::layout;
use crate::sys::pidfd;
use crate::types::Uuid;
use crate::{Code, DOM0, Error, Result, log_line};

/// The number under which a script has its lock. Xen's own scripts use small ones, and those from 200.
const LOCK_FD: i32 = 99;
/// How long a lock may be held by nothing that can be seen. A process that has not executed yet does that, and one that a
/// script leaves running on purpose, which is not waited for.
const UNSEEN: Duration = Duration::from_secs(1);
/// How long what was killed may take to end.
const KILLED: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Where the files are: among the guests' userdata.
fn directory() -> PathBuf {
    #[cfg(test)]
    return std::env::temp_dir();
    #[cfg(not(test))]
    crate::paths::XEN_STATEDIR.into()
}

/// The value of XENBUS_PATH in the environment of the device's scripts.
pub(super) fn xenbus_path(device: &Device) -> String {
    layout::backend_relative(device.backend_kind.name(), device.domid, device.devid)
}

/// A script that is on record; the record holds as long as any of its processes lives.
pub(super) struct Recorded(Option<PathBuf>);

impl Recorded {
    /// Puts on record that `command`, a script of `device`, is about to run.
    pub(super) async fn new(op: &Op, device: &Device, command: &mut Command) -> Result<Self> {
        static LAST: AtomicU32 = AtomicU32::new(0);
        // A driver domain may not look there, and has no userdata that somebody else would have to find.
        let in_dom0 = op.own_domid().await? == DOM0;
        let vm = match in_dom0 {
            true => op.store()?.read_str(&layout::vm_link(device.domid)).await?,
            false => None,
        };
        let uuid = vm.as_deref().and_then(|vm| vm.strip_prefix("/vm/"));
        let uuid = uuid.and_then(Uuid::parse).unwrap_or_default();
        let Names { before, after } = Names::of(device);
        let (path, lock) = loop {
            let number = LAST.fetch_add(1, Ordering::Relaxed);
            let run = format!("{}-{number}", std::process::id());
            let path = directory().join(format!("{before}{uuid}{after}{run}"));
            match FileLock::try_acquire(&path) {
                Ok(Some(lock)) => break (path, lock),
                Ok(None) => {}
                // Nothing but scripts needs that directory in a small driver domain.
                Err(error) if !in_dom0 && error.errno() == Some(libc::ENOENT) => {
                    return Ok(Self(None));
                }
                Err(error) => return Err(error),
            }
        };
        let failed = |error: std::io::Error| {
            Error::io("recording the run of a hotplug script", &error).domain(device.domid)
        };
        let mut file = File::from(lock.into_fd().map_err(failed)?);
        // What leaves this session is left running on purpose.
        let session = session("self").unwrap_or_default();
        write!(file, "{session}").map_err(failed)?;
        command.fds.push((LOCK_FD, file.into()));
        Ok(Self(Some(path)))
    }

    /// The script has ended. Otherwise the record stays for whoever takes the device away.
    pub(super) fn ended(self) {
        if let Some(path) = self.0 {
            // It may be gone, with the guest.
            let _ = fs::remove_file(path);
        }
    }
}

/// Waits until no script of `device` runs, whoever started it; kills those that take longer than `limit` (time since the
/// start, as far as it is known). `program` is the script, to recognise what has no record.
pub(super) async fn none(
    op: &Op,
    device: &Device,
    program: Option<&str>,
    limit: Duration,
) -> Result<()> {
    let (mut pause, mut waited, mut unseen) = (FIRST_PAUSE, Duration::ZERO, Duration::ZERO);
    loop {
        let records = Record::locked(device)?;
        let processes = processes(device, program, &records);
        if processes.is_empty() && (records.is_empty() || unseen >= UNSEEN) {
            return Ok(());
        }
        if waited.is_zero() {
            let what = xenbus_path(device);
            log_line!(
                op.log(),
                Level::Debug,
                device.domid,
                "waiting for a script of {what} that runs"
            );
        }
        let age = records.iter().map(|record| record.age).max();
        if age.unwrap_or_default().max(waited) >= limit {
            for pid in &processes {
                end(op, device, program, &records, *pid)?;
            }
        }
        if waited >= limit + KILLED {
            let what = format!("a script of {} cannot be ended", xenbus_path(device));
            return Err(Error::new(Code::Timedout, what).domain(device.domid));
        }
        op.sleep(pause).await?;
        waited += pause;
        unseen = match processes.is_empty() {
            true => unseen + pause,
            false => Duration::ZERO,
        };
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The parts of a file's name around the guest's UUID, and before what tells runs apart.
struct Names {
    before: String,
    after: String,
}

impl Names {
    fn of(device: &Device) -> Self {
        let (domid, devid) = (device.domid, device.devid);
        Self {
            before: format!("userdata-l.{domid}."),
            after: format!(".hotplug-{}-{devid}.", device.backend_kind.name()),
        }
    }

    fn fit(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.before);
        rest.and_then(|rest| rest.split_at_checked(Uuid::default().to_string().len()))
            .is_some_and(|(_, rest)| rest.starts_with(&self.after))
    }
}

/// A script that runs.
struct Record {
    session: Option<u32>,
    age: Duration,
}

impl Record {
    /// Those of a device. Files that nobody holds any more are removed.
    fn locked(device: &Device) -> Result<Vec<Self>> {
        let (directory, names) = (directory(), Names::of(device));
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let what = format!("looking into {}", directory.display());
                return Err(Error::io(what, &error).domain(device.domid));
            }
            entries => entries.into_iter().flatten().flatten(),
        };
        let mut records = Vec::new();
        for entry in entries {
            if !names.fit(&entry.file_name().to_string_lossy()) {
                continue;
            }
            let path = entry.path();
            if FileLock::try_acquire(&path)?.is_none() {
                records.push(Self::read(&path));
            }
        }
        Ok(records)
    }

    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        let written = fs::metadata(path).and_then(|file| file.modified());
        Self {
            session: text.parse().ok(),
            age: written
                .ok()
                .and_then(|time| time.elapsed().ok())
                .unwrap_or_default(),
        }
    }
}

/// The processes that run for `device`: of the session in which a recorded script was started, or `program` itself.
fn processes(device: &Device, program: Option<&str>, records: &[Record]) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .filter(|pid| runs_for(device, program, records, *pid))
        .collect()
}

fn runs_for(device: &Device, program: Option<&str>, records: &[Record], pid: Pid) -> bool {
    // Empty for a process that has ended.
    let read = |what| {
        let path = format!("/proc/{}/{what}", pid.as_raw_nonzero());
        fs::read(path).unwrap_or_default()
    };
    let has = |words: &[u8], wanted: &str| {
        words
            .split(|byte| *byte == 0)
            .any(|word| word == wanted.as_bytes())
    };
    if !has(
        &read("environ"),
        &format!("XENBUS_PATH={}", xenbus_path(device)),
    ) {
        return false;
    }
    let session = session(&pid.to_string());
    let recorded = records
        .iter()
        .any(|record| session.is_some() && record.session == session);
    recorded || program.is_some_and(|program| has(&read("cmdline"), program))
}

/// The session of a process; 0 where the kernel's first one started none.
fn session(pid: &str) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; state, parent, group and session follow the last one.
    let (_, numbers) = stat.rsplit_once(')')?;
    numbers.split_whitespace().nth(3)?.parse().ok()
}

/// Kills a process that still runs for the device.
fn end(
    op: &Op,
    device: &Device,
    program: Option<&str>,
    records: &[Record],
    pid: Pid,
) -> Result<()> {
    let failed = |error: rustix::io::Errno| {
        let what = format!("ending process {pid} of a hotplug script");
        Error::io(what, &error.into()).domain(device.domid)
    };
    let Some(pidfd) = pidfd::open(pid, PidfdFlags::empty()).map_err(failed)? else {
        return Ok(());
    };
    // The pidfd pins the process, so what is read now is about the one that gets the signal.
    if !runs_for(device, program, records, pid) {
        return Ok(());
    }
    let what = xenbus_path(device);
    log_line!(
        op.log(),
        Level::Warn,
        device.domid,
        "process {pid} of a script of {what} runs for too long and is killed"
    );
    match pidfd::send_signal(&pidfd, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}
