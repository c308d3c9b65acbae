//! Defaults of each kind, and node sets compared with what the C library wrote on real Xen.

mod defaults;
mod driver_domain;
mod every;
pub(crate) mod lifecycle;
mod nodes;
mod running;
pub(super) mod sample;
mod tree;

use super::guest::Guest;
use super::{Force, When, add, add_all, remove_all};
use crate::Domid;
use crate::engine::Op;
use crate::types::{DeviceDisk, DeviceNic, DomainType};

fn guest_of(domid: Domid, type_: DomainType) -> Guest {
    let protocol = (type_ == DomainType::Pv).then_some("x86_64-abi");
    Guest {
        domid,
        type_,
        protocol,
    }
}

#[allow(dead_code, reason = "it must only compile")]
fn operations_can_move_between_threads(
    op: &Op,
    guest: &Guest,
    disk: &mut DeviceDisk,
    nics: &mut [DeviceNic],
) {
    fn send(_: impl Send) {}
    send(add(op, guest, disk, When::Hotplug));
    send(add_all(op, guest, nics));
    send(remove_all(op, guest.domid, Force::On));
}
