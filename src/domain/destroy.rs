//! Taking a domain down, with its stub domain, until nothing of either is left.
//!
//! Every step is tried, also after others have failed; the first failure is returned at the end.

use std::io;

use super::bootloader;
use super::history::History;
use super::pci;
use super::userdata::Userdata;
use crate::device::{self, Force};
use crate::engine::{Op, Work};
use crate::log::Level;
use crate::store::{Batch, layout};
use crate::types::Uuid;
use crate::{Code, Domid, Error, Result, dm, log_line, sys};

/// Destroys `domid` and the stub domain that serves it. `ERROR_DOMAIN_NOTFOUND` when there is no such domain, nor the
/// rest of one.
///
/// What could not be removed stays on record, and the next call finds it, by the domain's number.
/// An abort is not heeded: half a domain is of no use to anybody, and every wait in here is short.
pub async fn destroy(op: &Op, domid: Domid) -> Result<()> {
    let op = &op.shielded();
    // All is looked up before the first thing is removed: each of the two is found through the other's nodes.
    let guest = Victim::find(op, domid).await?;
    let Some(stubdom) = stubdom_of(op, domid).await? else {
        let emptied = guest.empty(op).await;
        return guest.finish(op, emptied).await;
    };
    let both = vec![guest.empty(op), stubdom.empty(op)];
    let mut emptied = op.join(both).await.into_iter();
    let (of_guest, of_stubdom) = (emptied.next(), emptied.next());
    let stubdom_gone = stubdom.finish(op, of_stubdom.unwrap_or_default()).await;
    // The guest's nodes are the way to what is left of its stub domain.
    let mut of_guest = of_guest.unwrap_or_default();
    of_guest.nothing_left &= stubdom_gone.is_ok();
    guest.finish(op, of_guest).await.and(stubdom_gone)
}

/// The stub domain of `guest`, or the rest of it.
async fn stubdom_of(op: &Op, guest: Domid) -> Result<Option<Victim>> {
    let Some(stubdom) = dm::stubdom_of(op, guest).await? else {
        return Ok(None);
    };
    // An older record may name a number that another domain has by now.
    if dm::target_of(op, stubdom).await? != Some(guest) {
        return Ok(None);
    }
    match Victim::find(op, stubdom).await {
        Ok(victim) => Ok(Some(victim)),
        Err(error) if error.code() == Code::DomainNotfound => Ok(None),
        Err(error) => Err(error.context("its stub domain")),
    }
}

/// Takes away all around a guest that is down for a soft reset, and has the hypervisor forget what the guest shared. Its memory and
/// vCPUs go on when the guest is unpaused, once; its device model's state stays in its file.
pub(super) async fn all_but_memory(op: &Op, domid: Domid) -> Result<()> {
    let op = &op.shielded();
    let guest = Victim {
        keeps_state: true,
        ..Victim::find(op, domid).await?
    };
    // Nobody serves the guest's store any more, and backends let go.
    op.store()?.release(domid).await?;
    guest.empty(op).await.outcome?;
    let reset = move |work: &Work| work.xen().soft_reset(domid);
    op.blocking("soft-reset", reset).await?;
    guest.remove_nodes(op).await
}

/// As [`destroy`], for an undo that may find the work done.
pub(super) async fn destroy_if_there(op: &Op, domid: Domid) -> Result<()> {
    match destroy(op, domid).await {
        Err(error) if error.code() == Code::DomainNotfound => Ok(()),
        result => result,
    }
}

/// A domain to remove.
struct Victim {
    domid: Domid,
    /// Whether the hypervisor still has it; otherwise this is what an earlier attempt has left.
    alive: bool,
    files: Option<Userdata>,
    /// Whether the state of its device model stays.
    keeps_state: bool,
    /// The path of its VM node.
    vm: Option<String>,
}

/// How the removal went so far.
struct Progress {
    outcome: Result<()>,
    /// Whether nothing is left that only the domain's nodes lead to.
    nothing_left: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            outcome: Ok(()),
            nothing_left: true,
        }
    }
}

impl Victim {
    async fn find(op: &Op, domid: Domid) -> Result<Self> {
        let (store, xen) = (op.store()?, op.xen()?);
        let vm = store.read_str(&layout::vm_link(domid)).await?;
        // The toolstack owns the node; still, nothing outside /vm is removed on its word.
        let vm = vm.filter(|vm| vm.starts_with("/vm/"));
        let missing = match Userdata::of(xen, domid) {
            Ok(files) => {
                return Ok(Self {
                    domid,
                    alive: true,
                    files: Some(files),
                    keeps_state: false,
                    vm,
                });
            }
            Err(error) => error,
        };
        let gone = missing.code() == Code::DomainNotfound;
        if !gone || store.read(&layout::libxl(domid)).await?.is_none() {
            return Err(missing);
        }
        let uuid = vm.as_deref().and_then(uuid_of);
        // Its successor has the same VM node.
        let domains = xen.domain_list()?;
        let succeeded = uuid.is_some_and(|uuid| domains.iter().any(|info| info.handle == uuid.0));
        Ok(Self {
            domid,
            alive: false,
            files: uuid.map(|uuid| Userdata::of_former(domid, uuid)),
            keeps_state: false,
            vm: vm.filter(|_| !succeeded),
        })
    }

