//! The types written by hand as C sees them; cbindgen reads this file, nothing compiles it.
//! Their layouts are checked against capi/src/types by the compatibility tests. Callbacks are in capi/src/types/hooks.rs.

pub type libxl_mac = [u8; 6];
pub type libxl_string_list = *mut *mut c_char;
pub type libxl_key_value_list = *mut *mut c_char;
pub type libxl_hwcap = [u32; 8];
pub type libxl_ev_user = u64;
pub type libxl_domid = u32;
pub type libxl_devid = c_int;
pub type libxl_cpuid_policy_list = *mut libxl__cpu_policy;

#[repr(C)]
pub struct libxl_uuid {
    pub uuid: [c_uchar; 16],
}

#[repr(C)]
pub struct libxl_bitmap {
    pub size: u32,
    pub map: *mut u8,
}

#[repr(C)]
pub struct libxl_enum_string_table {
    pub s: *const c_char,
    pub v: c_int,
}

#[repr(C)]
pub struct libxl_defbool {
    pub val: c_int,
}

#[repr(C)]
pub struct libxl_ms_vm_genid {
    pub bytes: [u8; 16],
}
