//! Exports of the area "pci" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::c_int;

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::{libxl_asyncop_how, libxl_device_pci};

/// What a user is told.
const NOT_BUILT: &str = "PCI devices cannot be passed through: leave pci= out of the configuration";

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_pci_add(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _pci: *mut libxl_device_pci,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_pci_add", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_pci_assignable_add(
    ctx: *mut libxl_ctx,
    _pci: *mut libxl_device_pci,
    _rebind: c_int,
) -> c_int {
    not_yet(ctx, "libxl_device_pci_assignable_add", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_pci_assignable_list(
    ctx: *mut libxl_ctx,
    _num: *mut c_int,
) -> *mut libxl_device_pci {
    not_yet(ctx, "libxl_device_pci_assignable_list", NOT_BUILT);
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_pci_assignable_list_free(_list: *mut libxl_device_pci, _num: c_int) {
    not_yet(
        std::ptr::null_mut(),
        "libxl_device_pci_assignable_list_free",
        NOT_BUILT,
    );
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_pci_assignable_remove(
    ctx: *mut libxl_ctx,
    _pci: *mut libxl_device_pci,
    _rebind: c_int,
) -> c_int {
    not_yet(ctx, "libxl_device_pci_assignable_remove", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_pci_destroy(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _pci: *mut libxl_device_pci,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_pci_destroy", NOT_BUILT)
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_pci_list(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _num: *mut c_int,
) -> *mut libxl_device_pci {
    not_yet(ctx, "libxl_device_pci_list", NOT_BUILT);
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_pci_list_free(_list: *mut libxl_device_pci, _num: c_int) {
    not_yet(
        std::ptr::null_mut(),
        "libxl_device_pci_list_free",
        NOT_BUILT,
    );
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_device_pci_remove(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _pci: *mut libxl_device_pci,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_device_pci_remove", NOT_BUILT)
}
