//! The CPU policy of a domain: defaults of libxenctrl plus the administrator's overrides.

use std::ffi::{CString, c_char};
use std::io;
use std::ptr;

use super::super::faults;
use super::{Xc, control};
use crate::types::CpuidPolicyList;

/// Marks the end of a list, and "no subleaf" (`XEN_CPUID_INPUT_UNUSED`).
const UNUSED: u32 = u32::MAX;
/// Characters of an MSR override, one per bit.
const MSR_BITS: usize = 64;

/// What the domain has of the features that depend on more than the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuSwitches {
    /// The domain comes from a migration stream.
    pub restore: bool,
    /// Physical address extension.
    pub pae: bool,
    /// Invariant time stamp counter.
    pub itsc: bool,
    /// The guest may use hardware virtualisation.
    pub nested_virt: bool,
}

impl Xc {
    /// Gives the domain the default policy of its type, changed by the switches and the overrides.
    pub fn cpuid_apply_policy(
        &self,
        domid: u32,
        switches: CpuSwitches,
        overrides: &CpuidPolicyList,
    ) -> io::Result<()> {
        let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
        let texts = overrides
            .leaves
            .iter()
            .flat_map(|leaf| &leaf.registers)
            .map(|register| register.map(CString::new).transpose())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| invalid())?;
        let mut leaves = Vec::with_capacity(overrides.leaves.len() + 1);
        for (leaf, texts) in overrides.leaves.iter().zip(texts.chunks(4)) {
            let mut raw = leaf_entry(leaf.leaf, leaf.subleaf.unwrap_or(UNUSED));
            for (slot, text) in raw.policy.iter_mut().zip(texts) {
                let text = text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
                *slot = text.cast_mut();
            }
            leaves.push(raw);
        }
        leaves.push(leaf_entry(UNUSED, UNUSED));

        let mut msrs = Vec::with_capacity(overrides.msrs.len() + 1);
        for msr in &overrides.msrs {
            let mut policy = [0; MSR_BITS + 1];
            for (slot, byte) in policy.iter_mut().zip(msr.bits) {
                *slot = c_char::from_ne_bytes([byte]);
            }
            msrs.push(control::xc_msr {
                index: msr.index,
                policy,
            });
        }
        msrs.push(control::xc_msr {
            index: UNUSED,
            policy: [0; MSR_BITS + 1],
        });

        faults::point("hypercall", format_args!("cpuid_apply_policy"))?;
        // SAFETY: both lists end with their sentinel, and `texts` outlives the call; the C side reads only.
        let result = unsafe {
            control::xc_cpuid_apply_policy(
                self.as_ptr(),
                domid,
                switches.restore,
                ptr::null(),
                0,
                switches.pae,
                switches.itsc,
                switches.nested_virt,
                leaves.as_ptr(),
                msrs.as_ptr(),
            )
        };
        // Unlike the rest of the library this one returns the error number.
        match result {
            0.. => Ok(()),
            error => Err(io::Error::from_raw_os_error(-error)),
        }
    }
}

fn leaf_entry(leaf: u32, subleaf: u32) -> control::xc_xend_cpuid {
    let mut raw = control::xc_xend_cpuid::default();
    raw.__bindgen_anon_1.input = [leaf, subleaf];
    raw
}
