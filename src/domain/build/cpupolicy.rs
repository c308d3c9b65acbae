//! What CPUID and model specific registers tell a guest: the default of its type, a topology for its vCPUs, and what its
//! configuration says.
//!
//! Bits are those of the processors' manuals. That a guest sees no two threads of one core, and how that is told, is as
//! libxenguest of Xen 4.17 has it, observed leaf by leaf.

use crate::types::{CpuidLeaf, CpuidPolicyList, MsrPolicy};
use crate::xen::{CpuPolicy, Leaf, NO_SUBLEAF, SystemPolicy, Xen};
use crate::{Domid, Error, Result};

/// What depends on more than the CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Features {
    /// The guest is HVM or PVH.
    pub hvm: bool,
    /// Physical address extension.
    pub pae: bool,
    /// Invariant time stamp counter.
    pub itsc: bool,
    /// The guest may use hardware virtualisation.
    pub nested_virt: bool,
}

/// Gives the domain its policy.
pub(super) fn apply(
    xen: &Xen,
    domid: Domid,
    features: Features,
    rules: &CpuidPolicyList,
) -> Result<()> {
    let of_type = if features.hvm {
        SystemPolicy::HvmDefault
    } else {
        SystemPolicy::PvDefault
    };
    let default = xen.system_cpu_policy(of_type)?;
    let host = || xen.system_cpu_policy(SystemPolicy::Host);
    let mut policy = CpuPolicy {
        leaves: default.leaves.clone(),
        msrs: Vec::new(),
    };
    ITSC.set(&mut policy, features.itsc.into());
    if features.hvm {
        set_hvm_features(&mut policy, features);
    } else {
        show_topology(&mut policy, &host()?);
    }
    xen.set_cpu_policy(domid, &policy)?;
    if rules.is_empty() {
        return Ok(());
    }
    // The hypervisor has made the leaves consistent by now, and the rules are about what it made of them.
    let mut policy = xen.cpu_policy(domid)?;
    let known = Known {
        default,
        host: host()?,
    };
    for rule in &rules.leaves {
        known.change_leaf(&mut policy, rule)?;
    }
    for rule in &rules.msrs {
        known.change_msr(&mut policy, rule)?;
    }
    if rules.leaves.is_empty() {
        policy.leaves.clear();
    }
    if rules.msrs.is_empty() {
        policy.msrs.clear();
    }
    xen.set_cpu_policy(domid, &policy)
}

/// One of a leaf's registers.
#[derive(Clone, Copy)]
enum Register {
    Eax,
    Ebx,
    Ecx,
    Edx,
}
use Register::{Eax, Ebx, Ecx, Edx};

impl Register {
    fn of(self, leaf: &Leaf) -> u32 {
        match self {
            Eax => leaf.a,
            Ebx => leaf.b,
            Ecx => leaf.c,
            Edx => leaf.d,
        }
    }

    fn of_mut(self, leaf: &mut Leaf) -> &mut u32 {
        match self {
            Eax => &mut leaf.a,
            Ebx => &mut leaf.b,
            Ecx => &mut leaf.c,
            Edx => &mut leaf.d,
        }
    }
}

/// Adjacent bits of a leaf without subleaves.
#[derive(Clone, Copy)]
struct Field {
    leaf: u32,
    register: Register,
    shift: u32,
    bits: u32,
}

const fn field(leaf: u32, register: Register, shift: u32, bits: u32) -> Field {
    Field {
        leaf,
        register,
        shift,
        bits,
    }
}

const VMX: Field = field(1, Ecx, 5, 1);
const PAE: Field = field(1, Edx, 6, 1);
/// More than one logical processor in a package.
const HTT: Field = field(1, Edx, 28, 1);
/// Numbers of APICs set aside for a package.
const LOGICAL_PROCESSORS: Field = field(1, Ebx, 16, 8);
const SVM: Field = field(0x8000_0001, Ecx, 2, 1);
/// AMD: what HTT tells of are cores.
const CMP_LEGACY: Field = field(0x8000_0001, Ecx, 1, 1);
const ITSC: Field = field(0x8000_0007, Edx, 8, 1);
/// AMD: bits of an APIC id that number a package's cores; 0 leaves it to the count of cores.
const APIC_ID_SIZE: Field = field(0x8000_0008, Ecx, 12, 4);
/// AMD: cores of a package, less one.
const CORES: Field = field(0x8000_0008, Ecx, 0, 8);

/// Some systems fail where more bits than this number a package's cores.
const MAX_APIC_ID_SIZE: u32 = 7;
/// Intel: a subleaf for each cache.
const CACHES: u32 = 4;

impl Field {
    fn mask(self) -> u32 {
        (u32::MAX >> (u32::BITS - self.bits)) << self.shift
    }

    /// 0 where the policy has no such leaf.
    fn get(self, policy: &CpuPolicy) -> u32 {
        find(&policy.leaves, self.leaf, NO_SUBLEAF).map_or(0, |leaf| {
            (self.register.of(leaf) & self.mask()) >> self.shift
        })
    }

    /// Nothing where the policy has no such leaf: the guest is not told of it.
    fn set(self, policy: &mut CpuPolicy, value: u32) {
        if let Some(leaf) = find_mut(&mut policy.leaves, self.leaf, NO_SUBLEAF) {
            let register = self.register.of_mut(leaf);
            *register = (*register & !self.mask()) | ((value << self.shift) & self.mask());
        }
    }
}

fn find(leaves: &[Leaf], leaf: u32, subleaf: u32) -> Option<&Leaf> {
    let is_it = |entry: &&Leaf| (entry.leaf, entry.subleaf) == (leaf, subleaf);
    leaves.iter().find(is_it)
}

