//! `libxl_uuid_*` and the VM generation ID.

use std::cmp::Ordering;
use std::ffi::{CStr, c_char, c_int};
use std::ptr::{null, null_mut};

use xenlight::Error;
use xenlight::types::Uuid;

use crate::boundary::{self, OK, plain, store_out};
use crate::ctx::libxl_ctx;
use crate::types::{libxl_ms_vm_genid, libxl_uuid};

/// 1 if all bytes are zero.
///
/// # Safety
/// `uuid` is NULL or points to a UUID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_uuid_is_nil(uuid: *const libxl_uuid) -> c_int {
    // SAFETY: NULL or a UUID.
    c_int::from(unsafe { uuid.as_ref() }.is_none_or(|uuid| Uuid(uuid.uuid).is_nil()))
}

/// Makes a random UUID. Where the system has no random bytes, the UUID is nil.
///
/// # Safety
/// `uuid` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_uuid_generate(uuid: *mut libxl_uuid) {
    plain("libxl_uuid_generate", (), || {
        let Uuid(bytes) = Uuid::random().unwrap_or_default();
        if !uuid.is_null() {
            // SAFETY: not NULL, so valid for writing by the caller's promise.
            unsafe { uuid.write(libxl_uuid { uuid: bytes }) };
        }
    });
}

/// Reads 32 hexadecimal digits in the usual five groups; 0, or -1 where it is anything else.
///
/// # Safety
/// `uuid` is NULL or valid for writing; `text` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_uuid_from_string(
    uuid: *mut libxl_uuid,
    text: *const c_char,
) -> c_int {
    if uuid.is_null() || text.is_null() {
        return -1;
    }
    // SAFETY: not NULL, so a C string by the caller's promise.
    let parsed = unsafe { CStr::from_ptr(text) }.to_str();
    match parsed.ok().and_then(Uuid::parse) {
        Some(Uuid(bytes)) => {
            // SAFETY: not NULL, so valid for writing by the caller's promise.
            unsafe { uuid.write(libxl_uuid { uuid: bytes }) };
            0
        }
        None => -1,
    }
}

/// Copies a UUID.
///
/// # Safety
/// `src` is NULL or points to a UUID; `dst` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_uuid_copy(
    _ctx_opt: *mut libxl_ctx,
    dst: *mut libxl_uuid,
    src: *const libxl_uuid,
) {
    if !src.is_null() && !dst.is_null() {
        // SAFETY: neither is NULL, so readable and writable by the caller's promise.
        unsafe { dst.write(src.read()) };
    }
}

/// Sets all bytes to zero.
///
/// # Safety
/// `uuid` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_uuid_clear(uuid: *mut libxl_uuid) {
    if !uuid.is_null() {
        // SAFETY: not NULL, so valid for writing by the caller's promise.
        unsafe { uuid.write(libxl_uuid { uuid: [0; 16] }) };
    }
}

/// -1, 0 or 1: the order of two UUIDs, byte by byte. NULL comes before everything.
///
/// # Safety
/// Both are NULL or point to UUIDs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_uuid_compare(
    uuid1: *const libxl_uuid,
    uuid2: *const libxl_uuid,
) -> c_int {
    // SAFETY: NULL or UUIDs.
    let (first, second) = unsafe { (uuid1.as_ref(), uuid2.as_ref()) };
    match first.map(|id| id.uuid).cmp(&second.map(|id| id.uuid)) {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
}

/// The 16 bytes.
///
/// # Safety
/// `uuid` is NULL or points to a UUID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_uuid_bytearray_const(uuid: *const libxl_uuid) -> *const u8 {
    // SAFETY: NULL or a UUID.
    unsafe { uuid.as_ref() }.map_or(null(), |uuid| uuid.uuid.as_ptr())
}

/// The 16 bytes, for changing.
///
/// # Safety
/// `uuid` is NULL or points to a UUID that nobody else uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_uuid_bytearray(uuid: *mut libxl_uuid) -> *mut u8 {
    // SAFETY: NULL or a UUID.
    unsafe { uuid.as_mut() }.map_or(null_mut(), |uuid| uuid.uuid.as_mut_ptr())
}

/// Makes a random generation ID; ERROR_FAIL where the system has no random bytes.
///
/// # Safety
/// `id` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_ms_vm_genid_generate(
    ctx: *mut libxl_ctx,
    id: *mut libxl_ms_vm_genid,
) -> c_int {
    boundary::status(ctx, "libxl_ms_vm_genid_generate", |_| {
        let bytes = xenlight::types::random_bytes()
            .map_err(|error| Error::io("cannot make a VM generation ID", &error))?;
        // SAFETY: NULL or valid for writing.
        unsafe { store_out("id", id, libxl_ms_vm_genid { bytes }) }?;
        Ok(OK)
    })
}

/// Whether all bytes are zero.
///
/// # Safety
/// `id` is NULL or points to a generation ID.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_ms_vm_genid_is_zero(id: *const libxl_ms_vm_genid) -> bool {
    // SAFETY: NULL or a generation ID.
    unsafe { id.as_ref() }.is_none_or(|id| id.bytes == [0; 16])
}
