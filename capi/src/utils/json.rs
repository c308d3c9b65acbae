//! The `*_gen_json` functions of the types written by hand, and of 64-bit numbers.

use std::ffi::c_int;

use xenlight::sys::yajl::Status;

use crate::args::{Generator, InOut};
use crate::export::export;
use crate::types::{
    gen_json, libxl_bitmap, libxl_cpuid_policy_list, libxl_defbool, libxl_hwcap,
    libxl_key_value_list, libxl_mac, libxl_ms_vm_genid, libxl_string_list, libxl_uuid,
    write_status,
};

export! {
    /// A number without a sign, which libyajl's own integers cannot hold.
    fn libxl__uint64_gen_json(hand: Generator, val: u64) -> c_int [else Status::IN_ERROR_STATE.0] {
        write_status(hand.write(|writer| writer.unsigned(val)))
    }
}

macro_rules! gen_json {
    ($($function:ident: $ty:ident),* $(,)?) => {
        export! {$(
            /// Writes the value through a generator of libyajl; 0 or its status.
            fn $function(hand: Generator, p: InOut<$ty>) -> c_int [else Status::IN_ERROR_STATE.0] {
                gen_json(hand, &p)
            }
        )*}
    };
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
