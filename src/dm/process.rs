//! Helper processes of a domain (QEMU, the QMP proxy): starting, readiness through xenstore, and their end.

use std::fs;
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::engine::{Child, Command, Op};
use crate::log::Level;
use crate::store::layout;
use crate::sys::pidfd;
use crate::{Code, Domid, Error, Result, log_line};

/// How long a process may take to follow a request to end before it is killed.
const END_TIMEOUT: Duration = Duration::from_secs(3);

/// What a process writes to its state node when it serves.
const RUNNING: &str = "running";

/// A process that serves a domain.
pub(super) struct Helper<'a> {
    /// The domain it serves, for messages.
    pub(super) domid: Domid,
    /// What it is, such as "device model".
    pub(super) what: &'a str,
    /// Where its process id is recorded.
    pub(super) pid_path: String,
    /// Where it says that it is running.
    pub(super) state_path: String,
    /// Where it logs, for messages.
    pub(super) log: String,
}

impl Helper<'_> {
    /// Starts the process and waits until `ready`; it outlives this library. When it fails, no process is left.
    ///
    /// Its id is recorded before it executes, so that nobody loses it: a process that waits for that ends with this one.
    /// The C library signals the number it finds there, so there is never anything but this process's.
    pub(super) async fn start(
        &self,
        op: &Op,
        mut command: Command,
        limit: Duration,
        ready: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let store = op.store()?;
        command.held = true;
        let mut child = op.spawn(command).map_err(|error| self.about(error))?;
        let pid = child.pid();
        log_line!(
            op.log(),
            Level::Debug,
            self.domid,
            "{} is process {pid}",
            self.what
        );
        store.write(&self.pid_path, pid.to_string()).await?;
        child
            .go()
            .map_err(|error| self.about(Error::io("letting it execute", &error)))?;
        let waiting = format!("waiting for the {} of domain {}", self.what, self.domid);
        let run = async {
            let ended = self.ended(&mut child);
            first(ready, ended).await
        };
        let outcome = op.timeout(limit, &waiting, run).await;
        match outcome {
            Ok(()) => {
                child.detach();
                Ok(())
            }
            Err(error) => {
                // Dropping the child kills it.
                let hint = format!("its log is {}", self.log);
                Err(self.about(error).hint(hint))
            }
        }
    }

    /// Waits until the state node says that the process serves.
    pub(super) async fn running(&self, op: &Op) -> Result<()> {
        wait_for_state(op, &self.state_path, RUNNING).await
    }

    async fn ended(&self, child: &mut Child) -> Result<()> {
        let status = child.wait().await?;
        Err(Error::fail(format!(
            "the {} ended before it was ready ({status:?})",
            self.what
        )))
    }

    fn about(&self, error: Error) -> Error {
        error
            .context(format_args!("starting the {}", self.what))
            .domain(self.domid)
    }
}

/// Waits until a node has a value. "error" there means that it never will have.
pub(crate) async fn wait_for_state(op: &Op, path: &str, wanted: &str) -> Result<()> {
    let store = op.store()?;
    let watch = op.watch(path).await?;
    loop {
        watch.changed().await?;
        match store.read(path).await?.as_deref() {
            Some(value) if value == wanted.as_bytes() => return Ok(()),
            Some(b"error") => return Err(Error::fail(format!("{path} says error"))),
            _ => {}
        }
    }
}

/// Waits for whichever comes first.
pub(crate) async fn first<T>(one: impl Future<Output = T>, other: impl Future<Output = T>) -> T {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| match one.as_mut().poll(context) {
        Poll::Pending => other.as_mut().poll(context),
        ready => ready,
    })
    .await
}

/// Ends the process whose id is recorded at `pid_path`, if it is still the one that `is_it` describes.
///
/// Without a record all that it describes: the C library writes the record after the start, and may have been killed.
pub(super) async fn end(
    op: &Op,
    domid: Domid,
    what: &str,
    pid_path: &str,
    is_it: impl Fn(&[Vec<u8>]) -> bool,
) -> Result<()> {
    let pids = match op.store()?.read_str(pid_path).await? {
        None => processes(&is_it),
        Some(number) => {
            let pid = layout::parse_number(&number)
                .and_then(|number| i32::try_from(number).ok())
                .and_then(Pid::from_raw)
                .ok_or_else(|| {
                    let what = format!("{pid_path} holds {number:?}, not a process id");
                    Error::fail(what).domain(domid)
                })?;
            vec![pid]
        }
    };
    for pid in pids {
        end_one(op, domid, what, pid, &is_it).await?;
    }
    Ok(())
}

