//! Sockets of the guest that another domain opens for it.

use crate::Result;
use crate::device::guest::Guest;
use crate::device::kind::{Device, DeviceKind};
use crate::device::nodes::Nodes;
use crate::device::record::Record;
use crate::device::traits::{Kind, Listed, Step, When, listed_by_number, numbered, on_record};
use crate::device::view::View;
use crate::log::Logger;
use crate::types::DevicePvcallsif;

impl Kind for DevicePvcallsif {
    numbered!(plain);

    fn set_defaults(&mut self, _: &Logger, _: &Guest, _: When) -> Result<()> {
        Ok(())
    }

    fn nodes(&self, device: &Device, _: &Guest) -> Result<Nodes> {
        Ok(Nodes::handshake(device))
    }
}

impl Listed for DevicePvcallsif {
    const KIND: DeviceKind = DeviceKind::Pvcalls;
    const NAME: &'static str = "interface for socket calls";
    const STEP: Step = Step::Announced;

    type Info = ();

    listed_by_number!(pvcallsifs);

    fn read(record: &Record) -> Result<Self> {
        Ok(on_record!(record))
    }

    async fn info(&self, _: &View<'_>) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::tests::sample::{self, Sample};

    impl Sample for DevicePvcallsif {
        fn sample() -> Self {
            Self {
                backend_domid: sample::SERVER,
                ..Self::default()
            }
        }

        fn spoil(&mut self) {
            self.devid = 9;
        }

        fn recorded(self) -> Self {
            self
        }
    }
}
