//! Exports of the area "domain lifecycle": creation and destruction, power, names.

use std::ffi::{c_char, c_int};

use xenlight::Error;
use xenlight::domain::create::create;
use xenlight::domain::history::History;
use xenlight::domain::make::INVALID_DOMID;
use xenlight::domain::power::{self, Request};
use xenlight::domain::{destroy, dump, rename, retrieve};
use xenlight::engine::Op;
use xenlight::types::DomainBuildInfoU;

use crate::ao::{self, Kept};
use crate::boundary::{self, OK, required_str, status, store_out};
use crate::ctx::libxl_ctx;
use crate::types::{
    CType, libxl_asyncop_how, libxl_asyncprogress_how, libxl_domain_config,
    libxl_domain_create_info, libxl_trigger, libxl_uuid,
};

/// Makes the domain that `d_config` describes and leaves it paused. What was left open in `d_config` is filled in.
///
/// # Safety
/// `d_config` and `domid` are valid until the operation has ended; `how` and `console` are NULL or valid for reading.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_domain_create_new(
    ctx: *mut libxl_ctx,
    d_config: *mut libxl_domain_config,
    domid: *mut u32,
    how: *const libxl_asyncop_how,
    console: *const libxl_asyncprogress_how,
) -> c_int {
    status(ctx, "libxl_domain_create_new", |this| {
        // SAFETY: NULL or writable by the caller's promise.
        unsafe { store_out("domid", domid, INVALID_DOMID) }?;
        // SAFETY: NULL or initialised by the caller's promise.
        let mut config = unsafe { ao::native("d_config", d_config) }?;
        if let DomainBuildInfoU::Pv(pv) = &mut config.b_info.u {
            // SAFETY: not NULL, as was checked, and this arm holds. Here alone a member counts that is the caller's own: NULL
            // or a C string.
            pv.features = unsafe { (*d_config).b_info.u.pv.features.to_native() }?;
        }
        for disk in &mut config.disks {
            disk.colo_restore_enable = Some(false);
        }
        // SAFETY: the same contract.
        let console = unsafe { ao::progress(ctx, console) };
        let (d_config, domid) = (Kept(d_config), Kept(domid));
        let body = async move |op: Op| {
            let outcome = create(&op, &mut config, &console).await;
            // SAFETY: not NULL, as was checked, and left alone by the caller until now.
            unsafe {
                ao::replace(d_config.get(), &config);
                domid.get().write(outcome.domid.unwrap_or(INVALID_DOMID));
            }
            outcome.result
        };
        // SAFETY: the same contract.
        unsafe { ao::start(this, ctx, 0, how, body) }
    })
}

/// Defines exports that do one thing to one domain, in the background if the caller wants.
macro_rules! operations {
    ($($(#[$doc:meta])* fn $name:ident($op:ident, $domid:ident) = $work:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// `how` is NULL or valid for reading.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            ctx: *mut libxl_ctx,
            $domid: u32,
            how: *const libxl_asyncop_how,
        ) -> c_int {
            status(ctx, stringify!($name), |this| {
                let body = async move |$op: Op| $work.await;
                // SAFETY: the same contract.
                unsafe { ao::start(this, ctx, $domid, how, body) }
            })
        }
    )*};
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

/// The configuration from which the domain could be built again as it is now.
///
/// # Safety
/// `d_config` is initialised and valid until the operation has ended; `how` is NULL or valid for reading.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_retrieve_domain_configuration(
    ctx: *mut libxl_ctx,
    domid: u32,
    d_config: *mut libxl_domain_config,
    how: *const libxl_asyncop_how,
) -> c_int {
    status(ctx, "libxl_retrieve_domain_configuration", |this| {
        if d_config.is_null() {
            return Err(Error::inval("d_config is NULL"));
        }
        let d_config = Kept(d_config);
        let body = async move |op: Op| {
            let config = retrieve::retrieve(&op, domid).await?;
            // SAFETY: not NULL, initialised, and left alone by the caller until now.
            unsafe { ao::replace(d_config.get(), &config) };
            Ok(())
        };
        // SAFETY: the same contract.
        unsafe { ao::start(this, ctx, domid, how, body) }
    })
}

