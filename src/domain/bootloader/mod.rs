//! A bootloader: a program in dom0 that looks on the guest's first disk for a kernel, before the guest is built.

mod args;
mod files;
mod local;
mod output;
mod restrict;
mod terminal;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;
use std::time::Duration;

use files::Files;
#[cfg(feature = "fuzzing")]
pub(crate) use output::fuzzing_output;
use restrict::{Environment, Terms};
use terminal::{Log, Terminal};

use super::build::Boot;
use crate::dm::{self, first, user};
use crate::engine::{Child, Command, ExitStatus, Op, ProgressHow, Work};
use crate::log::Level;
use crate::paths::{XEN_BINDIR, XEN_LOGDIR, XEN_STATEDIR};
use crate::store::layout;
use crate::types::{DeviceDisk, DomainBuildInfo, DomainBuildInfoU, DomainConfig, EventU};
use crate::{Boxed, Code, Domid, Error, Result, log_line};

/// How long a bootloader may take to follow a request to end.
const ENDS: Duration = Duration::from_secs(3);

/// Where the host has what belongs to bootloaders.
#[derive(Clone, Copy, Debug)]
struct Places<'a> {
    programs: &'a str,
    state: &'a str,
    logs: &'a str,
    devices: &'a str,
}

const HOST: Places<'static> = Places {
    programs: XEN_BINDIR,
    state: XEN_STATEDIR,
    logs: XEN_LOGDIR,
    devices: "/dev",
};

/// The bootloader that the configuration names. HVM guests have their own.
pub(super) fn of(config: &DomainConfig) -> Option<&str> {
    match config.b_info.u {
        DomainBuildInfoU::Hvm(_) => None,
        _ => config.b_info.bootloader.as_deref(),
    }
}

/// Runs the bootloader `configured`, and gives what the guest boots. `console` hears when its terminal can be connected to.
///
/// [`Code::DomainDestroyed`] when the domain is destroyed meanwhile, [`Code::Timedout`] when a confined one takes too long.
pub(super) async fn run(
    op: &Op,
    domid: Domid,
    config: &DomainConfig,
    configured: &str,
    console: &ProgressHow,
) -> Result<Boot> {
    let order = Order {
        domid,
        configured,
        info: &config.b_info,
        disk: config.disks.first().ok_or_else(|| {
            Error::fail("a bootloader needs a disk, and the guest has none").domain(domid)
        })?,
        console,
        places: HOST,
        environment: Environment::of_process(),
    };
    let ran = order.run(op).await;
    ran.map_err(|error| error.context("bootloader").domain(domid))
}

/// What a run goes by.
struct Order<'a> {
    domid: Domid,
    configured: &'a str,
    info: &'a DomainBuildInfo,
    disk: &'a DeviceDisk,
    console: &'a ProgressHow,
    places: Places<'a>,
    environment: Environment,
}

