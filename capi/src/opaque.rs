//! Stand-ins for C types until capi/src/types.
#![allow(missing_docs, non_camel_case_types)]

#[repr(C)]
#[derive(Debug)]
pub struct libxl_asyncop_how {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_asyncprogress_how {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_bitmap {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_channelinfo {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_childproc_hooks {
    _private: [u8; 0],
}
pub type libxl_console_type = std::ffi::c_int;
#[repr(C)]
#[derive(Debug)]
pub struct libxl_cpupoolinfo {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_cputopology {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_device_channel {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_device_disk {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_device_nic {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_device_p9 {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_device_pci {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_device_pvcallsif {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_device_usbctrl {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_device_usbdev {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_device_vdispl {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_device_vfb {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_device_vkb {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_device_vsnd {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_device_vtpm {
    _private: [u8; 0],
}
pub type libxl_disk_backend = std::ffi::c_int;
#[repr(C)]
#[derive(Debug)]
pub struct libxl_diskinfo {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_domain_build_info {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_domain_config {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_domain_create_info {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_domain_remus_info {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_domain_restore_params {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_domain_sched_params {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_dominfo {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_event {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_event_hooks {
    _private: [u8; 0],
}
pub type libxl_event_predicate =
    Option<unsafe extern "C" fn(*const libxl_event, *mut std::ffi::c_void) -> std::ffi::c_int>;
#[repr(C)]
#[derive(Debug)]
pub struct libxl_evgen_disk_eject {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_evgen_domain_death {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_nicinfo {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_numainfo {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_osevent_hooks {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_pcitopology {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_physinfo {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_psr_cat_info {
    _private: [u8; 0],
}
pub type libxl_psr_cbm_type = std::ffi::c_int;
pub type libxl_psr_cmt_type = std::ffi::c_int;
pub type libxl_psr_feat_type = std::ffi::c_int;
#[repr(C)]
#[derive(Debug)]
pub struct libxl_psr_hw_info {
    _private: [u8; 0],
}
pub type libxl_psr_type = std::ffi::c_int;
#[repr(C)]
#[derive(Debug)]
pub struct libxl_sched_credit2_params {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_sched_credit_params {
    _private: [u8; 0],
}
pub type libxl_scheduler = std::ffi::c_int;
pub type libxl_trigger = std::ffi::c_int;
#[repr(C)]
#[derive(Debug)]
pub struct libxl_usbctrlinfo {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_uuid {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_vcpu_sched_params {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_vcpuinfo {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_vdisplinfo {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_version_info {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_vkbinfo {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_vminfo {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_vsndinfo {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_vtpminfo {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct libxl_xen_console_reader {
    _private: [u8; 0],
}
#[repr(C)]
#[derive(Debug)]
pub struct xentoollog_logger {
    _private: [u8; 0],
}
pub use crate::ctx::libxl_ctx;
