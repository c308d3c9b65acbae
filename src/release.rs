//! What the release of Xen that this library is built for does differently from others. The types have their own marks.

/// Its number, as in the names of Debian's packages and directories.
pub const NUMBER: &str = env!("XENLIGHT_RELEASE");

/// The form of second-level address translation goes with a domain's creation; before, a parameter of HVM guests said it.
pub const ALTP2M_AT_CREATION: bool = cfg!(since_4_19);

/// An HVM guest has interrupts of physical devices as event channels only where its configuration asks for them.
pub const PIRQS_ON_REQUEST: bool = cfg!(since_4_19);

/// A shared directory says who serves it, and must be described in full.
pub const SHARED_DIRECTORIES_HAVE_A_SERVER: bool = cfg!(since_4_19);