/// Ends a process if it is the one that `is_it` describes.
///
/// The record may be old and the number another process's; a pidfd and a look at the command line keep that one safe.
/// First SIGHUP, so that QEMU can close its images, then SIGKILL.
async fn end_one(
    op: &Op,
    domid: Domid,
    what: &str,
    pid: Pid,
    is_it: impl Fn(&[Vec<u8>]) -> bool,
) -> Result<()> {
    let failed = |error: Errno| {
        let what = format!("cannot end the {what}, process {pid}");
        Error::io(what, &error.into()).domain(domid)
    };
    let pidfd = match pidfd::open(pid, PidfdFlags::NONBLOCK) {
        Ok(Some(pidfd)) => pidfd,
        Ok(None) => {
            log_line!(
                op.log(),
                Level::Debug,
                domid,
                "the {what} had ended already"
            );
            return Ok(());
        }
        Err(error) => return Err(failed(error)),
    };
    // The pidfd pins the process, so what is read now is about the one that gets the signal.
    match command_line(pid) {
        None => return Ok(()),
        Some(line) if is_it(&line) => {}
        Some(_) => {
            log_line!(
                op.log(),
                Level::Warn,
                domid,
                "process {pid} is not the {what} any more; it is left alone"
            );
            return Ok(());
        }
    }
    for signal in [Signal::HUP, Signal::KILL] {
        match pidfd::send_signal(&pidfd, signal) {
            Ok(()) => {}
            Err(Errno::SRCH) => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
        let waiting = format!("waiting for the {what} to end");
        match op.timeout(END_TIMEOUT, &waiting, op.readable(&pidfd)).await {
            Ok(()) => return Ok(()),
            Err(error) if error.code() == Code::Timedout => {
                log_line!(
                    op.log(),
                    Level::Warn,
                    domid,
                    "the {what} did not end in time"
                );
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// All processes whose command line is one that `is_it` describes.
pub(super) fn processes(is_it: impl Fn(&[Vec<u8>]) -> bool) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        Pid::from_raw(number)
    });
    pids.filter(|pid| command_line(*pid).is_some_and(|line| is_it(&line)))
        .collect()
}

/// A process's program and arguments; `None` when it has ended.
fn command_line(pid: Pid) -> Option<Vec<Vec<u8>>> {
    let path = format!("/proc/{}/cmdline", pid.as_raw_nonzero());
    let bytes = fs::read(path).ok()?;
    let line = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    if line.is_empty() {
        // A zombie; there is nothing to end.
        return None;
    }
    Some(line.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect())
}

/// The program of process `pid`, when it runs and `is_it` accepts its command line.
pub(super) fn program(pid: u32, is_it: impl Fn(&[Vec<u8>]) -> bool) -> Option<String> {
    let line = command_line(Pid::from_raw(i32::try_from(pid).ok()?)?)?;
    let program = String::from_utf8_lossy(line.first()?).into_owned();
    is_it(&line).then_some(program)
}

/// Whether `option` is followed by `value` on a command line.
pub(super) fn has_pair(line: &[Vec<u8>], option: &str, value: &str) -> bool {
    line.windows(2)
        .any(|pair| pair[0] == option.as_bytes() && pair[1] == value.as_bytes())
}

/// An error when a program cannot be executed, before anything depends on it.
pub(super) fn check_executable(program: &str, what: &str, domid: Domid) -> Result<()> {
    use rustix::fs::{Access, access};
    access(Path::new(program), Access::EXEC_OK).map_err(|error| {
        let what = format!("the {what} {program} cannot be executed");
        Error::io(what, &error.into()).domain(domid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Bench;
    use crate::store::fake::{Fault, WRITE};

    fn helper() -> Helper<'static> {
        Helper {
            domid: 5,
            what: "device model",
            pid_path: layout::dm_pid(5),
            state_path: layout::dm_state(crate::DOM0, 5),
            log: "/dev/null".into(),
        }
    }

    /// Starts a program that leaves a file and stays; gives what was written for its process id.
    fn start(bench: &Bench, file: &Path) -> (Vec<String>, Result<()>) {
        let words = format!("touch {}; exec sleep 1000", file.display());
        let mut command = Command::new("sh").args(["-c", &words]);
        command.double_fork = true;
        let outcome = bench.ctx.block_on(async |op: &Op| {
            let ready = async {
                while !file.exists() {
                    op.sleep(Duration::from_millis(1)).await?;
                }
                Ok(())
            };
            let limit = Duration::from_secs(20);
            helper().start(op, command, limit, ready).await
        });
        (bench.store.values_of(&layout::dm_pid(5)), outcome)
    }

    #[test]
    fn what_is_recorded_of_a_process_is_its_number_alone() {
        let (bench, dir) = (Bench::new(), tempfile::tempdir().unwrap());
        let (values, outcome) = start(&bench, &dir.path().join("ran"));
        outcome.unwrap();
        let number = bench.store.get(&layout::dm_pid(5)).unwrap();
        assert_eq!(values, [String::from_utf8(number).unwrap()]);
        let pid = Pid::from_raw(values[0].parse().unwrap()).unwrap();
        // A process that is just executing has no command line for a moment.
        let is_it = |line: Vec<Vec<u8>>| line.iter().any(|arg| arg.ends_with(b"1000"));
        let looks = 2000;
        let seen = (0..looks).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            command_line(pid).is_some_and(is_it)
        });
        assert!(seen);
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
    }

    #[test]
    fn a_process_that_cannot_be_recorded_never_executes() {
        let (bench, dir) = (Bench::new(), tempfile::tempdir().unwrap());
        let file = dir.path().join("ran");
        bench.store.fault(WRITE, Fault::Error("ENOSPC"));
        let (values, outcome) = start(&bench, &file);
        assert_eq!(outcome.unwrap_err().errno(), Some(libc::ENOSPC));
        assert_eq!(values.len(), 1);
        assert!(values[0].parse::<i32>().is_ok_and(|pid| pid > 1));
        assert!(!file.exists());
    }

    #[test]
    fn a_process_without_a_record_is_found_and_ended() {
        let bench = Bench::new();
        let mut child = std::process::Command::new("sleep")
            .arg("1000.5")
            .spawn()
            .unwrap();
        let is_it = |line: &[Vec<u8>]| line.last().is_some_and(|arg| arg == b"1000.5");
        // Now and then it is not to be seen at once.
        while processes(is_it).is_empty() {
            std::thread::yield_now();
        }
        let end = async |op: &Op| super::end(op, 5, "device model", "/nowhere", is_it).await;
        bench.ctx.block_on(end).unwrap();
        let ended = child.try_wait().unwrap();
        child.kill().unwrap();
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(ended.and_then(|status| status.signal()), Some(libc::SIGHUP));
    }

    #[test]
    fn a_command_line_is_read_back() {
        let own = Pid::from_raw(i32::try_from(std::process::id()).unwrap()).unwrap();
        let line = command_line(own).unwrap();
        let program = std::env::args().next().unwrap();
        assert_eq!(line[0], program.as_bytes());
        assert_eq!(super::program(std::process::id(), |_| true), Some(program));
        assert_eq!(super::program(std::process::id(), |_| false), None);
    }

    #[test]
    fn a_process_is_found_by_its_command_line() {
        let own = std::env::args().map(String::into_bytes).collect::<Vec<_>>();
        let found = processes(|line| line == own);
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(found.contains(&Pid::from_raw(pid).unwrap()), "{found:?}");
        assert!(processes(|line| line == [b"no such program".to_vec()]).is_empty());
    }

    #[test]
    fn an_option_counts_only_with_its_value() {
        let line: Vec<Vec<u8>> = ["qemu", "-xen-domid", "12", "-name", "1"]
            .map(|arg| arg.as_bytes().to_vec())
            .to_vec();
        assert!(has_pair(&line, "-xen-domid", "12"));
        assert!(!has_pair(&line, "-xen-domid", "1"));
        assert!(!has_pair(&line, "-name", "12"));
    }
}
