//! The guests that a driver domain has devices for, and the QEMUs that serve some of them.

use std::collections::BTreeMap;

use super::jobs::{About, Jobs};
use crate::Domid;
use crate::device::serve::insist;
use crate::dm::backend::{self, Place};
use crate::engine::Op;

/// Where a guest's QEMU is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Qemu {
    #[default]
    Off,
    Starting,
    On,
    Ending,
    /// It did not start, and is not tried again before all that it would serve has gone.
    Failed,
}

#[derive(Debug, Default)]
struct Guest {
    devices: usize,
    /// The devices that take a QEMU.
    users: usize,
    qemu: Qemu,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Guests(BTreeMap<Domid, Guest>);

impl Guests {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// A guest has one more device, which may take a QEMU.
    pub(super) fn more(&mut self, domid: Domid, takes_qemu: bool) {
        let guest = self.0.entry(domid).or_default();
        guest.devices += 1;
        guest.users += usize::from(takes_qemu);
    }

    /// A device does not take its QEMU any more.
    pub(super) fn fewer(&mut self, domid: Domid, takes_qemu: bool) {
        if let Some(guest) = self.0.get_mut(&domid) {
            guest.users -= usize::from(takes_qemu);
        }
    }

    /// A device is gone.
    pub(super) fn lost(&mut self, domid: Domid) {
        if let Some(guest) = self.0.get_mut(&domid) {
            guest.devices -= 1;
        }
    }

    /// How many devices take the guest's QEMU.
    pub(super) fn users(&self, domid: Domid) -> usize {
        self.0.get(&domid).map_or(0, |guest| guest.users)
    }

    /// Whether the guest has a QEMU, or will have or had one a moment ago.
    pub(super) fn has_qemu(&self, domid: Domid) -> bool {
        let qemu = self.0.get(&domid).map(|guest| guest.qemu);
        matches!(qemu, Some(Qemu::Starting | Qemu::On | Qemu::Ending))
    }

    /// Starts or ends the guest's QEMU, if that is due and nothing else is under way for it.
    pub(super) fn tend(
        &mut self,
        domid: Domid,
        op: &Op,
        me: Domid,
        place: &Place,
        jobs: &mut Jobs,
    ) {
        let Some(guest) = self.0.get_mut(&domid) else {
            return;
        };
        let op = op.clone();
        match (guest.qemu, guest.users) {
            (Qemu::Off, 1..) => {
                guest.qemu = Qemu::Starting;
                let place = place.clone();
                let start =
                    async move { insist(&op, || backend::start(&op, me, domid, &place)).await };
                jobs.add(About::Qemu(domid), Box::pin(start));
            }
            (Qemu::On, 0) => {
                guest.qemu = Qemu::Ending;
                let end = async move { insist(&op, || backend::end(&op, me, domid)).await };
                jobs.add(About::Qemu(domid), Box::pin(end));
            }
            (Qemu::Failed, 0) => guest.qemu = Qemu::Off,
            _ => {}
        }
    }

    /// The guest's QEMU runs, has ended, or failed to do so.
    pub(super) fn qemu_done(&mut self, domid: Domid, well: bool) {
        if let Some(guest) = self.0.get_mut(&domid) {
            guest.qemu = match (guest.qemu, well) {
                (Qemu::Starting, true) => Qemu::On,
                (Qemu::Starting, false) => Qemu::Failed,
                // One that cannot be ended cannot be ended again.
                _ => Qemu::Off,
            };
        }
    }

    /// Forgets a guest without devices; false when it has some, or its QEMU is on its way.
    pub(super) fn forget(&mut self, domid: Domid) -> bool {
        let idle =
            |guest: &Guest| guest.devices == 0 && matches!(guest.qemu, Qemu::Off | Qemu::Failed);
        let forget = self.0.get(&domid).is_some_and(idle);
        if forget {
            self.0.remove(&domid);
        }
        forget
    }
}
