//! Handles that C holds by pointer only and whose contents are not its business.

/// A generator of domain death events.
#[repr(C)]
pub struct libxl_evgen_domain_death {
    _private: [u8; 0],
}

/// The application's logger (xentoollog.h).
#[repr(C)]
pub struct xentoollog_logger {
    _private: [u8; 0],
}