fn find_mut(leaves: &mut [Leaf], leaf: u32, subleaf: u32) -> Option<&mut Leaf> {
    let is_it = |entry: &&mut Leaf| (entry.leaf, entry.subleaf) == (leaf, subleaf);
    leaves.iter_mut().find(is_it)
}

/// Where the CPU cannot intercept CPUID, PV guests see the host's topology, and need the bits that explain it.
fn show_topology(policy: &mut CpuPolicy, host: &CpuPolicy) {
    HTT.set(policy, HTT.get(host));
    CMP_LEGACY.set(policy, CMP_LEGACY.get(host));
}

fn set_hvm_features(policy: &mut CpuPolicy, features: Features) {
    PAE.set(policy, features.pae.into());
    VMX.set(policy, features.nested_virt.into());
    SVM.set(policy, features.nested_virt.into());
    HTT.set(policy, 1);
    CMP_LEGACY.set(policy, 0);
    // The APIC of vCPU n is number 2n, so twice as many numbers are in use as there are vCPUs.
    let doubled = match LOGICAL_PROCESSORS.get(policy) {
        0 => 2,
        large @ 0x80.. => large,
        number => number * 2,
    };
    LOGICAL_PROCESSORS.set(policy, doubled);
    match vendor(policy).as_slice() {
        b"GenuineIntel" => double_intel_caches(policy),
        b"AuthenticAMD" | b"HygonGenuine" => double_amd_cores(policy),
        _ => {}
    }
}

fn double_intel_caches(policy: &mut CpuPolicy) {
    let caches = policy.leaves.iter_mut().filter(|leaf| leaf.leaf == CACHES);
    // Type 0 ends the list.
    for cache in caches.take_while(|cache| cache.a & 0x1f != 0) {
        let cores = cache.a >> 26;
        // No two threads share it: bits 14 to 25.
        cache.a = (cache.a & 0x3fff) | ((cores << 1 | 1) << 26);
    }
}

fn double_amd_cores(policy: &mut CpuPolicy) {
    let cores = CORES.get(policy);
    if cores >= 0x7f {
        return;
    }
    let size = APIC_ID_SIZE.get(policy);
    if size != 0 && size < MAX_APIC_ID_SIZE {
        APIC_ID_SIZE.set(policy, size + 1);
    }
    CORES.set(policy, cores << 1 | 1);
}

fn vendor(policy: &CpuPolicy) -> Vec<u8> {
    find(&policy.leaves, 0, NO_SUBLEAF).map_or_else(Vec::new, |leaf| {
        let words = [leaf.b, leaf.d, leaf.c];
        words.into_iter().flat_map(u32::to_le_bytes).collect()
    })
}

/// What rules refer to.
struct Known {
    default: CpuPolicy,
    host: CpuPolicy,
}

impl Known {
    fn change_leaf(&self, policy: &mut CpuPolicy, rule: &CpuidLeaf) -> Result<()> {
        let subleaf = rule.subleaf.unwrap_or(NO_SUBLEAF);
        let name = match rule.subleaf {
            Some(subleaf) => format!("CPUID leaf {:#x}, subleaf {subleaf}", rule.leaf),
            None => format!("CPUID leaf {:#x}", rule.leaf),
        };
        let all = (
            find_mut(&mut policy.leaves, rule.leaf, subleaf),
            find(&self.default.leaves, rule.leaf, subleaf),
            find(&self.host.leaves, rule.leaf, subleaf),
        );
        let (Some(leaf), Some(default), Some(host)) = all else {
            return Err(missing(&name));
        };
        for (register, bits) in [Eax, Ebx, Ecx, Edx].into_iter().zip(&rule.registers) {
            let Some(bits) = bits else { continue };
            let values = (register.of(default).into(), register.of(host).into());
            let value = by_rule(&name, bits, values, b"ks")?;
            *register.of_mut(leaf) = u32::try_from(value).unwrap_or(u32::MAX);
        }
        Ok(())
    }

    fn change_msr(&self, policy: &mut CpuPolicy, rule: &MsrPolicy) -> Result<()> {
        let name = format!("MSR {:#x}", rule.index);
        let value = |policy: &CpuPolicy| {
            let found = policy.msrs.iter().find(|msr| msr.idx == rule.index);
            found.map(|msr| msr.val)
        };
        let msr = policy.msrs.iter_mut().find(|msr| msr.idx == rule.index);
        let all = (msr, value(&self.default), value(&self.host));
        let (Some(msr), Some(default), Some(host)) = all else {
            return Err(missing(&name));
        };
        msr.val = by_rule(&name, &rule.bits, (default, host), b"k")?;
        Ok(())
    }
}

fn missing(name: &str) -> Error {
    Error::fail(format!("{name} is not among what a guest can be told"))
        .hint("see cpuid= and msr= in xl.cfg(5)")
}

/// The number that `bits` make, a character each, the highest first.
fn by_rule(name: &str, bits: &[u8], (default, host): (u64, u64), of_host: &[u8]) -> Result<u64> {
    let mut value = 0;
    for (character, bit) in bits.iter().rev().zip(0..u64::BITS) {
        let chosen = match character {
            b'1' => u64::MAX,
            b'0' => 0,
            b'x' => default,
            letter if of_host.contains(letter) => host,
            other => {
                return Err(Error::fail(format!(
                    "{name}: {:?} is no rule for a bit",
                    char::from(*other)
                )));
            }
        };
        value |= chosen & (1 << bit);
    }
    Ok(value)
}

#[cfg(test)]
mod tests;
