//! The names of CPU features: Xen's own (`cpufeatureset.h`), by word of the feature set, and libxl's older ones.

use Register::{Eax, Ebx, Ecx, Edx};

/// The registers of a CPUID leaf, in the order of [`CpuidLeaf::registers`](super::CpuidLeaf::registers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Register {
    Eax,
    Ebx,
    Ecx,
    Edx,
}

/// Where a bit lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A register of a CPUID leaf.
    Leaf {
        leaf: u32,
        subleaf: Option<u32>,
        register: Register,
    },
    /// A model specific register, from this bit on.
    Msr { index: u32, low: usize },
}

const fn leaf(leaf: u32, subleaf: Option<u32>, register: Register) -> Place {
    Place::Leaf {
        leaf,
        subleaf,
        register,
    }
}

const fn msr(index: u32, low: usize) -> Place {
    Place::Msr { index, low }
}

/// A word of Xen's feature set: where it lives, and its named bits.
type Word = (Place, &'static [(usize, &'static str)]);

#[rustfmt::skip]
pub(super) const FEATURES: &[Word] = &[
    (leaf(1, None, Edx), &[
        (0, "fpu"), (1, "vme"), (2, "de"), (3, "pse"), (4, "tsc"), (5, "msr"), (6, "pae"), (7, "mce"), (8, "cx8"),
        (9, "apic"), (11, "sep"), (12, "mtrr"), (13, "pge"), (14, "mca"), (15, "cmov"), (16, "pat"), (17, "pse36"),
        (19, "clflush"), (21, "ds"), (22, "acpi"), (23, "mmx"), (24, "fxsr"), (25, "sse"), (26, "sse2"), (27, "ss"),
        (28, "htt"), (29, "tm1"), (31, "pbe"),
    ]),
    (leaf(1, None, Ecx), &[
        (0, "sse3"), (1, "pclmulqdq"), (2, "dtes64"), (3, "monitor"), (4, "dscpl"), (5, "vmx"), (6, "smx"),
        (7, "eist"), (8, "tm2"), (9, "ssse3"), (12, "fma"), (13, "cx16"), (14, "xtpr"), (15, "pdcm"), (17, "pcid"),
        (18, "dca"), (19, "sse4-1"), (20, "sse4-2"), (21, "x2apic"), (22, "movbe"), (23, "popcnt"),
        (24, "tsc-deadline"), (25, "aesni"), (26, "xsave"), (27, "osxsave"), (28, "avx"), (29, "f16c"),
        (30, "rdrand"), (31, "hypervisor"),
    ]),
    (leaf(0x8000_0001, None, Edx), &[
        (11, "syscall"), (20, "nx"), (22, "mmxext"), (25, "ffxsr"), (26, "page1gb"), (27, "rdtscp"), (29, "lm"),
        (30, "3dnowext"), (31, "3dnow"),
    ]),
    (leaf(0x8000_0001, None, Ecx), &[
        (0, "lahf-lm"), (1, "cmp-legacy"), (2, "svm"), (3, "extapic"), (4, "cr8-legacy"), (5, "abm"), (6, "sse4a"),
        (7, "misalignsse"), (8, "3dnowprefetch"), (9, "osvw"), (10, "ibs"), (11, "xop"), (12, "skinit"),
        (13, "wdt"), (15, "lwp"), (16, "fma4"), (19, "nodeid-msr"), (21, "tbm"), (22, "topoext"), (26, "dbext"),
        (29, "monitorx"),
    ]),
    (leaf(0xd, Some(1), Eax), &[
        (0, "xsaveopt"), (1, "xsavec"), (2, "xgetbv1"), (3, "xsaves"),
    ]),
    (leaf(7, Some(0), Ebx), &[
        (0, "fsgsbase"), (1, "tsc-adjust"), (2, "sgx"), (3, "bmi1"), (4, "hle"), (5, "avx2"), (6, "fdp-excp-only"),
        (7, "smep"), (8, "bmi2"), (9, "erms"), (10, "invpcid"), (11, "rtm"), (12, "pqm"), (13, "no-fpu-sel"),
        (14, "mpx"), (15, "pqe"), (16, "avx512f"), (17, "avx512dq"), (18, "rdseed"), (19, "adx"), (20, "smap"),
        (21, "avx512-ifma"), (23, "clflushopt"), (24, "clwb"), (25, "proc-trace"), (26, "avx512pf"),
        (27, "avx512er"), (28, "avx512cd"), (29, "sha"), (30, "avx512bw"), (31, "avx512vl"),
    ]),
    (leaf(7, Some(0), Ecx), &[
        (0, "prefetchwt1"), (1, "avx512-vbmi"), (2, "umip"), (3, "pku"), (4, "ospke"), (6, "avx512-vbmi2"),
        (7, "cet-ss"), (8, "gfni"), (9, "vaes"), (10, "vpclmulqdq"), (11, "avx512-vnni"), (12, "avx512-bitalg"),
        (14, "avx512-vpopcntdq"), (22, "rdpid"), (25, "cldemote"), (27, "movdiri"), (28, "movdir64b"),
        (29, "enqcmd"),
    ]),
    (leaf(0x8000_0007, None, Edx), &[
        (7, "hw-pstate"), (8, "itsc"), (9, "cpb"), (10, "efro"),
    ]),
    (leaf(0x8000_0008, None, Ebx), &[
        (0, "clzero"), (2, "rstr-fp-err-ptrs"), (9, "wbnoinvd"), (12, "ibpb"), (14, "ibrs"), (15, "amd-stibp"),
        (16, "ibrs-always"), (17, "stibp-always"), (18, "ibrs-fast"), (19, "ibrs-same-mode"), (20, "no-lmsl"),
        (23, "amd-ppin"), (24, "amd-ssbd"), (25, "virt-ssbd"), (26, "ssb-no"), (28, "psfd"), (29, "btc-no"),
        (30, "ibpb-ret"),
    ]),
    (leaf(7, Some(0), Edx), &[
        (2, "avx512-4vnniw"), (3, "avx512-4fmaps"), (4, "fsrm"), (8, "avx512-vp2intersect"), (9, "srbds-ctrl"),
        (10, "md-clear"), (11, "rtm-always-abort"), (13, "tsx-force-abort"), (14, "serialize"), (15, "hybrid"),
        (16, "tsxldtrk"), (20, "cet-ibt"), (23, "avx512-fp16"), (26, "ibrsb"), (27, "stibp"), (28, "l1d-flush"),
        (29, "arch-caps"), (30, "core-caps"), (31, "ssbd"),
    ]),
    (leaf(7, Some(1), Eax), &[
        (4, "avx-vnni"), (5, "avx512-bf16"), (10, "fzrm"), (11, "fsrs"), (12, "fsrcs"),
    ]),
    (leaf(0x8000_0021, None, Eax), &[
        (2, "lfence-dispatch"), (5, "verw-clear"), (6, "nscb"), (8, "auto-ibrs"), (27, "sbpb"), (28, "ibpb-brtype"),
        (29, "srso-no"), (30, "srso-us-no"), (31, "srso-msr-fix"),
    ]),
    (leaf(7, Some(1), Ebx), &[
        (0, "intel-ppin"),
    ]),
    (leaf(7, Some(2), Edx), &[
        (0, "intel-psfd"), (1, "ipred-ctrl"), (2, "rrsba-ctrl"), (4, "bhi-ctrl"), (5, "mcdt-no"),
    ]),
    (leaf(7, Some(1), Edx), &[
        (18, "cet-sss"),
    ]),
    (msr(0x10a, 0), &[
        (0, "rdcl-no"), (1, "eibrs"), (2, "rsba"), (3, "skip-l1dfl"), (4, "intel-ssb-no"), (5, "mds-no"),
        (6, "if-pschange-mc-no"), (7, "tsx-ctrl"), (8, "taa-no"), (9, "mcu-ctrl"), (10, "misc-pkg-ctrl"),
        (11, "energy-filtering"), (12, "doitm"), (13, "sbdr-ssdp-no"), (14, "fbsdp-no"), (15, "psdp-no"),
        (17, "fb-clear"), (18, "fb-clear-ctrl"), (19, "rrsba"), (20, "bhi-no"), (21, "xapic-status"),
        (23, "ovrclk-status"), (24, "pbrsb-no"), (25, "gds-ctrl"), (26, "gds-no"), (27, "rfds-no"),
        (28, "rfds-clear"),
    ]),
    (msr(0x10a, 32), &[
        (30, "its-no"),
    ]),
    (leaf(0x8000_0021, None, Ecx), &[
        (1, "tsa-sq-no"), (2, "tsa-l1-no"),
    ]),
];

