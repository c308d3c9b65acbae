//! The state of an HVM or PVH guest's devices and vCPUs, as the hypervisor saves and loads it.

use std::io;

use super::{Xc, check, control, count};

impl Xc {
    /// All records (`struct hvm_save_descriptor` and what follows it), of a domain that does not run.
    pub fn hvm_context(&self, domid: u32) -> io::Result<Vec<u8>> {
        // SAFETY: without a buffer the call answers how many bytes it would fill.
        let size = check(|| unsafe {
            control::xc_domain_hvm_getcontext(self.as_ptr(), domid, std::ptr::null_mut(), 0)
        })?;
        let mut context = vec![0; usize::try_from(size).unwrap_or(0)];
        // SAFETY: the buffer has the length that is passed.
        let filled = check(|| unsafe {
            control::xc_domain_hvm_getcontext(
                self.as_ptr(),
                domid,
                context.as_mut_ptr(),
                count(context.len()),
            )
        })?;
        context.truncate(usize::try_from(filled).unwrap_or(0));
        Ok(context)
    }

    /// Loads records. Takes all vCPUs down but those that a record is about.
    pub fn set_hvm_context(&self, domid: u32, context: &[u8]) -> io::Result<()> {
        let mut context = context.to_vec();
        // SAFETY: the buffer has the length that is passed.
        check(|| unsafe {
            control::xc_domain_hvm_setcontext(
                self.as_ptr(),
                domid,
                context.as_mut_ptr(),
                count(context.len()),
            )
        })
        .map(drop)
    }
}
