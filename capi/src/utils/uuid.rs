//! `libxl_uuid_*` and the VM generation ID.

use std::cmp::Ordering;
use std::ffi::c_int;
use std::ptr::{null, null_mut};

use xenlight::Error;
use xenlight::types::Uuid;

use crate::args::{In, InOut, Out, Text, Unused};
use crate::ctx::libxl_ctx;
use crate::export::export;
use crate::types::{CType, libxl_ms_vm_genid, libxl_uuid};

/// What a text that is no UUID gives.
const NO_UUID: c_int = -1;

export! {
    /// 1 if all bytes are zero.
    fn libxl_uuid_is_nil(uuid: In<libxl_uuid>) -> c_int [else 0] {
        c_int::from(uuid.get().is_none_or(|uuid| Uuid(uuid.uuid).is_nil()))
    }

    /// Makes a random UUID. Where the system has no random bytes, the UUID is nil.
    fn libxl_uuid_generate(uuid: Out<libxl_uuid>) -> () [else ()] {
        uuid.offer(|| libxl_uuid::from_native(&Uuid::random().unwrap_or_default()));
    }

    /// Reads 32 hexadecimal digits in the usual five groups; 0, or -1 where it is anything else.
    fn libxl_uuid_from_string(uuid: Out<libxl_uuid>, text: Text) -> c_int [else NO_UUID] {
        let parsed = text.required().ok().and_then(Uuid::parse);
        let given = parsed.and_then(|parsed| uuid.give(&parsed).ok());
        given.map_or(NO_UUID, |()| 0)
    }

    /// Copies a UUID.
    fn libxl_uuid_copy(
        _ctx_opt: Unused<libxl_ctx>,
        dst: Out<libxl_uuid>,
        src: In<libxl_uuid>,
    ) -> () [else ()] {
        if let Some(uuid) = src.get().copied() {
            dst.offer(|| uuid);
        }
    }

    /// Sets all bytes to zero.
    fn libxl_uuid_clear(uuid: Out<libxl_uuid>) -> () [else ()] {
        uuid.offer(|| libxl_uuid::from_native(&Uuid::default()));
    }

    /// -1, 0 or 1: the order of two UUIDs, byte by byte. NULL comes before everything.
    fn libxl_uuid_compare(uuid1: In<libxl_uuid>, uuid2: In<libxl_uuid>) -> c_int [else 0] {
        let [first, second] = [uuid1, uuid2].map(|uuid| uuid.get().map(|id| id.uuid));
        match first.cmp(&second) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        }
    }

    /// The 16 bytes.
    fn libxl_uuid_bytearray_const(uuid: In<libxl_uuid>) -> *const u8 [else null()] {
        uuid.get().map_or(null(), |uuid| uuid.uuid.as_ptr())
    }

    /// The 16 bytes, for changing.
    fn libxl_uuid_bytearray(uuid: InOut<libxl_uuid>) -> *mut u8 [else null_mut()] {
        uuid.change(|uuid| uuid.uuid.as_mut_ptr()).unwrap_or(null_mut())
    }

    /// Makes a random generation ID; ERROR_FAIL where the system has no random bytes.
    fn libxl_ms_vm_genid_generate(_this, id: Out<libxl_ms_vm_genid>) {
        let bytes = xenlight::types::random_bytes()
            .map_err(|error| Error::io("cannot make a VM generation ID", &error))?;
        id.give(&bytes)
    }

    /// Whether all bytes are zero.
    fn libxl_ms_vm_genid_is_zero(id: In<libxl_ms_vm_genid>) -> bool [else false] {
        id.get().is_none_or(|id| id.bytes == [0; 16])
    }
}
