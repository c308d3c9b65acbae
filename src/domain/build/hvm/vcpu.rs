//! The state in which the first vCPU starts: 32-bit protected mode, flat segments, no paging (hvm/start_info.h).
//!
//! Records are those of arch-x86/hvm/save.h; each is a type, an instance, a length and as many bytes.

use crate::xen::Xen;
use crate::{Domid, Error, Result};

const END: u16 = 0;
const HEADER: u16 = 1;
const CPU: u16 = 2;
const MTRR: u16 = 14;

/// Bytes in front of each record.
const DESCRIPTOR: usize = 8;
/// `struct hvm_hw_cpu`.
const CPU_LENGTH: usize = 1032;
/// `struct hvm_hw_mtrr`, of which the default type is the last field.
const MTRR_LENGTH: usize = 240;
const MTRR_DEFAULT_TYPE: usize = 232;
/// Enabled; write-back.
const WRITE_BACK: u64 = 1 << 11 | 6;

/// How a guest starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// The address of the first instruction.
    pub(super) entry: u64,
    /// The address of the start information.
    pub(super) start_info: u64,
    /// The vCPUs whose caches are set up here; 0 where firmware does it.
    pub(super) cached_vcpus: u32,
}

/// Sets the state of a domain's vCPUs.
pub(super) fn set(xen: &Xen, domid: Domid, start: &Start) -> Result<()> {
    // Only the hypervisor can make the header, which names its own version and the CPU.
    let context = xen.hvm_context(domid)?;
    let records = records(&context, start).map_err(|error| error.domain(domid))?;
    xen.set_hvm_context(domid, &records)
}

fn records(context: &[u8], start: &Start) -> Result<Vec<u8>> {
    let missing = |what| Error::fail(format!("the hypervisor's state of the guest has no {what}"));
    let mut out = Vec::new();
    let header = find(context, HEADER).ok_or_else(|| missing("header"))?;
    add(HEADER, 0, header, &mut out);
    if start.cached_vcpus > 0 {
        let mtrr = find(context, MTRR).ok_or_else(|| missing("memory types"))?;
        let mut mtrr: [u8; MTRR_LENGTH] = mtrr
            .try_into()
            .map_err(|_| missing("memory types of the size that this library knows"))?;
        put(&mut mtrr, MTRR_DEFAULT_TYPE, &WRITE_BACK.to_le_bytes());
        for vcpu in 0..start.cached_vcpus {
            let vcpu = u16::try_from(vcpu).map_err(|_| Error::inval("too many vCPUs"))?;
            add(MTRR, vcpu, &mtrr, &mut out);
        }
    }
    add(CPU, 0, &first_vcpu(start), &mut out);
    add(END, 0, &[], &mut out);
    Ok(out)
}

/// The first record of a type.
fn find(context: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = context;
    loop {
        let (descriptor, more) = rest.split_at_checked(DESCRIPTOR)?;
        let kind = u16::from_le_bytes([descriptor[0], descriptor[1]]);
        let length =
            u32::from_le_bytes([descriptor[4], descriptor[5], descriptor[6], descriptor[7]]);
        let (record, more) = more.split_at_checked(usize::try_from(length).ok()?)?;
        if kind == wanted {
            return Some(record);
        }
        if kind == END {
            return None;
        }
        rest = more;
    }
}

fn add(kind: u16, instance: u16, record: &[u8], out: &mut Vec<u8>) {
    out.extend(kind.to_le_bytes());
    out.extend(instance.to_le_bytes());
    // All records here are short.
    out.extend(u32::try_from(record.len()).unwrap_or(0).to_le_bytes());
    out.extend(record);
}

fn put(record: &mut [u8], at: usize, value: &[u8]) {
    record[at..at + value.len()].copy_from_slice(value);
}

/// Offsets of fields of `struct hvm_hw_cpu`. Segments come in the order CS, DS, ES, FS, GS, SS, TR.
mod field {
    pub(super) const RBX: usize = 520;
    pub(super) const RIP: usize = 640;
    pub(super) const CR0: usize = 656;
    pub(super) const DR6: usize = 720;
    pub(super) const DR7: usize = 728;
    pub(super) const LIMITS: usize = 768;
    pub(super) const ATTRIBUTES: usize = 888;
}