/// What releases since 4.20 know besides.
#[rustfmt::skip]
pub(super) const FEATURES_4_20: &[Word] = &[
    (leaf(1, None, Ecx), &[(11, "sdbg")]),
    (leaf(0x8000_0001, None, Ecx), &[(30, "addr-msk-ext")]),
    (leaf(0xd, Some(1), Eax), &[(4, "xfd")]),
    (leaf(7, Some(0), Ecx), &[(5, "waitpkg"), (13, "tme"), (16, "la57"), (24, "bld"), (30, "sgx-lc"), (31, "pks")]),
    (leaf(7, Some(0), Edx), &[
        (1, "sgx-keys"), (5, "uintr"), (18, "pconfig"), (19, "arch-lbr"), (22, "amx-bf16"), (24, "amx-tile"), (25, "amx-int8"),
    ]),
    (leaf(7, Some(1), Eax), &[
        (0, "sha512"), (1, "sm3"), (2, "sm4"), (7, "cmpccxadd"), (17, "fred"), (19, "wrmsrns"), (21, "amx-fp16"), (23, "avx-ifma"),
    ]),
    (leaf(0x8000_0021, None, Eax), &[
        (0, "no-nest-bp"), (1, "fs-gs-ns"), (10, "amd-fsrs"), (11, "amd-fsrc"), (17, "cpuid-user-dis"), (18, "epsf"), (19, "fsrsc"), (20, "amd-prefetchi"),
    ]),
    (leaf(7, Some(2), Edx), &[(3, "ddp-ctrl")]),
    (leaf(7, Some(1), Edx), &[
        (4, "avx-vnni-int8"), (5, "avx-ne-convert"), (8, "amx-complex"), (10, "avx-vnni-int16"), (14, "prefetchi"),
    ]),
    (msr(0x10a, 32), &[(0, "pb-opt-ctrl")]),
];

