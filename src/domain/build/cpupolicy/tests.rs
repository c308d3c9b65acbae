use super::*;
use crate::xen::Msr;

fn leaf(number: u32, subleaf: u32, [a, b, c, d]: [u32; 4]) -> Leaf {
    Leaf {
        leaf: number,
        subleaf,
        a,
        b,
        c,
        d,
    }
}

/// A policy with the vendor's name and some of the leaves that matter.
fn policy(vendor: &[u8; 12]) -> CpuPolicy {
    let word = |at: usize| u32::from_le_bytes(vendor[at..at + 4].try_into().expect("4 bytes"));
    CpuPolicy {
        leaves: vec![
            leaf(0, NO_SUBLEAF, [0xd, word(0), word(8), word(4)]),
            leaf(1, NO_SUBLEAF, [0, 4 << 16 | 0x55, 1 << 5, 1 << 6 | 1]),
            leaf(4, 0, [0x1c00_4121, 7, 8, 9]),
            leaf(4, 1, [0xfc1f_c163, 7, 8, 9]),
            leaf(4, 2, [0, 7, 8, 9]),
            leaf(0x8000_0000, NO_SUBLEAF, [0x8000_0008, 0, 0, 0]),
            leaf(0x8000_0001, NO_SUBLEAF, [0, 0, 0b111, 0]),
            leaf(0x8000_0007, NO_SUBLEAF, [0, 0, 0, 1 << 8]),
            leaf(0x8000_0008, NO_SUBLEAF, [0x3028, 0, 0x4003, 0]),
        ],
        msrs: vec![Msr {
            idx: 0xce,
            flags: 0,
            val: 1 << 31,
        }],
    }
}

fn registers(policy: &CpuPolicy, number: u32, subleaf: u32) -> [u32; 4] {
    let leaf = find(&policy.leaves, number, subleaf).expect("the leaf");
    [leaf.a, leaf.b, leaf.c, leaf.d]
}

const HVM: Features = Features {
    hvm: true,
    pae: true,
    itsc: false,
    nested_virt: false,
};

#[test]
fn hvm_guests_see_no_threads() {
    let mut intel = policy(b"GenuineIntel");
    set_hvm_features(&mut intel, HVM);
    let (pae, htt) = (1 << 6, 1 << 28);
    let first = registers(&intel, 1, NO_SUBLEAF);
    assert_eq!(first, [0, 8 << 16 | 0x55, 0, pae | htt | 1]);
    // 7 becomes 15 cores, 63 stays; no thread shares a cache; the end of the list is left alone.
    assert_eq!(registers(&intel, 4, 0), [0x3c00_0121, 7, 8, 9]);
    assert_eq!(registers(&intel, 4, 1), [0xfc00_0163, 7, 8, 9]);
    assert_eq!(registers(&intel, 4, 2), [0, 7, 8, 9]);
    assert_eq!(registers(&intel, 0x8000_0008, NO_SUBLEAF)[2], 0x4003);
    assert_eq!(registers(&intel, 0x8000_0001, NO_SUBLEAF)[2], 0b001);

    for vendor in [b"AuthenticAMD", b"HygonGenuine"] {
        let mut amd = policy(vendor);
        set_hvm_features(&mut amd, HVM);
        assert_eq!(registers(&amd, 0x8000_0008, NO_SUBLEAF)[2], 0x5007);
        assert_eq!(registers(&amd, 4, 0)[0], 0x1c00_4121);
    }
    let mut other = policy(b"CentaurHauls");
    set_hvm_features(&mut other, HVM);
    assert_eq!(registers(&other, 4, 0)[0], 0x1c00_4121);
    assert_eq!(registers(&other, 0x8000_0008, NO_SUBLEAF)[2], 0x4003);
}

