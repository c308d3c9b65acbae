//! The same tests against the C library and ours.
