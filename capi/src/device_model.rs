//! Exports of the area "device model & stubdom".

use std::ffi::{c_char, c_int};

use xenlight::domain::driver;
use xenlight::engine::Op;
use xenlight::{Domid, Error, dm};

use crate::args::{AoHow, AoOut, Out, Text};
use crate::export::export;
use crate::mem;

export! {
    /// The stub domain that runs the guest's device model; 0 when it has none.
    fn libxl_get_stubdom_id(this, guest_domid: c_int) -> c_int [else 0] {
        let Ok(guest) = Domid::try_from(guest_domid) else {
            return Err(Error::inval(format!("{guest_domid} is no domain's number")));
        };
        let stubdom = this
            .core
            .block_on(async |op: &Op| dm::stubdom_of(op, guest).await)?;
        Ok(stubdom
            .and_then(|domid| c_int::try_from(domid).ok())
            .unwrap_or(0))
    }

    /// Whether the domain is a stub domain: 1 and the guest it serves, or 0.
    fn libxl_is_stubdom(this, domid: u32, target_domid: Out<u32>) -> c_int [else 0] {
        let target = this
            .core
            .block_on(async |op: &Op| dm::target_of(op, domid).await)?;
        let Some(target) = target else { return Ok(0) };
        target_domid.offer(|| target);
        Ok(1)
    }

    /// Serves the devices that guests have from this domain, until the operation is aborted; `xl devd` calls it in a driver
    /// domain.
    fn libxl_device_events_handler(_this, ao_how: AoHow) {
        ao_how.start(0, async move |op: Op| driver::serve(&op).await)
    }

    /// Runs a command of the human monitor of the domain's QEMU; `output` gets a malloc'd string.
    fn libxl_qemu_monitor_command(
        _this,
        domid: u32,
        command_line: Text,
        output: AoOut<*mut c_char>,
        ao_how: AoHow,
    ) {
        let command = command_line.required()?.to_owned();
        let output = output.place()?;
        ao_how.start(domid, async move |op: Op| {
            let text = dm::monitor_command(&op, domid, &command).await?;
            output.set(mem::string(&text));
            Ok(())
        })
    }
}
