//! The bindings as bindgen makes them. xenctrl-sys is named here and nowhere else.
#![allow(
    missing_docs,
    unreachable_pub,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    dead_code,
    clashing_extern_declarations,
    unsafe_op_in_unsafe_fn,
    unnecessary_transmutes,
    clippy::undocumented_unsafe_blocks,
    clippy::missing_safety_doc,
    clippy::all,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

#[cfg(feature = "xenctrl-sys")]
pub(super) use xenctrl_sys as control;

#[cfg(not(feature = "xenctrl-sys"))]
pub(super) mod control {
    include!(concat!(env!("OUT_DIR"), "/control.rs"));
}

pub(super) mod guest {
    include!(concat!(env!("OUT_DIR"), "/guest.rs"));
}
