//! Taking a domain down, with its stub domain, until nothing of either is left.
//!
//! Every step is tried whatever became of the steps before it; the first failure is returned at the end.

use std::io;

use super::history::History;
use super::userdata::Userdata;
use crate::device::{self, Force};
use crate::engine::Op;
use crate::log::Level;
use crate::store::layout;
use crate::{Code, Domid, Error, Result, dm, log_line, sys};

/// Where the state of a device model lies while its guest is restored, but for the number.
const RESUME_FILE: &str = "/var/lib/xen/qemu-resume";

/// Destroys `domid` and the stub domain that serves it, both at the same time. `ERROR_DOMAIN_NOTFOUND` when there is no
/// such domain.
///
/// An abort is not heeded: half a domain is of no use to anybody, and every wait in here is short.
pub async fn destroy(op: &Op, domid: Domid) -> Result<()> {
    let op = &op.shielded();
    let stubdom = dm::stubdom_of(op, domid).await?;
    // All is looked up before the first thing is removed: each of the two is found through the other's nodes.
    let mut victims = vec![Victim::find(op, domid).await?];
    if let Some(stubdom) = stubdom {
        match Victim::find(op, stubdom).await {
            Ok(victim) => victims.push(victim),
            Err(error) => op.log().failure(&error.context("its stub domain")),
        }
    }
    let removals = victims.iter().map(|victim| victim.remove(op)).collect();
    op.join(removals).await.into_iter().collect()
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
    files: Userdata,
    /// The path of its VM node.
    vm: Option<String>,
}

impl Victim {
    async fn find(op: &Op, domid: Domid) -> Result<Self> {
        let files = Userdata::of(op.xen()?, domid)?;
        let vm = op.store()?.read_str(&layout::vm_link(domid)).await?;
        Ok(Self {
            domid,
            files,
            // The toolstack owns the node; still, nothing outside /vm is removed on its word.
            vm: vm.filter(|vm| vm.starts_with("/vm/")),
        })
    }

    async fn remove(&self, op: &Op) -> Result<()> {
        let mut failures = Failures::of(op, self.domid);
        failures.note("pausing", op.xen().and_then(|xen| xen.pause(self.domid)));
        let ended = dm::destroy(op, self.domid).await;
        failures.note("stopping its device model", ended);
        let devices = device::remove_all(op, self.domid, Force::On).await;
        failures.note("removing its devices", devices);
        failures.note("removing its store nodes", self.remove_nodes(op).await);
        failures.note("removing its files", self.remove_files(op).await);
        let seconds = sys::clock::monotonic_seconds();
        let marked = History::of_host().mark(op, self.domid, seconds).await;
        failures.note("noting its number", marked);
        let gone = op.xen().and_then(|xen| xen.destroy_domain(self.domid));
        failures.note("destroying it", gone);
        failures.first
    }

    async fn remove_nodes(&self, op: &Op) -> Result<()> {
        let store = op.store()?;
        if let Some(vm) = &self.vm {
            store.rm(vm).await?;
        }
        store.rm(&layout::domain(self.domid)).await?;
        store.rm(&layout::libxl(self.domid)).await
    }

    async fn remove_files(&self, op: &Op) -> Result<()> {
        let mut first = Ok(());
        for (path, error) in self.files.lock(op).await?.remove_all() {
            first = first.and(Err(Error::io(path.display(), &error)));
        }
        let domid = self.domid;
        for path in [dm::save_file(domid), format!("{RESUME_FILE}.{domid}")] {
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