    /// Removes all around the domain that needs its nodes to be found.
    async fn empty(&self, op: &Op) -> Progress {
        let mut failures = Failures::of(op, self.domid);
        // While QEMU and the guest can let go of them.
        pci::take_back(op, self.domid, self.alive).await;
        if self.alive {
            let paused = op.xen().and_then(|xen| xen.pause(self.domid));
            failures.note("pausing", paused.or_else(unless_gone));
        }
        let ended = dm::destroy(op, self.domid).await;
        let devices = device::remove_all(op, self.domid, Force::On).await;
        let boot = bootloader::remove_rest(op, self.domid).await;
        let files = self.remove_files(op).await;
        // A device that did not close in time is gone nevertheless.
        let devices_gone = devices.is_ok() || device::none_on_record(op, self.domid).await;
        let nothing_left = ended.is_ok() && devices_gone && boot.is_ok() && files.is_ok();
        failures.note("stopping its device model", ended);
        failures.note("removing its devices", devices);
        failures.note("removing what its bootloader left", boot);
        failures.note("removing its files", files);
        Progress {
            outcome: failures.first,
            nothing_left,
        }
    }

    /// Removes the domain, then its nodes, if they are of no use any more.
    async fn finish(&self, op: &Op, progress: Progress) -> Result<()> {
        let mut failures = Failures::of(op, self.domid);
        failures.first = progress.outcome;
        let mut nothing_left = progress.nothing_left;
        if self.alive {
            let seconds = sys::clock::monotonic_seconds();
            // First, so that nobody takes the number while its nodes are removed.
            let marked = History::of_host().mark(op, self.domid, seconds).await;
            failures.note("noting its number", marked);
            // As long as freeing its memory takes. What has begun must not be left half-way, so it is deaf to aborts.
            let domid = self.domid;
            let destroy = move |work: &Work| work.xen().destroy_domain(domid);
            let gone = op.shielded().blocking("destroy-domain", destroy).await;
            nothing_left &= gone.is_ok();
            failures.note("destroying it", gone);
        }
        if nothing_left {
            let removed = self.remove_nodes(op).await;
            nothing_left = removed.is_ok();
            failures.note("removing its store nodes", removed);
        }
        match failures.first {
            Err(error) if !nothing_left => Err(error.hint(format!(
                "something is left of it: xl destroy {} tries again",
                self.domid
            ))),
            outcome => outcome,
        }
    }

    async fn remove_nodes(&self, op: &Op) -> Result<()> {
        let mut batch = Batch::new();
        for path in self.vm.iter() {
            batch.rm(path);
        }
        batch.rm(layout::domain(self.domid));
        batch.rm(layout::libxl(self.domid));
        op.store()?.apply(&batch).await
    }

    async fn remove_files(&self, op: &Op) -> Result<()> {
        let mut first = Ok(());
        let failed = match &self.files {
            Some(files) if self.alive => match files.lock(op).await {
                Ok(locked) => locked.remove_all(),
                // A dying domain, as after a failed attempt, may be gone by now; nobody uses its files then.
                Err(_) if op.xen()?.domain_info(self.domid)?.is_none() => files.remove_all(),
                Err(error) => return Err(error),
            },
            Some(files) => files.remove_all(),
            None => Vec::new(),
        };
        for (path, error) in failed {
            first = first.and(Err(Error::io(path.display(), &error)));
        }
        let domid = self.domid;
        // The scripts of an empty CD drive have run.
        let state = (!self.keeps_state).then(|| dm::saved_state_file(domid));
        let others = [dm::resume_file(domid), device::empty_cdrom(domid)];
        for path in state.into_iter().chain(others) {
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    first = first.and(Err(Error::io(path, &e)));
                }
                _ => {}
            }
        }
        first
    }
}

/// A dying domain may go at any moment, and that it is gone is what is wanted.
fn unless_gone(error: Error) -> Result<()> {
    match error.errno() {
        Some(libc::ESRCH) => Ok(()),
        _ => Err(error),
    }
}

/// The UUID in the path of a VM node.
fn uuid_of(vm: &str) -> Option<Uuid> {
    Uuid::parse(vm.strip_prefix("/vm/")?)
}

/// Goes on after failures, but does not forget them.
struct Failures<'a> {
    op: &'a Op,
    domid: Domid,
    first: Result<()>,
}

impl<'a> Failures<'a> {
    fn of(op: &'a Op, domid: Domid) -> Self {
        Self {
            op,
            domid,
            first: Ok(()),
        }
    }

    fn note(&mut self, doing: &str, result: Result<()>) {
        let Err(error) = result else { return };
        let error = error.context(doing).domain(self.domid);
        if self.first.is_ok() {
            self.first = Err(error);
        } else {
            log_line!(self.op.log(), Level::Error, self.domid, "{error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vm_path_tells_the_uuid() {
        let uuid = Uuid([0x11; 16]);
        assert_eq!(uuid_of(&layout::vm(uuid)), Some(uuid));
        assert_eq!(
            uuid_of("/vm/11111111-1111-1111-1111-111111111111-incoming"),
            None
        );
        assert_eq!(uuid_of("/local/11111111-1111-1111-1111-111111111111"), None);
    }
}