/// A run of bits with a name of libxl's own.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) place: Place,
    /// The lowest bit.
    pub(super) low: usize,
    /// How many bits.
    pub(super) bits: usize,
}

const fn field(name: &'static str, place: Place, low: usize, bits: usize) -> Field {
    Field {
        name,
        place,
        low,
        bits,
    }
}

/// libxl's own names; they go before Xen's.
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    field("maxleaf", leaf(0, None, Eax), 0, 32),
    field("stepping", leaf(1, None, Eax), 0, 4),
    field("model", leaf(1, None, Eax), 4, 8),
    field("family", leaf(1, None, Eax), 8, 8),
    field("brandid", leaf(1, None, Ebx), 0, 8),
    field("clflush", leaf(1, None, Ebx), 8, 8),
    field("proccount", leaf(1, None, Ebx), 16, 8),
    field("localapicid", leaf(1, None, Ebx), 24, 8),
    field("est", leaf(1, None, Ecx), 7, 1),
    field("cntxid", leaf(1, None, Ecx), 10, 1),
    field("cmpxchg16", leaf(1, None, Ecx), 13, 1),
    field("sse4_1", leaf(1, None, Ecx), 19, 1),
    field("sse4.1", leaf(1, None, Ecx), 19, 1),
    field("sse4_2", leaf(1, None, Ecx), 20, 1),
    field("sse4.2", leaf(1, None, Ecx), 20, 1),
    field("aes", leaf(1, None, Ecx), 25, 1),
    field("cmpxchg8", leaf(1, None, Edx), 8, 1),
    field("sysenter", leaf(1, None, Edx), 11, 1),
    field("psn", leaf(1, None, Edx), 18, 1),
    field("clfsh", leaf(1, None, Edx), 19, 1),
    field("tm", leaf(1, None, Edx), 29, 1),
    field("ia64", leaf(1, None, Edx), 30, 1),
    field("pbe", leaf(1, None, Edx), 31, 1),
    field("arat", leaf(6, None, Eax), 2, 1),
    field("tsc_adjust", leaf(7, Some(0), Ebx), 1, 1),
    field("cmt", leaf(7, Some(0), Ebx), 12, 1),
    field("lahfsahf", leaf(0x8000_0001, None, Ecx), 0, 1),
    field("cmplegacy", leaf(0x8000_0001, None, Ecx), 1, 1),
    field("altmovcr8", leaf(0x8000_0001, None, Ecx), 4, 1),
    field("nodeid", leaf(0x8000_0001, None, Ecx), 19, 1),
    field("perfctr_core", leaf(0x8000_0001, None, Ecx), 23, 1),
    field("perfctr_nb", leaf(0x8000_0001, None, Ecx), 24, 1),
    field("procpkg", leaf(4, Some(0), Eax), 26, 6),
    field("invtsc", leaf(0x8000_0007, None, Edx), 8, 1),
    field("ppin", leaf(0x8000_0008, None, Ebx), 23, 1),
    field("btc-no", leaf(0x8000_0008, None, Ebx), 29, 1),
    field("nc", leaf(0x8000_0008, None, Ecx), 0, 8),
    field("apicidsize", leaf(0x8000_0008, None, Ecx), 12, 4),
    field("svm_npt", leaf(0x8000_000a, None, Edx), 0, 1),
    field("svm_lbrv", leaf(0x8000_000a, None, Edx), 1, 1),
    field("svm_nrips", leaf(0x8000_000a, None, Edx), 3, 1),
    field("svm_tscrate", leaf(0x8000_000a, None, Edx), 4, 1),
    field("svm_vmcbclean", leaf(0x8000_000a, None, Edx), 5, 1),
    field("svm_decode", leaf(0x8000_000a, None, Edx), 7, 1),
    field("svm_pausefilt", leaf(0x8000_000a, None, Edx), 10, 1),
    field("lfence+", leaf(0x8000_0021, None, Eax), 2, 1),
    field("maxhvleaf", leaf(0x4000_0000, None, Eax), 0, 8),
];
