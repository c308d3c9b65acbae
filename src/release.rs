//! What the release of Xen that this library is built for does differently from others. The types have their own marks.

/// Its number, as in the names of Debian's packages and directories.
pub const NUMBER: &str = env!("XENLIGHT_RELEASE");

/// The form of second-level address translation goes with a domain's creation; before, a parameter of HVM guests said it.
pub const ALTP2M_AT_CREATION: bool = cfg!(since_4_19);

/// An HVM guest has interrupts of physical devices as event channels only where its configuration asks for them.
pub const PIRQS_ON_REQUEST: bool = cfg!(since_4_19);

/// The kernel may serve the medium in an HVM guest's CD drive; before, only QEMU could.
pub const CD_MEDIA_FROM_THE_KERNEL: bool = cfg!(since_4_20);

/// A virtio disk says whether its server uses grants.
pub const VIRTIO_GRANTS: bool = cfg!(since_4_19);

/// Keyboards and pointers that an HVM guest's configuration lists are added, in the place of the one that it gets unasked.
pub const HVM_KEYBOARDS: bool = cfg!(since_4_20);

/// The ACPI tables of PVH guests tell how processors come and go; no event ever says that they do.
pub const PVH_CPU_HOTPLUG: bool = cfg!(not(since_4_20));

/// Ramdisks reach a guest as they are; before, those packed by gzip were unpacked for it.
pub const RAMDISKS_AS_THEY_ARE: bool = cfg!(since_4_20);

/// The Debian that ships the release has QEMU 9 or newer: options of older ones are gone, and others say the same.
pub const QEMU_9: bool = cfg!(since_4_20);

/// QEMU in dom0 serves the consoles of a Linux stub domain. It does until 8.1.
pub const QEMU_SERVES_STUB_DOMAINS: bool = !QEMU_9;

/// The QEMU that serves a guest's disks in a driver domain serves its shared directories as well.
pub const DRIVER_DOMAINS_SHARE_DIRECTORIES: bool = cfg!(since_4_20);

/// A shared directory says who serves it, and must be described in full.
pub const SHARED_DIRECTORIES_HAVE_A_SERVER: bool = cfg!(since_4_19);