#[test]
fn topologies_do_not_overflow() {
    let cases = [(0, 2), (1, 2), (0x7f, 0xfe), (0x80, 0x80), (0xff, 0xff)];
    for (given, expected) in cases {
        let mut intel = policy(b"GenuineIntel");
        LOGICAL_PROCESSORS.set(&mut intel, given);
        set_hvm_features(&mut intel, HVM);
        assert_eq!(LOGICAL_PROCESSORS.get(&intel), expected, "{given:#x}");
    }
    // Count and size of the id, before and after.
    let cases = [
        ((0x7e, 6), (0xfd, 7)),
        ((0x7f, 6), (0x7f, 6)),
        ((0xff, 0), (0xff, 0)),
        ((3, 7), (7, 7)),
        ((3, 9), (7, 9)),
        ((3, 0), (7, 0)),
    ];
    for ((cores, size), expected) in cases {
        let mut amd = policy(b"AuthenticAMD");
        CORES.set(&mut amd, cores);
        APIC_ID_SIZE.set(&mut amd, size);
        set_hvm_features(&mut amd, HVM);
        assert_eq!((CORES.get(&amd), APIC_ID_SIZE.get(&amd)), expected);
    }
}

#[test]
fn features_follow_the_configuration() {
    let nested = Features {
        pae: false,
        nested_virt: true,
        ..HVM
    };
    let mut policy = policy(b"GenuineIntel");
    set_hvm_features(&mut policy, nested);
    let set = |fields: &[Field]| fields.iter().map(|f| f.get(&policy)).collect::<Vec<_>>();
    assert_eq!(set(&[PAE, VMX, SVM]), [0, 1, 1]);
}

#[test]
fn pv_guests_see_the_hosts_topology() {
    let mut host = policy(b"AuthenticAMD");
    HTT.set(&mut host, 1);
    let mut guest = policy(b"AuthenticAMD");
    let before = guest.clone();
    CMP_LEGACY.set(&mut guest, 0);
    show_topology(&mut guest, &host);
    assert_eq!(HTT.get(&guest), 1);
    assert_eq!(CMP_LEGACY.get(&guest), 1);
    HTT.set(&mut guest, 0);
    let all = |policy: &CpuPolicy| {
        let of = |leaf: &Leaf| registers(policy, leaf.leaf, leaf.subleaf);
        policy.leaves.iter().map(of).collect::<Vec<_>>()
    };
    // Nothing else differs: not PAE, nor virtualisation, nor the counts.
    assert_eq!(all(&guest), all(&before));
}

#[test]
fn rules_choose_each_bit() {
    let known = Known {
        default: policy(b"GenuineIntel"),
        host: policy(b"AuthenticAMD"),
    };
    let mut changed = policy(b"GenuineIntel");
    let mut edx = [b'x'; 32];
    edx[0] = b'1';
    edx[31] = b'0';
    edx[24] = b'k';
    edx[30] = b's';
    let mut rule = CpuidLeaf {
        leaf: 1,
        subleaf: None,
        registers: [None, None, Some([b'0'; 32]), Some(edx)],
    };
    // The current value does not matter, only default and host do.
    PAE.set(&mut changed, 0);
    known.change_leaf(&mut changed, &rule).unwrap();
    let expected = [0, 4 << 16 | 0x55, 0, 1 << 31 | 1 << 6];
    assert_eq!(registers(&changed, 1, NO_SUBLEAF), expected);

    edx[5] = b'y';
    rule.registers[3] = Some(edx);
    let error = known.change_leaf(&mut changed, &rule).unwrap_err();
    assert!(error.to_string().contains("CPUID leaf 0x1: 'y'"), "{error}");
    rule.subleaf = Some(3);
    let error = known.change_leaf(&mut changed, &rule).unwrap_err();
    assert!(error.to_string().contains("subleaf 3"), "{error}");

    let mut rule = MsrPolicy {
        index: 0xce,
        bits: [b'x'; 64],
    };
    rule.bits[0] = b'1';
    known.change_msr(&mut changed, &rule).unwrap();
    assert_eq!(changed.msrs[0].val, 1 << 63 | 1 << 31);
    // The host's value in all later ones is for CPUID alone.
    rule.bits[1] = b's';
    assert!(known.change_msr(&mut changed, &rule).is_err());
    rule.index = 0x10a;
    let error = known.change_msr(&mut changed, &rule).unwrap_err();
    assert!(error.to_string().contains("MSR 0x10a"), "{error}");
}
