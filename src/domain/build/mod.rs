//! From an empty domain to one with memory, image and parameters.

pub mod acpi;