impl Order<'_> {
    async fn run(&self, op: &Op) -> Result<Boot> {
        let Order { domid, places, .. } = *self;
        let files = Files::of(Path::new(places.state), domid);
        op.with_rollback(|undo| async move {
            let mut log = Log::open(Path::new(places.logs), domid)?;
            undo.push("remove the bootloader's files", {
                let files = files.clone();
                move |_: Op| async move { files.remove() }
            });
            files.make()?;
            let start = self.info.blkdev_start.as_deref().unwrap_or("xvda");
            let devices = Path::new(places.devices);
            let local = local::attach(op, &undo, domid, self.disk, start, devices).await?;

            let program = args::program(self.configured, Path::new(places.programs));
            let terms = self.terms(op, &program, &local.path)?;
            let (output, directory) = (&files.output, &files.directory);
            let args = args::arguments(self.info, terms.run_as, output, directory, &local.path);

            let terminal = Terminal::open()?;
            let tty = layout::console_tty(domid, 0);
            op.store()?.write(&tty, terminal.path()).await?;
            op.progress(self.console, domid, EventU::DomainCreateConsoleAvailable);
            self.trace(op, &program, &args);
            let mut command = terminal.give_to(Command::new(&program).args(args))?;
            command = command.env("TERM", "vt100");
            command.limits = terms.limits.clone();
            op.check()?;
            // An abort ends it in order, and is noticed by what is waited for beside it.
            let child = op.shielded().spawn(command);
            let child =
                child.map_err(|error| error.hint("check bootloader= in the configuration"))?;
            let status = self.watched(op, child, &terms, &terminal, &mut log).await;
            // Nobody is to change what is read now.
            let swept = self.sweep(op, &terms).await;
            let about = |error: Error| error.hint(format!("its log is {}", log.path().display()));
            status.and_then(succeeded).map_err(about)?;
            swept?;

            let boot = self.take(op, files.clone(), &terms).await.map_err(about)?;
            local::detach(&op.shielded(), domid, &local).await?;
            // Last, for they say that there may be more to remove.
            files.remove()?;
            Ok(boot)
        })
        .await
    }

    fn terms(&self, op: &Op, program: &str, disk: &str) -> Result<Terms> {
        let (log, domid) = (op.log(), self.domid);
        let meta = fs::metadata(disk).ok();
        let (environment, info) = (&self.environment, self.info);
        let terms = restrict::terms(
            &user::HOST,
            environment,
            domid,
            info,
            program,
            meta.as_ref(),
        )?;
        let outdated = args::outdated(self.configured);
        for warning in outdated.iter().chain(&terms.warning) {
            log_line!(log, Level::Warn, domid, "{warning}");
        }
        Ok(terms)
    }

    fn trace(&self, op: &Op, program: &str, args: &[String]) {
        let (log, domid) = (op.log(), self.domid);
        log_line!(log, Level::Debug, domid, "executing bootloader: {program}");
        for arg in args {
            log_line!(log, Level::Debug, domid, "  {arg}");
        }
    }

    /// Serves the bootloader's terminal, and gives how it has ended. When this returns there is no such process.
    async fn watched(
        &self,
        op: &Op,
        mut child: Child,
        terms: &Terms,
        terminal: &Terminal,
        log: &mut Log,
    ) -> Result<ExitStatus> {
        let watched = {
            let served = async {
                terminal.copy(op, log).await?;
                aborted(op).await
            };
            let ended = child.wait();
            let stopped = first(served, self.destroyed(op));
            let work: Boxed<'_, Result<ExitStatus>> = Box::pin(first(ended, stopped));
            match terms.time_limit {
                Some(limit) => op.timeout(limit, "the bootloader", work).await,
                None => work.await,
            }
        };
        if let Err(error) = &watched {
            // What does not end in time has had its time.
            let gently = error.code() != Code::Timedout;
            end(&op.shielded(), &mut child, gently).await?;
        }
        terminal.finish(op, log);
        watched
    }

    /// Waits until the domain is destroyed.
    async fn destroyed(&self, op: &Op) -> Result<ExitStatus> {
        let path = layout::domain(self.domid);
        let watch = op.watch(&path).await?;
        loop {
            watch.changed().await?;
            if op.store()?.read(&path).await?.is_none() {
                let what = "the domain was destroyed meanwhile";
                return Err(Error::new(Code::DomainDestroyed, what));
            }
        }
    }

    /// Ends what a confined bootloader has left running.
    async fn sweep(&self, op: &Op, terms: &Terms) -> Result<()> {
        match terms.own_user {
            Some(uid) => dm::end_user(&op.shielded(), self.domid, uid).await,
            None => Ok(()),
        }
    }

    /// Reads what the bootloader has found, beside the context, for it can be large.
    async fn take(&self, op: &Op, files: Files, terms: &Terms) -> Result<Boot> {
        let (domid, reach) = (self.domid, terms.reach);
        op.blocking("boot-files", move |work: &Work| {
            let found = files.result()?;
            for oddity in &found.oddities {
                let log = work.log();
                log_line!(log, Level::Warn, domid, "the bootloader's result: {oddity}");
            }
            let taken = files.take(&found, reach);
            if found.kernel.is_none() {
                return Err(Error::fail("it ended well and found no kernel"));
            }
            let taken = taken?;
            Ok(Boot {
                kernel: taken.kernel,
                ramdisk: taken.ramdisk,
                cmdline: found.args,
            })
        })
        .await
    }
}

/// Waits for nothing but an abort.
async fn aborted<T>(op: &Op) -> Result<T> {
    loop {
        op.sleep(Duration::from_secs(3600)).await?;
    }
}

/// Ends a bootloader and what it has started, and waits for it.
async fn end(op: &Op, child: &mut Child, gently: bool) -> Result<()> {
    if gently {
        child.kill_group(libc::SIGTERM)?;
        match op
            .timeout(ENDS, "ending the bootloader", child.wait())
            .await
        {
            Err(error) if error.code() == Code::Timedout => {}
            ended => return ended.map(drop),
        }
    }
    child.kill_group(libc::SIGKILL)?;
    child.wait().await.map(drop)
}

fn succeeded(status: ExitStatus) -> Result<()> {
    match status {
        ExitStatus::Exited(0) => Ok(()),
        ExitStatus::Exited(status) => Err(Error::fail(format!("it exited with status {status}"))),
        ExitStatus::Signaled(signal) => Err(Error::fail(format!("signal {signal} ended it"))),
        ExitStatus::Gone => Err(Error::fail("how it ended is not known")),
    }
}

/// Removes what an interrupted run has left of a domain's bootloader: processes, a disk of dom0's, files.
pub(super) async fn remove_rest(op: &Op, domid: Domid) -> Result<()> {
    let files = Files::of(Path::new(HOST.state), domid);
    if !files.any() {
        return Ok(());
    }
    let ended = match user::confined(&user::HOST, domid) {
        Ok(Some(user::Confined::Own(user))) => dm::end_user(op, domid, user.uid).await,
        _ => Ok(()),
    };
    ended
        .and(local::remove_rest(op, domid).await)
        .and(files.remove())
}
