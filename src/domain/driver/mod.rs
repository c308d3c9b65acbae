//! A driver domain's part: it connects and disconnects the devices that it serves for guests (`xl devd`).
//!
//! One watch tells of all backends. What is under way for one device, a script above all, never keeps another one waiting; what
//! touches xenstore's tree is done one after the other, for such a domain may have ten transactions and 128 watches at a time.

mod guests;
mod jobs;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use guests::Guests;
use jobs::{About, Jobs};

use crate::device::serve::{self, Look};
use crate::device::{Device, DeviceKind, XenbusState};
use crate::dm::backend::Place;
use crate::dm::first;
use crate::engine::Op;
use crate::log::Level;
use crate::store::{Watch, layout};
use crate::{Code, Domid, Error, Result, log_line, release};

/// How much is done at a time.
#[derive(Clone, Copy)]
struct Limits {
    /// Devices that are looked after. Each has some ten nodes, and a domain owns a thousand, unless dom0 allows it more.
    devices: usize,
    /// Devices whose scripts run side by side; more of them wait.
    scripts: usize,
    /// How long a backend may take to get ready for its script before that is worth a line in the log.
    ready: Duration,
}

const LIMITS: Limits = Limits {
    devices: 4096,
    scripts: 64,
    ready: Duration::from_secs(10),
};

/// Serves the devices of guests until the operation is aborted: runs the scripts of those that come and go, keeps a QEMU for each
/// guest that needs one, and removes the backends that are done.
///
/// What fails for a device is logged. An error is xenstore's; scripts have ended then, and the guests' QEMUs run on.
pub async fn serve(op: &Op) -> Result<()> {
    serve_with(op, Place::default(), LIMITS).await
}

async fn serve_with(op: &Op, qemu: Place, limits: Limits) -> Result<()> {
    let me = op.own_domid().await?;
    let watch = op.watch(&layout::backends(me)).await?;
    let mut driver = Driver::new(op, me, qemu, limits);
    let outcome = driver.follow(&watch).await;
    driver.jobs.finish().await;
    outcome
}

/// Where a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Its backend is to say that it waits for the script.
    Awaited,
    /// Its script runs.
    Busy,
    /// It is connected, or failed to.
    Known,
    /// It goes when its guest's QEMU has ended.
    Leaving,
}

struct Driver<'a> {
    op: &'a Op,
    me: Domid,
    qemu: Place,
    limits: Limits,
    /// Whether it was said that there are too many devices.
    full: bool,
    devices: BTreeMap<Device, Stage>,
    guests: Guests,
    jobs: Jobs,
    /// Devices that wait for others' scripts to end.
    queue: VecDeque<Device>,
}

enum Event {
    Changed(String),
    Done(About, Result<()>),
}

impl<'a> Driver<'a> {
    fn new(op: &'a Op, me: Domid, qemu: Place, limits: Limits) -> Self {
        Self {
            op,
            me,
            qemu,
            limits,
            full: false,
            devices: BTreeMap::new(),
            guests: Guests::default(),
            jobs: Jobs::default(),
            queue: VecDeque::new(),
        }
    }

    async fn follow(&mut self, watch: &Watch) -> Result<()> {
        loop {
            let jobs = async {
                let (about, outcome) = self.jobs.next().await;
                Ok(Event::Done(about, outcome))
            };
            let changes = async { watch.changed().await.map(Event::Changed) };
            match first(jobs, changes).await? {
                Event::Changed(path) => self.changed(&path).await,
                Event::Done(about, outcome) => self.done(about, outcome).await,
            }
            self.op.check()?;
        }
    }

    /// Something below the backends changed, or the watch has just begun, or more has changed than it can tell.
    async fn changed(&mut self, path: &str) {
        let Some((parent, key)) = path.rsplit_once('/') else {
            return;
        };
        if let ("state" | "online", Some(device)) = (key, serve::at(self.me, parent)) {
            return self.consider(device).await;
        }
        let all = path == layout::backends(self.me);
        let below = format!("{path}/");
        let is_meant = |device: &&Device| {
            let backend = device.backend();
            all || backend == path || backend.starts_with(&below)
        };
        let meant: Vec<_> = self.devices.keys().filter(is_meant).copied().collect();
        for device in meant {
            self.consider(device).await;
        }
        if all {
            self.scan().await;
        }
    }

