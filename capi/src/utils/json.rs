//! The `*_gen_json` functions of the types written by hand, and of 64-bit numbers.

use std::ffi::c_int;

use xenlight::sys::yajl::{Status, Writer, YajlGen};

use crate::boundary::plain;
use crate::types::{
    gen_json, libxl_bitmap, libxl_cpuid_policy_list, libxl_defbool, libxl_hwcap,
    libxl_key_value_list, libxl_mac, libxl_ms_vm_genid, libxl_string_list, libxl_uuid,
    write_status,
};

/// A number without a sign, which libyajl's own integers cannot hold.
///
/// # Safety
/// `hand` is NULL or a generator.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl__uint64_gen_json(hand: *mut YajlGen, val: u64) -> c_int {
    let name = "libxl__uint64_gen_json";
    plain(name, Status::IN_ERROR_STATE.0, || {
        // SAFETY: the same contract.
        match unsafe { Writer::borrow(hand) } {
            Some(mut writer) => write_status(writer.unsigned(val)),
            None => Status::IN_ERROR_STATE.0,
        }
    })
}

macro_rules! gen_json {
    ($($function:ident: $ty:ident),* $(,)?) => {$(
        /// Writes the value through a generator of libyajl; 0 or its status.
        ///
        /// # Safety
        /// `hand` is NULL or a generator; `p` is NULL or an initialised value.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $function(hand: *mut YajlGen, p: *mut $ty) -> c_int {
            // SAFETY: the same contract.
            unsafe { gen_json(stringify!($function), hand, p) }
        }
    )*};
}

gen_json!(
    libxl_defbool_gen_json: libxl_defbool,
    libxl_uuid_gen_json: libxl_uuid,
    libxl_mac_gen_json: libxl_mac,
    libxl_bitmap_gen_json: libxl_bitmap,
    libxl_cpuid_policy_list_gen_json: libxl_cpuid_policy_list,
    libxl_string_list_gen_json: libxl_string_list,
    libxl_key_value_list_gen_json: libxl_key_value_list,
    libxl_hwcap_gen_json: libxl_hwcap,
    libxl_ms_vm_genid_gen_json: libxl_ms_vm_genid,
);
