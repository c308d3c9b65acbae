//! The CPU policy of a domain: defaults of libxenctrl plus the administrator's overrides.

use std::ffi::{CString, c_char};
use std::io;
use std::ptr;

use super::{Xc, control};

/// Marks the end of a list, and "no subleaf" (`XEN_CPUID_INPUT_UNUSED`).
const UNUSED: u32 = u32::MAX;
/// Characters of an MSR override, one per bit.
const MSR_BITS: usize = 64;

/// A CPUID leaf and, where the leaf has them, subleaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuidLeaf {
    /// Input EAX.
    pub leaf: u32,
    /// Input ECX.
    pub subleaf: Option<u32>,
}

/// Overrides for one leaf: 32 characters of `01xks` per register (eax, ebx, ecx, edx), most significant bit first.
#[derive(Clone, Debug)]
pub struct CpuidOverride {
    /// Which leaf.
    pub leaf: CpuidLeaf,
    /// eax, ebx, ecx, edx.
    pub registers: [Option<String>; 4],
}

/// Overrides for one MSR: 64 characters, most significant bit first.
#[derive(Clone, Debug)]
pub struct MsrOverride {
    /// The MSR's number.
    pub index: u32,
    /// One of `01xk` per bit.
    pub bits: String,
}

impl Xc {
    /// Gives the domain the default policy of its type, changed by the switches and the overrides.
    #[expect(clippy::too_many_arguments, reason = "the C call's own list")]
    pub fn cpuid_apply_policy(
        &self,
        domid: u32,
        restore: bool,
        pae: bool,
        itsc: bool,
        nested_virt: bool,
        cpuid: &[CpuidOverride],
        msrs: &[MsrOverride],
    ) -> io::Result<()> {
        let strings = cpuid
            .iter()
            .flat_map(|entry| &entry.registers)
            .map(|register| register.as_deref().map(CString::new).transpose())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        let mut leaves = Vec::with_capacity(cpuid.len() + 1);
        for (entry, texts) in cpuid.iter().zip(strings.chunks(4)) {
            let mut raw = control::xc_xend_cpuid::default();
            raw.__bindgen_anon_1.input = [entry.leaf.leaf, entry.leaf.subleaf.unwrap_or(UNUSED)];
            for (slot, text) in raw.policy.iter_mut().zip(texts) {
                *slot = text
                    .as_ref()
                    .map_or(ptr::null_mut(), |text| text.as_ptr().cast_mut());
            }
            leaves.push(raw);
        }
        let mut end = control::xc_xend_cpuid::default();
        end.__bindgen_anon_1.input = [UNUSED, UNUSED];
        leaves.push(end);

        let mut registers = Vec::with_capacity(msrs.len() + 1);
        for entry in msrs {
            if entry.bits.len() != MSR_BITS || !entry.bits.is_ascii() {
                return Err(io::Error::from_raw_os_error(libc::EINVAL));
            }
            let mut raw = control::xc_msr {
                index: entry.index,
                policy: [0; MSR_BITS + 1],
            };
            for (slot, byte) in raw.policy.iter_mut().zip(entry.bits.bytes()) {
                *slot = c_char::from_ne_bytes([byte]);
            }
            registers.push(raw);
        }
        registers.push(control::xc_msr {
            index: UNUSED,
            policy: [0; MSR_BITS + 1],
        });

        // SAFETY: both lists end with their sentinel, and `strings` outlives the call; the C side reads only.
        let result = unsafe {
            control::xc_cpuid_apply_policy(
                self.as_ptr(),
                domid,
                restore,
                ptr::null(),
                0,
                pae,
                itsc,
                nested_virt,
                if cpuid.is_empty() {
                    ptr::null()
                } else {
                    leaves.as_ptr()
                },
                if msrs.is_empty() {
                    ptr::null()
                } else {
                    registers.as_ptr()
                },
            )
        };
        // Unlike the rest of the library this one returns the error number.
        match result {
            0.. => Ok(()),
            error => Err(io::Error::from_raw_os_error(-error)),
        }
    }
}
