//! The two pages through which a PV guest learns what it has (`struct start_info` and `struct shared_info` of xen.h).

use super::layout::Layout;
use crate::domain::build::Channels;
use crate::xen::PAGE_SIZE;

/// The ramdisk's address is a page number (`SIF_MOD_START_PFN`).
const RAMDISK_BY_PAGE: u32 = 1 << 3;
/// With the terminating NUL (`MAX_GUEST_CMDLINE`).
pub(super) const MAX_CMDLINE: usize = 1024;
/// What guest and hypervisor speak, as the hypervisor names it among its capabilities.
pub(super) const INTERFACE: &str = "xen-3.0-x86_64";
const MAGIC_BYTES: usize = 32;

/// vCPUs that the shared page has room for, bytes of each, and where it says that no event may be delivered.
const SHARED_VCPUS: usize = 32;
const SHARED_VCPU_BYTES: usize = 64;
const UPCALL_MASK: usize = 1;

/// What the start info says beside the layout.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub(super) pages: u64,
    /// Machine frames of the shared page and the rings.
    pub(super) shared_frame: u64,
    pub(super) store_frame: u64,
    pub(super) console_frame: u64,
    pub(super) channels: &'a Channels,
    /// Cut to [`MAX_CMDLINE`].
    pub(super) cmdline: &'a str,
}

/// Fields one after the other, as a C compiler places them.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    /// An `unsigned long` of the guest.
    fn long(&mut self, value: u64) {
        self.align(8);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A `uint32_t`.
    fn word(&mut self, value: u32) {
        self.align(4);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn text(&mut self, text: &str, size: usize) {
        let end = self.0.len() + size;
        let kept = &text.as_bytes()[..text.len().min(size - 1)];
        self.0.extend_from_slice(kept);
        self.0.resize(end, 0);
    }
}

/// The bytes of the start info.
pub(super) fn start_info(layout: &Layout, facts: &Facts<'_>) -> Vec<u8> {
    let mut fields = Fields::default();
    let (ramdisk, list) = (layout.ramdisk, layout.frame_list);
    let by_page = ramdisk.is_some_and(|ramdisk| !ramdisk.mapped);
    fields.text(INTERFACE, MAGIC_BYTES);
    fields.long(facts.pages);
    fields.long(facts.shared_frame * PAGE_SIZE);
    // libxl leaves out SIF_VIRT_P2M_4TOOLS, which libxenguest would set.
    fields.word(if by_page { RAMDISK_BY_PAGE } else { 0 });
    fields.long(facts.store_frame);
    fields.word(facts.channels.store_port);
    fields.long(facts.console_frame);
    fields.word(facts.channels.console_port);
    fields.long(layout.vaddr(layout.page_tables.pfn));
    fields.long(layout.page_tables.pages);
    fields.long(list.vaddr);
    fields.long(ramdisk.map_or(0, |ramdisk| ramdisk.start));
    fields.long(ramdisk.map_or(0, |ramdisk| ramdisk.length));
    fields.text(facts.cmdline, MAX_CMDLINE);
    fields.long(if list.apart { list.area.pfn } else { 0 });
    fields.long(if list.apart { list.area.pages } else { 0 });
    fields.0
}

/// The bytes of the shared page: no vCPU takes events yet.
pub(super) fn shared_info() -> Vec<u8> {
    let mut bytes = vec![0; SHARED_VCPUS * SHARED_VCPU_BYTES];
    for vcpu in bytes.chunks_mut(SHARED_VCPU_BYTES) {
        vcpu[UPCALL_MASK] = 1;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::layout::Wanted;
    use super::*;
    use crate::domain::build::kernel::{Notes, Placement};

    const BASE: u64 = 0x8000_0000;

    #[test]
    fn fields_are_where_a_guest_reads_them() {
        let place = Placement {
            virt_base: BASE,
            virt_offset: BASE,
            start: BASE,
            end: BASE + 4 * PAGE_SIZE,
            entry: BASE,
        };
        let notes = Notes {
            unmapped_ramdisk: true,
            init_p2m: Some(0x1000),
            ..Notes::default()
        };
        let layout = Layout::plan(&Wanted {
            place: &place,
            notes: &notes,
            pages: 0x800,
            ramdisk: Some(5000),
        })
        .unwrap();
        let channels = Channels {
            store_port: 3,
            console_port: 4,
            ..Channels::default()
        };
        let bytes = start_info(
            &layout,
            &Facts {
                pages: 0x800,
                shared_frame: 0x77,
                store_frame: 0x78,
                console_frame: 0x79,
                channels: &channels,
                cmdline: &"x".repeat(3000),
            },
        );
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert!(bytes.starts_with(b"xen-3.0-x86_64\0"));
        // struct start_info of xen.h, from nr_pages on; the ports have 32 bits, like the flags.
        let fields = [
            (32, 0x800),
            (40, 0x77_000),
            (48, 8),
            (56, 0x78),
            (64, 3),
            (72, 0x79),
            (80, 4),
            (88, BASE + 7 * PAGE_SIZE),
            (96, 5),
            (104, 0x1000),
            (112, 0x400),
            (120, 2 * PAGE_SIZE),
            (1152, 0x402),
            (1160, 4 + 2),
        ];
        for (at, value) in fields {
            assert_eq!(long(at), value, "{at}");
        }
        assert_eq!((bytes[128], bytes[1150], bytes[1151]), (b'x', b'x', 0));
        assert_eq!(bytes.len(), 1168);
    }

    #[test]
    fn no_vcpu_takes_events() {
        let shared = shared_info();
        assert_eq!((shared[1], shared[65], shared[31 * 64 + 1]), (1, 1, 1));
        assert_eq!(
            shared.iter().map(|byte| usize::from(*byte)).sum::<usize>(),
            32
        );
    }
}