fn first_vcpu(start: &Start) -> [u8; CPU_LENGTH] {
    /// Protected mode; the coprocessor is a 387.
    const CR0: u64 = 1 | 1 << 4;
    const DR6: u64 = 0xffff_0ff0;
    const DR7: u64 = 0x400;
    /// 4 GiB in pages, 32 bits wide, present, code or data segment; execute and read, or read and write; accessed.
    const CODE: (u32, u32) = (u32::MAX, 0xc9b);
    const DATA: (u32, u32) = (u32::MAX, 0xc93);
    /// A busy 32-bit task state segment.
    const TASK: (u32, u32) = (0x67, 0x8b);
    const UNUSED: (u32, u32) = (0, 0);

    let mut cpu = [0; CPU_LENGTH];
    put(&mut cpu, field::RBX, &start.start_info.to_le_bytes());
    put(&mut cpu, field::RIP, &start.entry.to_le_bytes());
    put(&mut cpu, field::CR0, &CR0.to_le_bytes());
    put(&mut cpu, field::DR6, &DR6.to_le_bytes());
    put(&mut cpu, field::DR7, &DR7.to_le_bytes());
    let segments = [CODE, DATA, DATA, UNUSED, UNUSED, DATA, TASK];
    for ((limit, attributes), at) in segments.into_iter().zip((0..).step_by(4)) {
        put(&mut cpu, field::LIMITS + at, &limit.to_le_bytes());
        put(&mut cpu, field::ATTRIBUTES + at, &attributes.to_le_bytes());
    }
    cpu
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Vec<u8> {
        let mut out = Vec::new();
        add(HEADER, 0, &[1; 24], &mut out);
        add(3, 0, &[9; 100], &mut out);
        add(MTRR, 0, &[7; MTRR_LENGTH], &mut out);
        add(MTRR, 1, &[8; MTRR_LENGTH], &mut out);
        add(END, 0, &[], &mut out);
        out
    }

    const START: Start = Start {
        entry: 0x10_0000,
        start_info: 0x20_3000,
        cached_vcpus: 2,
    };

    #[test]
    fn a_pvh_guest_starts_with_caches() {
        let out = records(&context(), &START).unwrap();
        assert_eq!(find(&out, HEADER), Some([1; 24].as_slice()));
        let mtrr = find(&out, MTRR).unwrap();
        assert_eq!(mtrr[..232], [7; 232]);
        assert_eq!(mtrr[232..], 0x806u64.to_le_bytes());
        let expected = 32 + 2 * (8 + MTRR_LENGTH) + 8 + CPU_LENGTH + 8;
        assert_eq!(out.len(), expected);
        let second = 32 + 8 + MTRR_LENGTH;
        assert_eq!(out[second..second + 4], [14, 0, 1, 0]);
        let cpu = find(&out, CPU).unwrap();
        assert_eq!(cpu[field::RBX..field::RBX + 8], 0x20_3000u64.to_le_bytes());
        assert_eq!(cpu[field::RIP..field::RIP + 8], 0x10_0000u64.to_le_bytes());
        assert!(out.ends_with(&[0; 8]));
    }

    #[test]
    fn firmware_sets_up_caches_by_itself() {
        let start = Start {
            cached_vcpus: 0,
            ..START
        };
        let out = records(&context(), &start).unwrap();
        assert_eq!(find(&out, MTRR), None);
        assert!(find(&out, CPU).is_some());
    }

    #[test]
    fn damaged_states_are_errors() {
        let context = context();
        for length in [0, 7, 31, 100, 150] {
            assert!(records(&context[..length], &START).is_err());
        }
        let mut short = Vec::new();
        add(HEADER, 0, &[1; 24], &mut short);
        add(MTRR, 0, &[7; 100], &mut short);
        add(END, 0, &[], &mut short);
        assert!(records(&short, &START).is_err());
    }
}
