//! The process that serves a stub domain may end before it: a bug of ours, the host's memory, an administrator. The guest goes
//! on, and whoever waits for its end, an xl or libvirt, starts the process again.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags};

use super::super::{START_TIMEOUT, attendant, connect, process};
use crate::engine::{Ctx, How, Notify, Op};
use crate::log::Level;
use crate::store::{Store, layout};
use crate::sys::pidfd;
use crate::types::EventType;
use crate::{Domid, Result, device, log_line};

/// Between an end and the next start; each further one is twice as long.
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);
/// Whoever lived so long had no trouble with its start.
const SETTLED: Duration = Duration::from_secs(30);

/// Sees to it that the stub domain of `guest` is served as long as it runs, from now until then. Does nothing for other guests.
pub fn keep(ctx: &Ctx, guest: Domid) {
    ctx.start_generator(Some(EventType::DomainDeath), move |ctx| async move {
        if let Err(error) = kept(&ctx, guest).await {
            let what = "its stub domain's server is not looked after";
            log_line!(ctx.log(), Level::Debug, guest, "{what}: {error}");
        }
        Ok(())
    });
}

async fn kept(ctx: &Ctx, guest: Domid) -> Result<()> {
    let store = ctx.store()?;
    let Some(stubdom) = device::stubdom_of(&store, guest).await? else {
        return Ok(());
    };
    let mut pause = SHORTEST;
    while store
        .read(&layout::stubdom_server(stubdom))
        .await?
        .is_some()
    {
        let info = ctx.xen()?.domain_info(stubdom)?;
        let Some(info) = info.filter(|info| !info.flags.dying() && !info.flags.shutdown()) else {
            return Ok(());
        };
        let began = Instant::now();
        match running(&store, stubdom).await? {
            Some(process) => ctx.generator_readable(&process).await?,
            // Whoever destroys a domain pauses it first.
            None if info.flags.paused() => {}
            None => start_again(ctx, guest)?,
        }
        if began.elapsed() >= SETTLED {
            pause = SHORTEST;
        }
        ctx.generator_pause(pause).await?;
        pause = (pause * 2).min(LONGEST);
    }
    Ok(())
}

/// The process on record, when it runs.
async fn running(store: &Store, stubdom: Domid) -> Result<Option<OwnedFd>> {
    let recorded = store.read_str(&layout::qmp_proxy_pid(stubdom)).await?;
    let pid = recorded.as_deref().and_then(layout::parse_number);
    let Some(pid) = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) else {
        return Ok(None);
    };
    let process = pidfd::open(pid, PidfdFlags::NONBLOCK).ok().flatten();
    // The pidfd pins the process whose command line is read now.
    let number = pid.as_raw_nonzero().get().unsigned_abs();
    Ok(process
        .filter(|_| process::program(number, |line| attendant::is_server(line, stubdom)).is_some()))
}

/// Somebody may be at it already: who gets the lock on the guest's QMP finds it running, or starts it.
fn start_again(ctx: &Ctx, guest: Domid) -> Result<()> {
    let how = How {
        notify: Notify::Callback(Box::new(|_| {})),
        key: (usize::MAX, u64::from(guest)),
        domid: guest,
    };
    ctx.start(Some(how), move |op: Op| async move {
        let what = "starting the server of its stub domain again";
        let found = async { connect(&op, guest).await.map(drop) };
        op.timeout(START_TIMEOUT, what, found).await
    })
}