/// Renames a domain, if `old_name` is NULL or its name now.
///
/// # Safety
/// The names are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_domain_rename(
    ctx: *mut libxl_ctx,
    domid: u32,
    old_name: *const c_char,
    new_name: *const c_char,
) -> c_int {
    status(ctx, "libxl_domain_rename", |this| {
        // SAFETY: the same contract.
        let old = unsafe { boundary::optional_bytes(old_name) };
        // SAFETY: the same contract.
        let new = unsafe { required_str("new_name", new_name) }?;
        this.core
            .block_on(async |op| rename::rename(op, domid, old, new).await)?;
        Ok(OK)
    })
}

/// Sets a domain aside under another name and UUID.
///
/// # Safety
/// `info` is NULL or initialised, `name_suffix` NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_domain_preserve(
    ctx: *mut libxl_ctx,
    domid: u32,
    info: *mut libxl_domain_create_info,
    name_suffix: *const c_char,
    new_uuid: libxl_uuid,
) -> c_int {
    status(ctx, "libxl_domain_preserve", |this| {
        // SAFETY: the same contract.
        let info = unsafe { ao::native("info", info) }?;
        // SAFETY: the same contract.
        let suffix = unsafe { required_str("name_suffix", name_suffix) }?;
        // SAFETY: a UUID has no pointers.
        let uuid = unsafe { new_uuid.to_native() }?;
        let name = info.name.unwrap_or_default();
        this.core
            .block_on(async |op| rename::preserve(op, domid, &name, suffix, uuid).await)?;
        Ok(OK)
    })
}

/// Presses one of the machine's buttons.
///
/// # Safety
/// `how` is NULL or valid for reading.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_send_trigger(
    ctx: *mut libxl_ctx,
    domid: u32,
    trigger: libxl_trigger,
    vcpuid: u32,
    how: *const libxl_asyncop_how,
) -> c_int {
    status(ctx, "libxl_send_trigger", |this| {
        // SAFETY: an enumeration has no pointers.
        let trigger =
            unsafe { trigger.to_native() }.map_err(|e| e.code_as(xenlight::Code::Fail))?;
        let body = async move |op: Op| power::trigger(&op, domid, trigger, vcpuid).await;
        // SAFETY: the same contract.
        unsafe { ao::start(this, ctx, domid, how, body) }
    })
}

/// Hands the guest's kernel a "magic SysRq" letter.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_send_sysrq(ctx: *mut libxl_ctx, domid: u32, sysrq: c_char) -> c_int {
    status(ctx, "libxl_send_sysrq", |this| {
        let [letter] = sysrq.to_ne_bytes();
        this.core
            .block_on(async |op| power::sysrq(op, domid, letter).await)?;
        Ok(OK)
    })
}

/// Writes the domain's memory and vCPU state into a file.
///
/// # Safety
/// `filename` is NULL or a C string; `how` is NULL or valid for reading.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_domain_core_dump(
    ctx: *mut libxl_ctx,
    domid: u32,
    filename: *const c_char,
    how: *const libxl_asyncop_how,
) -> c_int {
    status(ctx, "libxl_domain_core_dump", |this| {
        // SAFETY: the same contract.
        let path = unsafe { required_str("filename", filename) }?.to_owned();
        let body = async move |op: Op| dump::dump_core(&op, domid, &path).await;
        // SAFETY: the same contract.
        unsafe { ao::start(this, ctx, domid, how, body) }
    })
}

/// Forgets which numbers were in use a moment ago.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_clear_domid_history(ctx: *mut libxl_ctx) -> c_int {
    status(ctx, "libxl_clear_domid_history", |_| {
        History::of_host().clear()?;
        Ok(OK)
    })
}
