//! What the exports of all kinds of devices share: lists, one by its number, how it stands, adding and removal.

use xenlight::device::{self, Device, Force, Kind, Listed};
use xenlight::domain::attach::attach;
use xenlight::engine::Op;
use xenlight::{Boxed, Domid, Result};

use crate::args::{AoHow, AoInOut, InOut};
use crate::ctx::libxl_ctx;
use crate::types::CType;

/// What errors call the device that a caller describes.
pub(crate) const THE_DEVICE: &str = "the device";

/// The devices of one type that a domain has.
pub(crate) fn list<T>(this: &libxl_ctx, domid: Domid) -> Result<Vec<T::Native>>
where
    T: CType,
    T::Native: Listed,
{
    this.core
        .block_on(async |op| device::list::all(op, domid).await)
}

/// Removes the device that `config` describes.
pub(crate) fn remove<T>(domid: Domid, config: InOut<T>, how: AoHow, force: Force) -> Result<()>
where
    T: CType,
    T::Native: Kind,
{
    let config = config.called(THE_DEVICE).native_named()?;
    let device = config.device(domid).map_err(|error| error.domain(domid))?;
    let domid = device.domid;
    how.start(domid, async move |op: Op| {
        let removed = device::remove(&op, &device, force).await;
        removed.map_err(|error| {
            error
                .context(format!("removing {}", device.record()))
                .domain(domid)
        })
    })
}

/// Adds a device by `work`, and gives the caller back what was filled in.
pub(crate) fn add_by<T>(
    domid: Domid,
    config: AoInOut<T>,
    how: AoHow,
    work: impl for<'a> FnOnce(&'a Op, &'a mut T::Native) -> Boxed<'a, Result<Device>> + Send + 'static,
) -> Result<()>
where
    T: CType + 'static,
    T::Native: Send + 'static,
{
    let config = config.called(THE_DEVICE);
    let (mut native, place) = (config.native()?, config.place()?);
    how.start(domid, async move |op: Op| {
        let added = work(&op, &mut native).await;
        place.replace(&native);
        added.map(drop)
    })
}

/// Adds a device to a domain, and to its stored configuration if that follows devices of this kind.
pub(crate) fn add<T>(domid: Domid, config: AoInOut<T>, how: AoHow) -> Result<()>
where
    T: CType + 'static,
    T::Native: Kind + Listed,
{
    add_by(domid, config, how, move |op, native| {
        Box::pin(attach(op, domid, native))
    })
}

/// Defines the exports that add a device of one type: `fn name(type)`.
macro_rules! additions {
    ($($(#[$doc:meta])* fn $name:ident($config:ident);)*) => {
        $crate::export::export! {$(
            $(#[$doc])*
            fn $name(
                _this,
                domid: u32,
                config: $crate::args::AoInOut<$config>,
                ao_how: $crate::args::AoHow,
            ) {
                $crate::device::add(domid, config, ao_how)
            }
        )*}
    };
}

/// Defines the exports that remove a device of one type: `fn name(type, Force)`.
macro_rules! removals {
    ($($(#[$doc:meta])* fn $name:ident($config:ident, $force:ident);)*) => {
        $crate::export::export! {$(
            $(#[$doc])*
            fn $name(
                _this,
                domid: u32,
                config: $crate::args::InOut<$config>,
                ao_how: $crate::args::AoHow,
            ) {
                $crate::device::remove(domid, config, ao_how, xenlight::device::Force::$force)
            }
        )*}
    };
}

/// Defines the exports that list devices of one type and free the list: `fn list, free(type)`.
macro_rules! lists {
    ($($(#[$doc:meta])* fn $list:ident, $free:ident($config:ident);)*) => {
        $crate::export::export! {$(
            $(#[$doc])*
            fn $list(
                this,
                domid: u32,
                num: $crate::args::Out<std::ffi::c_int>,
            ) -> *mut $config [else std::ptr::null_mut()] {
                let list = $crate::device::list::<$config>(this, domid);
                // An empty list and a failure are both NULL; callers go by the count.
                num.offer(|| 0);
                num.list_or_null(&list?)
            }
        )*}
        $crate::export::list_free! {$(
            $free: $config;
        )*}
    };
}

/// Defines the exports that give a device by its number: `fn name(argument: type)`.
macro_rules! numbers {
    ($($(#[$doc:meta])* fn $name:ident($device:ident: $config:ident);)*) => {
        $crate::export::export! {$(
            $(#[$doc])*
            fn $name(
                this,
                domid: u32,
                devid: std::ffi::c_int,
                $device: $crate::args::Out<$config>,
            ) {
                $device.give(&this.core.block_on(async |op| {
                    xenlight::device::list::one(op, domid, devid).await
                })?)
            }
        )*}
    };
}

/// Defines the exports that tell how a device stands: `fn name(type -> info type)`.
macro_rules! infos {
    ($($(#[$doc:meta])* fn $name:ident($config:ident -> $info:ident);)*) => {
        $crate::export::export! {$(
            $(#[$doc])*
            fn $name(
                this,
                domid: u32,
                config: $crate::args::In<$config>,
                info: $crate::args::Out<$info>,
            ) {
                let config = config.called($crate::device::THE_DEVICE).native_named()?;
                info.give(&this.core.block_on(async |op| {
                    xenlight::device::info::of(op, domid, &config).await
                })?)
            }
        )*}
    };
}

pub(crate) use {additions, infos, lists, numbers, removals};
