//! Stopping and starting a guest's vCPUs, and asking the guest itself to go down.

use std::time::Duration;

use super::query;
use crate::engine::Op;
use crate::store::layout;
use crate::types::{DomainType, Trigger};
use crate::xen::{self, HvmParam};
use crate::{Code, Domid, Error, Result, dm};

/// How long a guest may take to confirm that it has seen the request.
const ACKNOWLEDGE: Duration = Duration::from_secs(60);

/// What a guest can be asked for through `control/shutdown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Shut down and stay down.
    Poweroff,
    /// Shut down and come back.
    Reboot,
}

impl Request {
    fn word(self) -> &'static str {
        match self {
            Request::Poweroff => "poweroff",
            Request::Reboot => "reboot",
        }
    }
}

/// Stops the vCPUs; the device model goes on.
pub async fn pause(op: &Op, domid: Domid) -> Result<()> {
    op.xen()?.pause(domid)
}

/// Lets the vCPUs run. QEMU first: it may have been started stopped.
pub async fn unpause(op: &Op, domid: Domid) -> Result<()> {
    if query::type_of(op, domid).await? == DomainType::Hvm {
        dm::unpause(op, domid).await?;
    }
    op.xen()?.unpause(domid)
}

/// Asks the guest to go down, and waits until it has taken the request, not until it is down.
///
/// `ERROR_NOPARAVIRT` when nothing in the guest listens; `ERROR_TIMEDOUT` when it does not take the request in a minute.
pub async fn request(op: &Op, domid: Domid, request: Request) -> Result<()> {
    if !listens(op, domid).await? {
        return Err(Error::new(
            Code::Noparavirt,
            "the guest has no paravirtual drivers that could take the request",
        )
        .domain(domid)
        .hint("use its virtual power button (xl shutdown -F) or destroy it"));
    }
    let path = layout::control_shutdown(domid);
    op.store()?.write(&path, request.word()).await?;
    let what = format!(
        "waiting for the guest to take the {} request",
        request.word()
    );
    op.timeout(ACKNOWLEDGE, &what, taken(op, &path))
        .await
        .map_err(|e| e.domain(domid))
}

/// The guest takes a request by emptying or removing the node. What else it writes there does not matter.
async fn taken(op: &Op, path: &str) -> Result<()> {
    let watch = op.watch(path).await?;
    loop {
        watch.changed().await?;
        if op.store()?.read(path).await?.is_none_or(|v| v.is_empty()) {
            return Ok(());
        }
    }
}

/// Whether the guest has drivers that look at `control/shutdown`: always but in an HVM guest without them.
async fn listens(op: &Op, domid: Domid) -> Result<bool> {
    if query::type_of(op, domid).await? != DomainType::Hvm {
        return Ok(true);
    }
    Ok(op.xen()?.hvm_param_get(domid, HvmParam::CallbackIrq)? != 0)
}

/// Hands the guest's kernel a "magic SysRq" letter.
pub async fn sysrq(op: &Op, domid: Domid, letter: u8) -> Result<()> {
    let path = layout::domain_sub(domid, "control/sysrq");
    op.store()?.write(&path, [letter]).await
}

/// How long QEMU may take to wake its guest.
const WAKE: Duration = Duration::from_secs(10);

/// Presses a button of the virtual machine, or wakes it from suspend to RAM.
pub async fn trigger(op: &Op, domid: Domid, trigger: Trigger, vcpu: u32) -> Result<()> {
    let button = match trigger {
        Trigger::Power => xen::Trigger::Power,
        Trigger::Sleep => xen::Trigger::Sleep,
        Trigger::Nmi => xen::Trigger::Nmi,
        Trigger::Init => xen::Trigger::Init,
        Trigger::Reset => xen::Trigger::Reset,
        Trigger::S3resume => return wake(op, domid).await,
        Trigger::Unknown => return Err(Error::fail("no such trigger").domain(domid)),
    };
    op.xen()?.send_trigger(domid, button, vcpu)
}

async fn wake(op: &Op, domid: Domid) -> Result<()> {
    if query::type_of(op, domid).await? != DomainType::Hvm {
        return Err(Error::inval("only HVM guests sleep in memory").domain(domid));
    }
    wake_hvm(op, domid).await
}

async fn wake_hvm(op: &Op, domid: Domid) -> Result<()> {
    if dm::Running::read(op, domid).await? == dm::Running::QemuXenTraditional {
        return op.xen()?.hvm_param_set(domid, HvmParam::AcpiSState, 0);
    }
    let waking = async {
        let mut client = dm::connect(op, domid).await?;
        client.execute("system_wakeup", None).await.map(drop)
    };
    op.timeout(WAKE, "waking the guest through QEMU", waking)
        .await
        .map_err(|e| e.domain(domid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Bench;

    #[test]
    fn a_guest_whose_device_model_is_none_is_not_woken() {
        let bench = Bench::new();
        bench.store.set(&layout::dm_version(7), "none");
        let woken = bench.ctx.block_on(async |op| wake_hvm(op, 7).await);
        assert_eq!(woken.expect_err("none").code(), Code::Inval);
    }

    #[test]
    fn a_request_is_taken_by_emptying_or_removing_it() {
        let bench = Bench::new();
        let path = layout::control_shutdown(7);
        let wait = |milliseconds| {
            bench.ctx.block_on(async |op| {
                let limit = Duration::from_millis(milliseconds);
                op.timeout(limit, "waiting", taken(op, &path)).await
            })
        };
        for kept in ["poweroff", "rubbish", " "] {
            bench.store.set(&path, kept);
            let error = wait(50).expect_err("not taken");
            assert_eq!(error.code(), Code::Timedout, "{kept:?}");
        }
        bench.store.set(&path, "");
        wait(10_000).expect("emptied");
        bench.store.remove(&path);
        wait(10_000).expect("removed");
    }
}
