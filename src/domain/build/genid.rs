//! The generation id by which Windows learns that it runs from a copy.

use crate::xen::{HvmParam, PAGE_SIZE, Xen};
use crate::{Domid, Error, Result};

/// The key that hvmloader reads, below the domain's path: two numbers of 64 bits.
pub(super) fn key(id: &[u8; 16]) -> (String, String) {
    let (low, high) = id.split_at(8);
    let number = |half: &[u8]| {
        half.iter()
            .rev()
            .fold(0u64, |n, &byte| n << 8 | u64::from(byte))
    };
    (
        "platform/generation-id".to_owned(),
        format!("{}:{}", number(low), number(high)),
    )
}

/// Changes the id in the guest's memory, if its firmware has said where that is.
pub(super) fn set(xen: &Xen, domid: Domid, id: &[u8; 16]) -> Result<()> {
    let address = xen
        .hvm_param_get(domid, HvmParam::VmGenerationIdAddr)
        .unwrap_or(0);
    if address == 0 {
        return Ok(());
    }
    // The guest wrote the address.
    let offset = usize::try_from(address % PAGE_SIZE)
        .ok()
        .filter(|offset| offset + id.len() <= crate::sys::xc::PAGE_SIZE)
        .ok_or_else(|| {
            Error::fail(format!(
                "the guest's generation id at {address:#x} leaves its page"
            ))
            .domain(domid)
        })?;
    let mut page = xen.guest_memory(domid).map(&[address / PAGE_SIZE])?;
    page.write(offset, id);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_little_endian_numbers() {
        let mut id = [0; 16];
        (id[0], id[1], id[15]) = (1, 2, 0x80);
        assert_eq!(key(&id).1, "513:9223372036854775808");
    }
}