    async fn scan(&mut self) {
        let found = serve::insist(self.op, || {
            serve::all(self.op, self.me, self.limits.devices)
        })
        .await;
        match found {
            Ok((devices, more)) => {
                self.too_many(more);
                for device in devices {
                    self.consider(device).await;
                }
            }
            Err(error) => self.complain(error),
        }
    }

    /// Looks at a device and does what is due. One that is new here may have been connected by another run of this program, or
    /// have come and gone meanwhile.
    async fn consider(&mut self, device: Device) {
        let look = match look(self.op, &device).await {
            Ok(look) => look,
            Err(error) => return self.complain(error),
        };
        if !self.devices.contains_key(&device) {
            let Look::Seen { state, .. } = look else {
                return;
            };
            // The guest's driver is not there, and may never have been.
            let idle = state == Some(XenbusState::Closed) && !look.is_leaving();
            if idle || !self.remember(device) {
                return;
            }
        }
        self.advance(device, look).await;
    }

    async fn advance(&mut self, device: Device, look: Look) {
        let Some(stage) = self.devices.get(&device).copied() else {
            return;
        };
        let state = match look {
            Look::Seen { state, .. } => state,
            Look::Gone | Look::Unknown => None,
        };
        match (stage, state) {
            // It is looked at again after that.
            (Stage::Busy | Stage::Leaving, _) => {}
            _ if look == Look::Gone => self.vanished(device).await,
            _ if look.is_leaving() && serve::has_scripts(&device) => self.run(device, false),
            _ if look.is_leaving() => self.release(device).await,
            (Stage::Awaited, Some(XenbusState::InitWait)) => self.run(device, true),
            (Stage::Awaited, None | Some(XenbusState::Initialising)) | (Stage::Known, _) => {}
            // Another run of this program has connected it, or its backend waits for no script.
            (Stage::Awaited, Some(_)) => self.set(device, Stage::Known),
        }
    }

    /// Begins to look after a device; false when there are too many.
    fn remember(&mut self, device: Device) -> bool {
        if self.too_many(self.devices.len() >= self.limits.devices) {
            return false;
        }
        let stage = match serve::has_scripts(&device) {
            true => Stage::Awaited,
            false => Stage::Known,
        };
        self.devices.insert(device, stage);
        log_line!(
            self.op.log(),
            Level::Debug,
            device.domid,
            "serving {}",
            device.backend()
        );
        if stage == Stage::Awaited {
            let (op, ready) = (self.op.clone(), self.limits.ready);
            let patience = async move { op.sleep(ready).await };
            self.jobs.add(About::Patience(device), Box::pin(patience));
        }
        self.guests.more(device.domid, takes_qemu(&device));
        self.tend(device.domid);
        true
    }

    fn too_many(&mut self, more: bool) -> bool {
        if more && !self.full {
            let error = Error::fail(format!(
                "there are more than {} devices to serve",
                self.limits.devices
            ));
            self.complain(error.hint("the others are left alone"));
        }
        self.full = more;
        more
    }

    fn set(&mut self, device: Device, stage: Stage) {
        self.jobs.drop_about(About::Patience(device));
        self.devices.insert(device, stage);
    }

    /// Starts the scripts of a device, or lets it wait for a place.
    fn run(&mut self, device: Device, attach: bool) {
        if self.jobs.scripts() >= self.limits.scripts {
            if !self.queue.contains(&device) {
                self.queue.push_back(device);
            }
            return;
        }
        self.set(device, Stage::Busy);
        let op = self.op.clone();
        let scripts = async move {
            match attach {
                true => serve::insist(&op, || serve::attach(&op, &device)).await,
                false => serve::insist(&op, || serve::detach(&op, &device)).await,
            }
        };
        self.jobs
            .add(About::Scripts { device, attach }, Box::pin(scripts));
    }

