//! A file for each kind of device, and the one list of them. A file holds a kind's defaults and nodes ([`Kind`](super::Kind)), and
//! how it stands in a domain's configuration and on record ([`Listed`](super::Listed)).

pub(super) mod channel;
pub(super) mod console;
pub(super) mod disk;
mod nic;
mod p9;
mod pvcalls;
pub(super) mod vdispl;
mod vfb;
mod virtio;
pub(super) mod vkb;
mod vsnd;
mod vtpm;

use crate::types::DomainConfig;

/// Calls a macro with the kinds of devices: how Xen calls it in xenstore, how a backend of this kind behaves (`Served`), and the
/// type of the list in a domain's configuration, if there is one.
///
/// Those with a type are added to a new domain, adopted and looked for in this order.
macro_rules! for_each_kind {
    ($do:ident) => {
        $do! {
            /// Nothing but a record: an emulated device that has no paravirtual backend.
            None "none" Nobody;
            /// Block device; as a backend, the kernel's.
            Vbd "vbd" Driver (DeviceDisk);
            /// Block backend in QEMU.
            Qdisk "qdisk" Qemu;
            /// Disk over virtio.
            VirtioDisk "virtio_disk" Driver;
            /// Network interface.
            Vif "vif" Driver (DeviceNic);
            /// Trusted platform module.
            Vtpm "vtpm" Driver (DeviceVtpm);
            /// Display.
            Vdispl "vdispl" Driver (DeviceVdispl);
            /// Sound card.
            Vsnd "vsnd" Driver (DeviceVsnd);
            /// Console; one with a name is a channel.
            Console "console" Daemon (DeviceChannel);
            /// Shared file system; as a backend, QEMU's.
            P9 "9pfs" Qemu (DeviceP9);
            /// Shared file system backend in a daemon of its own.
            Xen9pfs "xen_9pfs" Driver;
            /// Socket calls.
            Pvcalls "pvcalls" Driver (DevicePvcallsif);
            /// Device over virtio.
            Virtio "virtio" Later (DeviceVirtio);
            /// Framebuffer.
            Vfb "vfb" Qemu (DeviceVfb);
            /// Keyboard and pointer; as a backend, QEMU's.
            Vkbd "vkbd" Qemu (DeviceVkb);
            /// Keyboard and pointer backend outside QEMU.
            Vinput "vinput" Later;
            /// PCI passthrough.
            Pci "pci" Driver;
            /// USB controller.
            Vusb "vusb" Driver;
            /// USB backend in QEMU.
            Qusb "qusb" Qemu;
            /// Virtual UART (Arm).
            Vuart "vuart" Daemon;
        }
    };
}

pub(crate) use for_each_kind;

/// A list of a domain's configuration whose devices this library cannot give a guest.
pub struct NotBuilt {
    /// What a configuration file calls it.
    pub word: &'static str,
    /// How many the configuration asks for.
    pub count: fn(&DomainConfig) -> usize,
    /// What to do instead.
    pub advice: &'static str,
}

const USB_ADVICE: &str = "leave it out; usbdevice= gives an HVM guest emulated devices";

/// The lists without a kind.
pub const NOT_BUILT: [NotBuilt; 4] = [
    NotBuilt {
        word: "pci",
        count: |config| config.pcidevs.len(),
        advice: "leave it out",
    },
    NotBuilt {
        word: "dtdev",
        count: |config| config.dtdevs.len(),
        advice: "leave it out",
    },
    NotBuilt {
        word: "usbctrl",
        count: |config| config.usbctrls.len(),
        advice: USB_ADVICE,
    },
    NotBuilt {
        word: "usbdev",
        count: |config| config.usbdevs.len(),
        advice: USB_ADVICE,
    },
];
