//! Exports of the area "domain lifecycle": creation and destruction, power, names.

use std::ffi::c_char;

use xenlight::domain::create::create;
use xenlight::domain::history::History;
use xenlight::domain::make::INVALID_DOMID;
use xenlight::domain::power::{self, Request};
use xenlight::domain::soft_reset::soft_reset;
use xenlight::domain::{destroy, dump, rename, retrieve};
use xenlight::engine::Op;
use xenlight::types::DomainBuildInfoU;

use crate::args::{AoHow, AoInOut, AoOut, InOut, Progress, Text, Whole};
use crate::export::export;
use crate::types::{
    CType, libxl_domain_config, libxl_domain_create_info, libxl_trigger, libxl_uuid,
};

export! {
    /// Makes the domain that `d_config` describes and leaves it paused. What was left open in `d_config` is filled in.
    fn libxl_domain_create_new(
        _this,
        d_config: AoInOut<libxl_domain_config>,
        domid: AoOut<u32>,
        how: AoHow,
        console: Progress,
    ) {
        let domid = domid.place()?;
        domid.set(INVALID_DOMID);
        let mut config = d_config.native()?;
        if let DomainBuildInfoU::Pv(pv) = &mut config.b_info.u {
            let given = d_config.get().map(|config| config.b_info.u);
            // SAFETY: this arm holds. Here alone a member counts that is the caller's own: NULL or a C string.
            let features = given.map(|u| unsafe { u.pv.features.to_native() });
            pv.features = features.transpose()?.flatten();
        }
        for disk in &mut config.disks {
            disk.colo_restore_enable = Some(false);
        }
        let (place, console) = (d_config.place()?, console.take());
        how.start(0, async move |op: Op| {
            let outcome = create(&op, &mut config, &console).await;
            place.replace(&config);
            domid.set(outcome.domid.unwrap_or(INVALID_DOMID));
            outcome.result
        })
    }
}

export! {
    /// Makes all around an HVM guest anew that is down for a soft reset, and leaves it paused: it goes on in its memory. What was left
    /// open in `d_config` is filled in. `ERROR_INVAL` for a guest of another type, or one that is not down.
    fn libxl_domain_soft_reset(
        _this,
        d_config: AoInOut<libxl_domain_config>,
        domid: u32,
        how: AoHow,
        console: Progress,
    ) {
        let mut config = d_config.native()?;
        let (place, console) = (d_config.place()?, console.take());
        how.start(domid, async move |op: Op| {
            let done = soft_reset(&op, domid, &mut config, &console).await;
            place.replace(&config);
            done
        })
    }
}

/// Defines exports that do one thing to one domain, in the background if the caller wants.
macro_rules! operations {
    ($($(#[$doc:meta])* fn $name:ident($op:ident, $domid:ident) = $work:expr;)*) => {
        export! {$(
            $(#[$doc])*
            fn $name(_this, $domid: u32, how: AoHow) {
                how.start($domid, async move |$op: Op| $work.await)
            }
        )*}
    };
}

operations! {
    /// Destroys the domain and the stub domain that serves it.
    fn libxl_domain_destroy(op, domid) = destroy::destroy(&op, domid);
    /// Stops the domain's vCPUs.
    fn libxl_domain_pause(op, domid) = power::pause(&op, domid);
    /// Lets the domain's device model and vCPUs run.
    fn libxl_domain_unpause(op, domid) = power::unpause(&op, domid);
    /// Asks the guest to power off.
    fn libxl_domain_shutdown(op, domid) = power::request(&op, domid, Request::Poweroff);
    /// Asks the guest to reboot.
    fn libxl_domain_reboot(op, domid) = power::request(&op, domid, Request::Reboot);
}

export! {
    /// The configuration from which the domain could be built again as it is now.
    fn libxl_retrieve_domain_configuration(
        _this,
        domid: u32,
        d_config: AoInOut<libxl_domain_config>,
        how: AoHow,
    ) {
        let place = d_config.place()?;
        how.start(domid, async move |op: Op| {
            let config = retrieve::retrieve(&op, domid).await?;
            place.replace(&config);
            Ok(())
        })
    }

    /// Renames a domain, if `old_name` is NULL or its name now.
    fn libxl_domain_rename(this, domid: u32, old_name: Text, new_name: Text) {
        let (old, new) = (old_name.bytes(), new_name.required()?);
        this.core
            .block_on(async |op| rename::rename(op, domid, old, new).await)?;
        Ok(())
    }

    /// Sets a domain aside under another name and UUID.
    fn libxl_domain_preserve(
        this,
        domid: u32,
        info: InOut<libxl_domain_create_info>,
        name_suffix: Text,
        new_uuid: Whole<libxl_uuid>,
    ) {
        let info = info.native_named()?;
        let suffix = name_suffix.required()?;
        let uuid = new_uuid.native()?;
        let name = info.name.unwrap_or_default();
        this.core
            .block_on(async |op| rename::preserve(op, domid, &name, suffix, uuid).await)?;
        Ok(())
    }

    /// Presses one of the machine's buttons.
    fn libxl_send_trigger(
        _this,
        domid: u32,
        trigger: Whole<libxl_trigger>,
        vcpuid: u32,
        how: AoHow,
    ) {
        let trigger = trigger
            .native()
            .map_err(|e| e.code_as(xenlight::Code::Fail))?;
        how.start(domid, async move |op: Op| {
            power::trigger(&op, domid, trigger, vcpuid).await
        })
    }

    /// Hands the guest's kernel a "magic SysRq" letter.
    fn libxl_send_sysrq(this, domid: u32, sysrq: c_char) {
        let [letter] = sysrq.to_ne_bytes();
        this.core
            .block_on(async |op| power::sysrq(op, domid, letter).await)?;
        Ok(())
    }

    /// Writes the domain's memory and vCPU state into a file.
    fn libxl_domain_core_dump(_this, domid: u32, filename: Text, how: AoHow) {
        let path = filename.required()?.to_owned();
        how.start(domid, async move |op: Op| dump::dump_core(&op, domid, &path).await)
    }

    /// Forgets which numbers were in use a moment ago.
    fn libxl_clear_domid_history(_this) {
        History::of_host().clear()?;
        Ok(())
    }
}
