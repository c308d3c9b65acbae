//! What the exports of all kinds of devices share: lists, and removal.

use std::ffi::c_int;

use xenlight::device::{self, Device, Force, Kind};
use xenlight::domain::hotplug::{Stored, attach};
use xenlight::engine::Op;
use xenlight::{Domid, Error, Result};

use crate::ao;
use crate::boundary::store_out;
use crate::ctx::libxl_ctx;
use crate::types::{CType, array_from_native, libxl_asyncop_how};

/// A malloc'd array for the caller, NULL when it is empty, with its length stored through `num`.
///
/// # Safety
/// `num` is NULL or valid for writing.
pub(crate) unsafe fn list_out<T: CType>(list: &[T::Native], num: *mut c_int) -> Result<*mut T> {
    if num.is_null() {
        return Err(Error::inval("num is NULL"));
    }
    let (array, count) = array_from_native(list);
    // SAFETY: not NULL, and writable by this function's contract.
    unsafe { store_out("num", num, count) }?;
    Ok(array)
}

/// Writes a result to memory that holds no value yet.
///
/// # Safety
/// `out` is NULL or valid for writing; what was there is not freed.
pub(crate) unsafe fn value_out<T: CType>(what: &str, out: *mut T, value: &T::Native) -> Result<()> {
    if out.is_null() {
        return Err(Error::inval(format!("{what} is NULL")));
    }
    // SAFETY: not NULL, and writable by this function's contract.
    unsafe { out.write(T::from_native(value)) };
    Ok(())
}

/// Removes the device that `config` describes.
///
/// # Safety
/// `config` is NULL or an initialised value; `how` as for [`ao::start`].
pub(crate) unsafe fn remove<T>(
    this: &libxl_ctx,
    ctx: *mut libxl_ctx,
    domid: Domid,
    config: *const T,
    how: *const libxl_asyncop_how,
    force: Force,
) -> Result<c_int>
where
    T: CType,
    T::Native: Kind,
{
    // SAFETY: NULL or initialised by this function's contract.
    let config = unsafe { ao::native("the device", config) }?;
    let device = config.device(domid).map_err(|error| error.domain(domid))?;
    // SAFETY: the same contract.
    unsafe { remove_device(this, ctx, device, how, force) }
}

/// # Safety
/// `how` as for [`ao::start`].
unsafe fn remove_device(
    this: &libxl_ctx,
    ctx: *mut libxl_ctx,
    device: Device,
    how: *const libxl_asyncop_how,
    force: Force,
) -> Result<c_int> {
    let domid = device.domid;
    let body = async move |op: Op| {
        let removed = device::remove(&op, &device, force).await;
        removed.map_err(|error| {
            error
                .context(format!("removing {}", device.record()))
                .domain(domid)
        })
    };
    // SAFETY: the same contract.
    unsafe { ao::start(this, ctx, domid, how, body) }
}

/// Adds a device whose configuration is not part of the domain's stored one.
///
/// # Safety
/// `config` is NULL or an initialised value, left alone until the operation has ended; `how` as for [`ao::start`].
pub(crate) unsafe fn add_unstored<T>(
    this: &libxl_ctx,
    ctx: *mut libxl_ctx,
    domid: Domid,
    config: *mut T,
    how: *const libxl_asyncop_how,
) -> Result<c_int>
where
    T: CType + 'static,
    T::Native: Kind + 'static,
{
    // SAFETY: NULL or initialised by this function's contract.
    let mut native = unsafe { ao::native("the device", config) }?;
    let kept = ao::Kept(config);
    let body = async move |op: Op| {
        let guest = device::Guest::read(&op, domid).await?;
        let added = device::add(&op, &guest, &mut native, device::When::Hotplug).await;
        // SAFETY: not NULL, as was checked, and left alone by the caller until now.
        unsafe { ao::replace(kept.get(), &native) };
        added.map(drop)
    };
    // SAFETY: the same contract.
    unsafe { ao::start(this, ctx, domid, how, body) }
}

