//! Grants that a new guest gives before it runs: the pages of its rings, to the daemons' domains (grant_table.h).

use super::Channels;
use crate::sys::xc::ForeignMemory;
use crate::xen::GuestMemory;
use crate::{Domid, Error, Result};

/// References that every guest keeps free for this (`GNTTAB_RESERVED_*`).
const CONSOLE: usize = 0;
const STORE: usize = 1;
/// `GTF_permit_access`.
const PERMIT_ACCESS: u16 = 1;
/// Bytes of an entry of version 1: flags, domain, frame.
const ENTRY: usize = 8;

/// Grants the rings' frames: guest frames, for PV machine frames.
pub(super) fn seed(
    memory: &GuestMemory<'_>,
    domid: Domid,
    channels: &Channels,
    store_frame: u64,
    console_frame: u64,
) -> Result<()> {
    let daemons = channels.daemons;
    let mut table = memory.map_grant_table()?;
    let rings = [
        (CONSOLE, daemons.console, console_frame),
        (STORE, daemons.store, store_frame),
    ];
    for (reference, daemon, frame) in rings {
        // A daemon in the guest itself needs no grant.
        if daemon != domid {
            let entry = entry(daemon, frame).map_err(|error| error.domain(domid))?;
            write(&mut table, reference, entry);
        }
    }
    Ok(())
}

fn write(table: &mut ForeignMemory<'_>, reference: usize, entry: [u8; ENTRY]) {
    table.write(reference * ENTRY, &entry);
}

fn entry(daemon: Domid, frame: u64) -> Result<[u8; ENTRY]> {
    let daemon = u16::try_from(daemon)
        .map_err(|_| Error::inval(format!("{daemon} is not the number of a domain")))?;
    let frame = u32::try_from(frame)
        .map_err(|_| Error::fail(format!("the frame {frame:#x} cannot be granted")))?;
    let mut entry = [0; ENTRY];
    entry[..2].copy_from_slice(&PERMIT_ACCESS.to_le_bytes());
    entry[2..4].copy_from_slice(&daemon.to_le_bytes());
    entry[4..].copy_from_slice(&frame.to_le_bytes());
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_domain_and_frame() {
        assert_eq!(
            entry(0x102, 0xfeffc).unwrap(),
            [1, 0, 2, 1, 0xfc, 0xef, 0x0f, 0]
        );
        assert!(entry(0x1_0000, 1).is_err());
        assert!(entry(0, 1 << 32).is_err());
    }
}
