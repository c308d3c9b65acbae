//! Kernel, modules and tables, copied into the guest.

use std::ops::Range;

use super::memory::Room;
use super::start_info::{Placed, StartInfo};
use crate::Result;
use crate::domain::build::acpi;
use crate::domain::build::kernel::{Contents, Kernel, Placement};
use crate::domain::build::layout::HvmMemory;
use crate::xen::{GuestMemory, PAGE_SIZE, Piece, Source};

/// Where a kernel goes and starts: by its physical entry point, or as the 32-bit ELF file that hvmloader is.
pub(super) fn kernel_place(kernel: &Kernel<'_>) -> Result<Placement> {
    if kernel.notes.present {
        kernel.pvh()
    } else {
        kernel.firmware()
    }
}

/// Puts things into the guest's memory, one behind the other.
pub(super) struct Loader<'a> {
    memory: GuestMemory<'a>,
    room: Room,
}

impl<'a> Loader<'a> {
    pub(super) fn new(memory: GuestMemory<'a>, room: Room) -> Self {
        Self { memory, room }
    }

    /// Copies a kernel's segments to their physical addresses.
    pub(super) fn kernel(&mut self, kernel: &Kernel<'_>, place: &Placement) -> Result<()> {
        let frames = self.room.at("the kernel", place.start..place.end)?;
        let start = frames.start * PAGE_SIZE;
        let pieces: Vec<Piece<'_>> = kernel
            .segments
            .iter()
            .map(|segment| Piece {
                offset: segment.paddr - start,
                bytes: kernel.data(segment),
            })
            .collect();
        self.memory.fill_range(frames, &pieces)
    }

    /// Copies a module to the next free page.
    pub(super) fn module(
        &mut self,
        what: &str,
        bytes: &[u8],
        cmdline: Option<&str>,
    ) -> Result<Placed> {
        let frames = self.room.take(what, bytes.len() as u64)?;
        let address = frames.start * PAGE_SIZE;
        let piece = Piece { offset: 0, bytes };
        self.memory.fill_range(frames, &[piece])?;
        Ok(Placed {
            address,
            length: bytes.len() as u64,
            cmdline: cmdline.map(str::to_owned),
        })
    }

    /// Copies a PVH guest's modules, with their command lines.
    pub(super) fn modules(
        &mut self,
        modules: &[(Contents<'_>, Option<&str>)],
    ) -> Result<Vec<Placed>> {
        modules
            .iter()
            .map(|(bytes, cmdline)| self.module("a module", bytes, *cmdline))
            .collect()
    }

    /// Copies tables to their addresses: in the hole for devices, where pages are made for them, or in RAM.
    pub(super) fn tables(&self, tables: &[acpi::Module], layout: &HvmMemory) -> Result<()> {
        for table in tables {
            let end = table.address + table.bytes.len() as u64;
            let frames = table.address / PAGE_SIZE..end.div_ceil(PAGE_SIZE);
            let mut list: Vec<u64> = frames.clone().collect();
            if !in_ram(&frames, layout) {
                self.memory.populate_pages(Source::default(), &mut list)?;
            }
            // Less than a page.
            let offset = usize::try_from(table.address % PAGE_SIZE).unwrap_or(usize::MAX);
            self.memory.map(&list)?.write(offset, &table.bytes);
        }
        Ok(())
    }

    /// Takes room for the start information; its address.
    pub(super) fn start_info(&mut self, info: &StartInfo<'_>) -> Result<u64> {
        let frames = self.room.take("the start information", info.length())?;
        Ok(frames.start * PAGE_SIZE)
    }

    /// Writes the start information to its address.
    pub(super) fn write_start_info(&self, info: &StartInfo<'_>, address: u64) -> Result<()> {
        let bytes = info.bytes(address)?;
        let start = address / PAGE_SIZE;
        let end = start + (bytes.len() as u64).div_ceil(PAGE_SIZE);
        let piece = Piece {
            offset: 0,
            bytes: &bytes,
        };
        self.memory.fill_range(start..end, &[piece])
    }
}

fn in_ram(frames: &Range<u64>, layout: &HvmMemory) -> bool {
    frames.end <= layout.lowmem_end / PAGE_SIZE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_old_root_pointer_lies_in_ram() {
        let layout = HvmMemory {
            lowmem_end: 16 << 20,
            ..HvmMemory::default()
        };
        let frame = |address: u64| address / PAGE_SIZE..address / PAGE_SIZE + 1;
        assert!(in_ram(&frame(acpi::RSDP_LOW_ADDRESS), &layout));
        assert!(!in_ram(&frame(acpi::INFO_ADDRESS), &layout));
    }
}
