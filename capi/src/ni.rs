//! Every export that is not built yet, by area. A function leaves this file when it becomes real.

use std::ffi::c_int;
use std::ptr::null_mut;

use xenlight::Code;

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::export::prototype;
use crate::types::{
    libxl_asyncop_how, libxl_asyncprogress_how, libxl_device_pci, libxl_device_usbctrl,
    libxl_device_usbdev, libxl_domain_config, libxl_domain_remus_info, libxl_domain_restore_params,
    libxl_usbctrlinfo,
};

/// What an export returns that is not built.
trait NotBuilt {
    /// The answer.
    fn not_built() -> Self;
}

impl NotBuilt for c_int {
    fn not_built() -> c_int {
        Code::Ni.raw()
    }
}

impl<T> NotBuilt for *mut T {
    fn not_built() -> *mut T {
        null_mut()
    }
}

impl NotBuilt for () {
    fn not_built() {}
}

/// Defines exports that say once what a user can do in their place, and return `ERROR_NI`, NULL or nothing: the text, then the
/// functions with the C types of their arguments. `ctx` comes first where there is one.
macro_rules! not_built {
    ($($what:literal {
        $($name:ident $arguments:tt -> $type:ty;)*
    })*) => {$($(
        not_built! { @ $what $name $arguments $type }
    )*)*};
    (@ $what:literal $name:ident (ctx $(, $argument:ty)*) $type:ty) => {
        /// Not built yet.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name(ctx: *mut libxl_ctx $(, _: $argument)*) -> $type {
            not_yet(ctx, stringify!($name), $what);
            NotBuilt::not_built()
        }
        prototype!($name(*mut libxl_ctx $(, $argument)*) -> $type);
    };
    (@ $what:literal $name:ident ($($argument:ty),*) $type:ty) => {
        /// Not built yet.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($(_: $argument),*) -> $type {
            not_yet(null_mut(), stringify!($name), $what);
            NotBuilt::not_built()
        }
        prototype!($name($($argument),*) -> $type);
    };
}

not_built! {
    "a guest cannot be saved or moved: shut it down (xl shutdown) and create it again where it shall run" {
        libxl_domain_create_restore(
            ctx,
            *mut libxl_domain_config,
            *mut u32,
            c_int,
            c_int,
            *const libxl_domain_restore_params,
            *const libxl_asyncop_how,
            *const libxl_asyncprogress_how
        ) -> c_int;
        libxl_domain_remus_start(ctx, *mut libxl_domain_remus_info, u32, c_int, c_int, *const libxl_asyncop_how) -> c_int;
        libxl_domain_resume(ctx, u32, c_int, *const libxl_asyncop_how) -> c_int;
        libxl_domain_suspend(ctx, u32, c_int, c_int, *const libxl_asyncop_how) -> c_int;
        libxl_domain_suspend_only(ctx, u32, *const libxl_asyncop_how) -> c_int;
    }
    "PCI devices cannot be passed through: leave pci= out of the configuration" {
        libxl_device_pci_add(ctx, u32, *mut libxl_device_pci, *const libxl_asyncop_how) -> c_int;
        libxl_device_pci_assignable_add(ctx, *mut libxl_device_pci, c_int) -> c_int;
        libxl_device_pci_assignable_list(ctx, *mut c_int) -> *mut libxl_device_pci;
        libxl_device_pci_assignable_list_free(*mut libxl_device_pci, c_int) -> ();
        libxl_device_pci_assignable_remove(ctx, *mut libxl_device_pci, c_int) -> c_int;
        libxl_device_pci_destroy(ctx, u32, *mut libxl_device_pci, *const libxl_asyncop_how) -> c_int;
        libxl_device_pci_list(ctx, u32, *mut c_int) -> *mut libxl_device_pci;
        libxl_device_pci_list_free(*mut libxl_device_pci, c_int) -> ();
        libxl_device_pci_remove(ctx, u32, *mut libxl_device_pci, *const libxl_asyncop_how) -> c_int;
    }
    "USB devices cannot be passed through: usbdevice= gives an HVM guest emulated ones" {
        libxl_ctrlport_to_device_usbdev(ctx, u32, c_int, c_int, *mut libxl_device_usbdev) -> c_int;
        libxl_device_usbctrl_add(ctx, u32, *mut libxl_device_usbctrl, *const libxl_asyncop_how) -> c_int;
        libxl_device_usbctrl_destroy(ctx, u32, *mut libxl_device_usbctrl, *const libxl_asyncop_how) -> c_int;
        libxl_device_usbctrl_getinfo(ctx, u32, *const libxl_device_usbctrl, *mut libxl_usbctrlinfo) -> c_int;
        libxl_device_usbctrl_list(ctx, u32, *mut c_int) -> *mut libxl_device_usbctrl;
        libxl_device_usbctrl_list_free(*mut libxl_device_usbctrl, c_int) -> ();
        libxl_device_usbctrl_remove(ctx, u32, *mut libxl_device_usbctrl, *const libxl_asyncop_how) -> c_int;
        libxl_device_usbdev_add(ctx, u32, *mut libxl_device_usbdev, *const libxl_asyncop_how) -> c_int;
        libxl_device_usbdev_list(ctx, u32, *mut c_int) -> *mut libxl_device_usbdev;
        libxl_device_usbdev_list_free(*mut libxl_device_usbdev, c_int) -> ();
        libxl_device_usbdev_remove(ctx, u32, *mut libxl_device_usbdev, *const libxl_asyncop_how) -> c_int;
        libxl_devid_to_device_usbctrl(ctx, u32, c_int, *mut libxl_device_usbctrl) -> c_int;
    }
}
