//! A device of each kind, as its file describes it for the test of them all.

use std::fmt::Debug;

use crate::Domid;
use crate::device::Listed;

/// Who serves the devices. What is served from elsewhere is not looked for on this machine.
pub(in crate::device) const SERVER: Domid = 3;

pub(in crate::device) trait Sample: Listed + PartialEq + Debug {
    /// A device with as much to say as there is room for on record.
    fn sample() -> Self;

    /// Spoils what tells the device from others.
    fn spoil(&mut self);

    /// The device, its defaults set, as it is read back from its record.
    fn recorded(self) -> Self;
}