/// Adds a device to a domain and to its stored configuration.
///
/// # Safety
/// As for [`add_unstored`].
pub(crate) unsafe fn add_stored<T>(
    this: &libxl_ctx,
    ctx: *mut libxl_ctx,
    domid: Domid,
    config: *mut T,
    how: *const libxl_asyncop_how,
) -> Result<c_int>
where
    T: CType + 'static,
    T::Native: Stored + 'static,
{
    // SAFETY: NULL or initialised by this function's contract.
    let mut native = unsafe { ao::native("the device", config) }?;
    let kept = ao::Kept(config);
    let body = async move |op: Op| {
        let added = attach(&op, domid, &mut native).await;
        // SAFETY: not NULL, as was checked, and left alone by the caller until now.
        unsafe { ao::replace(kept.get(), &native) };
        added.map(drop)
    };
    // SAFETY: the same contract.
    unsafe { ao::start(this, ctx, domid, how, body) }
}

/// Defines the exports that add a device of one type: `fn name(type) = helper`.
macro_rules! additions {
    ($($(#[$doc:meta])* fn $name:ident($config:ident) = $work:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// The device is NULL or an initialised value, valid until the operation has ended; `ao_how` is NULL or valid for
        /// reading, and its callback may be called until then.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            ctx: *mut libxl_ctx,
            domid: u32,
            config: *mut $config,
            ao_how: *const libxl_asyncop_how,
        ) -> c_int {
            $crate::boundary::status(ctx, stringify!($name), |this| {
                // SAFETY: the same contract.
                unsafe { $crate::device::$work(this, ctx, domid, config, ao_how) }
            })
        }
    )*};
}

/// Defines the exports that remove a device of one type: `fn name(type, Force)`.
macro_rules! removals {
    ($($(#[$doc:meta])* fn $name:ident($config:ident, $force:ident);)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// The device is NULL or an initialised value; `ao_how` is NULL or valid for reading, and its callback may be
        /// called until the operation has ended.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            ctx: *mut libxl_ctx,
            domid: u32,
            config: *mut $config,
            ao_how: *const libxl_asyncop_how,
        ) -> c_int {
            $crate::boundary::status(ctx, stringify!($name), |this| {
                let force = xenlight::device::Force::$force;
                // SAFETY: the same contract.
                unsafe { $crate::device::remove(this, ctx, domid, config, ao_how, force) }
            })
        }
    )*};
}

/// Defines the exports that list devices of one type and free the list: `fn list, free(type) = core function`.
macro_rules! lists {
    ($($(#[$doc:meta])* fn $list:ident, $free:ident($config:ident) = $work:path;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// `num` is NULL or valid for writing.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $list(ctx: *mut libxl_ctx, domid: u32, num: *mut c_int) -> *mut $config {
            $crate::boundary::value(ctx, stringify!($list), std::ptr::null_mut(), |this| {
                let list = this.core.block_on(async |op| $work(op, domid).await);
                // An empty list and a failure are both NULL; callers go by the count.
                if !num.is_null() {
                    // SAFETY: not NULL, and writable by this function's contract.
                    unsafe { num.write(0) };
                }
                // SAFETY: the same contract.
                unsafe { $crate::device::list_out(&list?, num) }
            })
        }

        /// Frees such a list.
        ///
        /// # Safety
        /// `list` is NULL or an array of `num` values that the library returned.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $free(list: *mut $config, num: c_int) {
            // SAFETY: the same contract.
            $crate::boundary::plain(stringify!($free), (), || unsafe {
                $crate::types::dispose_array(list, num);
            });
        }
    )*};
}

/// Defines the exports that tell how a device stands: `fn name(type -> info type) = core function`.
macro_rules! infos {
    ($($(#[$doc:meta])* fn $name:ident($config:ident -> $info:ident) = $work:path;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// The device is NULL or an initialised value; `info` is NULL or valid for writing, and what was there is not
        /// freed.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            ctx: *mut libxl_ctx,
            domid: u32,
            config: *const $config,
            info: *mut $info,
        ) -> c_int {
            $crate::boundary::status(ctx, stringify!($name), |this| {
                // SAFETY: the same contract.
                let config = unsafe { $crate::ao::native("the device", config) }?;
                let found = this.core.block_on(async |op| $work(op, domid, &config).await)?;
                // SAFETY: the same contract.
                unsafe { $crate::device::value_out("info", info, &found) }?;
                Ok($crate::boundary::OK)
            })
        }
    )*};
}

pub(crate) use {additions, infos, lists, removals};