    async fn done(&mut self, about: About, outcome: Result<()>) {
        match about {
            About::Patience(device) => {
                let backend = device.backend();
                let error = Error::new(Code::Timedout, format!("{backend} does not get ready"))
                    .hint("check that the backend driver (xen-blkback, xen-netback) is loaded");
                self.complain(error.domain(device.domid));
            }
            About::Scripts { device, attach } => {
                self.failed(outcome);
                self.set(device, Stage::Known);
                match attach {
                    true => self.consider(device).await,
                    false => self.detached(device).await,
                }
                while self.jobs.scripts() < self.limits.scripts
                    && let Some(next) = self.queue.pop_front()
                {
                    self.consider(next).await;
                }
            }
            About::Qemu(domid) => {
                self.guests.qemu_done(domid, outcome.is_ok());
                self.failed(outcome);
                if !self.guests.has_qemu(domid) {
                    self.erase_leaving(domid).await;
                }
                self.tend(domid);
                self.forget_guest(domid).await;
            }
        }
    }

    /// The scripts that let a device go have ended. Dom0 may have lost patience meanwhile, and made it anew.
    async fn detached(&mut self, device: Device) {
        match look(self.op, &device).await {
            Ok(look) if look.is_leaving() => self.erase(device).await,
            Ok(_) => {
                self.forget(device).await;
                self.consider(device).await;
            }
            Err(error) => self.complain(error),
        }
    }

    /// A backend has closed for good, and there is no script to run.
    async fn release(&mut self, device: Device) {
        if takes_qemu(&device) {
            self.set(device, Stage::Leaving);
            self.guests.fewer(device.domid, true);
            self.tend(device.domid);
            // The last one waits until QEMU has let go of it.
            if self.guests.has_qemu(device.domid) && self.guests.users(device.domid) == 0 {
                return;
            }
        }
        self.erase(device).await;
    }

    async fn erase_leaving(&mut self, domid: Domid) {
        let leaving = self
            .devices
            .iter()
            .filter(|(device, stage)| device.domid == domid && **stage == Stage::Leaving);
        for device in leaving.map(|(device, _)| *device).collect::<Vec<_>>() {
            self.erase(device).await;
        }
    }

    /// A backend's directory is gone: QEMU removes its own, and dom0 does where nobody answers.
    async fn vanished(&mut self, device: Device) {
        let log = self.op.log();
        log_line!(
            log,
            Level::Debug,
            device.domid,
            "{} is gone",
            device.backend()
        );
        self.forget(device).await;
    }

    async fn erase(&mut self, device: Device) {
        let erased = serve::insist(self.op, || serve::erase(self.op, &device)).await;
        self.failed(erased);
        self.forget(device).await;
    }

    /// Stops looking after a device, and after its guest if that was the last one.
    async fn forget(&mut self, device: Device) {
        self.jobs.drop_about(About::Patience(device));
        self.queue.retain(|other| *other != device);
        let Some(stage) = self.devices.remove(&device) else {
            return;
        };
        let domid = device.domid;
        if takes_qemu(&device) && stage != Stage::Leaving {
            self.guests.fewer(domid, true);
            self.tend(domid);
        }
        self.guests.lost(domid);
        self.forget_guest(domid).await;
    }

    async fn forget_guest(&mut self, domid: Domid) {
        if !self.guests.forget(domid) {
            return;
        }
        let directory = layout::driver_libxl(self.me, domid);
        let removed = match self.op.store() {
            Ok(store) => store.rm(&directory).await,
            Err(error) => Err(error),
        };
        match removed {
            // There is none that this domain could write, unless dom0 knows that it is a driver domain.
            Err(error) if error.errno() == Some(libc::EACCES) => {}
            removed => self.failed(removed),
        }
    }

    /// Starts or ends the QEMU of a guest, as its devices need it.
    fn tend(&mut self, domid: Domid) {
        self.guests
            .tend(domid, self.op, self.me, &self.qemu, &mut self.jobs);
    }

    fn failed(&self, outcome: Result<()>) {
        if let Err(error) = outcome {
            self.complain(error);
        }
    }

    fn complain(&self, error: Error) {
        if error.code() != Code::Aborted {
            self.op.log().failure(&error);
        }
    }
}

async fn look(op: &Op, device: &Device) -> Result<Look> {
    serve::insist(op, || serve::look(op, device)).await
}

/// Whether a QEMU of this domain's serves the device.
fn takes_qemu(device: &Device) -> bool {
    match device.backend_kind {
        DeviceKind::Qdisk => true,
        DeviceKind::P9 => release::DRIVER_DOMAINS_SHARE_DIRECTORIES,
        _ => false,
    }
}
