//! ACPI tables of a PVH guest: processors and their hotplug, no other device.
//!
//! A PVH guest has no firmware that would make them. The table bytes are a pure function of the configuration; the
//! builder copies them into guest memory and passes the address of the RSDP in the start info. Ports, addresses and
//! identifiers are those of Xen's public headers and of the tables that the C library gives to such a guest.

use acpi_tables::aml::{
    self, Device, Else, Equal, Field, FieldAccessType, FieldEntry, FieldLockRule, FieldUpdateRule,
    If, Method, MethodCall, Name, NotEqual, Notify, OpRegion, OpRegionSpace, Path, Return, Scope,
    Store, ToBuffer,
};
use acpi_tables::fadt::{FADTBuilder, Flags};
use acpi_tables::gas::{AccessSize, AddressSpace, GAS};
use acpi_tables::sdt::Sdt;
use acpi_tables::{Aml, facs::FACS, rsdp::Rsdp, xsdt::XSDT};

use crate::release;

/// Guest physical address where the tables start; the page in front of it is kept free, as hvmloader keeps it.
pub const TABLES_ADDRESS: u64 = INFO_ADDRESS + PAGE;
/// The first address of the ACPI range in the guest's memory map.
pub const INFO_ADDRESS: u64 = 0xfc00_0000;
/// Bytes reserved for the RSDP.
pub const RSDP_SIZE: usize = 64;
/// Where old Linux kernels look for the RSDP: the last bytes below 1 MiB.
pub const RSDP_LOW_ADDRESS: u64 = 0x10_0000 - RSDP_SIZE as u64;

const PAGE: u64 = 4096;
const OEM_ID: [u8; 6] = *b"Xen\0\0\0";
const OEM_TABLE_ID: [u8; 8] = *b"HVM\0\0\0\0\0";
const LAPIC_ADDRESS: u32 = 0xfee0_0000;
const MADT_HEADER: u64 = 44;
const CHECKSUM_OFFSET: u64 = 9;

// Xen emulates these for PVH guests (public/hvm/ioreq.h, public/arch-x86/xen.h).
const PM1A_EVENT_PORT: u16 = 0xb000;
const PM1A_CONTROL_PORT: u16 = 0xb004;
const GPE0_PORT: u16 = 0xafe0;
const GPE0_LENGTH: u8 = 4;
const CPU_MAP_PORT: u16 = 0xaf00;
const CPU_MAP_LENGTH: u8 = 16;

/// Tables for a place in guest memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Module {
    /// Their bytes.
    pub bytes: Vec<u8>,
    /// Where the guest finds them.
    pub address: u64,
}

/// What the tables depend on.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// One entry for each vCPU the guest may ever have: is it online at the start?
    pub vcpus_online: Vec<bool>,
    /// The guest's NUMA nodes, if it sees any.
    pub numa: Option<Numa>,
}

/// A guest's virtual NUMA layout.
#[derive(Clone, Debug, Default)]
pub struct Numa {
    /// The node of each vCPU.
    pub vcpu_to_node: Vec<u32>,
    /// Guest physical memory ranges: first byte, end (exclusive), node.
    pub memory: Vec<(u64, u64, u32)>,
    /// Distances, row by row: a square of as many rows as there are nodes.
    pub distances: Vec<u8>,
}

/// The finished bytes and where they belong.
#[derive(Clone, Debug)]
pub struct Tables {
    /// The root pointer, [`RSDP_SIZE`] bytes; see [`Tables::rsdp_address`].
    pub rsdp: Vec<u8>,
    /// All other tables, whole pages, for [`TABLES_ADDRESS`].
    pub tables: Vec<u8>,
}

impl Tables {
    /// Where the root pointer goes: behind the tables, or below 1 MiB for a Linux that finds it nowhere else.
    pub fn rsdp_address(&self, only_finds_it_low: bool) -> u64 {
        if only_finds_it_low {
            RSDP_LOW_ADDRESS
        } else {
            TABLES_ADDRESS + self.tables.len() as u64
        }
    }
}

/// Lays out the tables for `config`.
pub fn build(config: &Config) -> Tables {
    let mut area = Area::default();

    let facs = area.add(&FACS::new(), 64);
    // In front of the DSDT, whose code writes into it when a vCPU comes or goes.
    let madt = area.add(&madt(&config.vcpus_online), 16);
    let dsdt = area.add(&dsdt(config.vcpus_online.len(), madt), 16);
    let fadt = area.add(&fadt(facs, dsdt), 16);

    let mut xsdt = XSDT::new(OEM_ID, OEM_TABLE_ID, 0);
    xsdt.add_entry(fadt);
    xsdt.add_entry(madt);
    if let Some(numa) = &config.numa {
        xsdt.add_entry(area.add(&srat(numa), 16));
        xsdt.add_entry(area.add(&slit(numa), 16));
    }
    let xsdt = area.add(&xsdt, 16);

    let mut rsdp = Vec::new();
    Rsdp::new(OEM_ID, xsdt).to_aml_bytes(&mut rsdp);
    rsdp.resize(RSDP_SIZE, 0);

    // The range in the memory map is as long as under the C library, whose tables describe 128 processors.
    let least_pages = match config.vcpus_online.len() {
        _ if !release::PVH_CPU_HOTPLUG => 5,
        ..=8 => 7,
        _ => 8,
    };
    let pages = area.bytes.len().div_ceil(4096).max(least_pages);
    area.bytes.resize(pages * 4096, 0);
    Tables {
        rsdp,
        tables: area.bytes,
    }
}

/// Grows table by table; knows the guest address of each.
#[derive(Default)]
struct Area {
    bytes: Vec<u8>,
}

impl Area {
    fn add(&mut self, table: &dyn Aml, align: usize) -> u64 {
        let start = self.bytes.len().next_multiple_of(align);
        self.bytes.resize(start, 0);
        table.to_aml_bytes(&mut self.bytes);
        TABLES_ADDRESS + start as u64
    }
}

/// Xen gives vCPU n the local APIC id 2n; Xen's own limit is 128 vCPUs.
fn apic_id(vcpu: usize) -> u8 {
    u8::try_from(vcpu * 2).unwrap_or(u8::MAX)
}

fn table(signature: &[u8; 4], revision: u8) -> Sdt {
    Sdt::new(*signature, 36, revision, OEM_ID, OEM_TABLE_ID, 0)
}

fn madt(online: &[bool]) -> Sdt {
    // The flag says that the guest may find a pair of 8259s, as the C library's tables say too.
    const PCAT_COMPATIBLE: u32 = 1;
    let mut madt = table(b"APIC", 2);
    madt.append_slice(&LAPIC_ADDRESS.to_le_bytes());
    madt.append_slice(&PCAT_COMPATIBLE.to_le_bytes());
    for (vcpu, online) in online.iter().enumerate() {
        let uid = u8::try_from(vcpu).unwrap_or(u8::MAX);
        madt.append_slice(&[0, 8, uid, apic_id(vcpu), u8::from(*online), 0, 0, 0]);
    }
    madt
}

fn srat(numa: &Numa) -> Sdt {
    const ENABLED: u32 = 1;
    let mut srat = table(b"SRAT", 2);
    // The table's own revision; the rest is reserved.
    srat.append_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for (vcpu, node) in numa.vcpu_to_node.iter().enumerate() {
        let [node0, node1, node2, node3] = node.to_le_bytes();
        srat.append_slice(&[0, 16, node0, apic_id(vcpu), 1, 0, 0, 0]);
        srat.append_slice(&[0, node1, node2, node3, 0, 0, 0, 0]);
    }
    for (start, end, node) in &numa.memory {
        srat.append_slice(&[1, 40]);
        srat.append_slice(&node.to_le_bytes());
        srat.append_slice(&[0; 2]);
        srat.append_slice(&start.to_le_bytes());
        srat.append_slice(&end.saturating_sub(*start).to_le_bytes());
        srat.append_slice(&[0; 4]);
        srat.append_slice(&ENABLED.to_le_bytes());
        srat.append_slice(&[0; 8]);
    }
    srat
}

fn slit(numa: &Numa) -> Sdt {
    let nodes = numa.distances.len().isqrt() as u64;
    let mut slit = table(b"SLIT", 1);
    slit.append_slice(&nodes.to_le_bytes());
    slit.append_slice(&numa.distances);
    slit
}

fn fadt(facs: u64, dsdt: u64) -> acpi_tables::fadt::FADT {
    let port = |port: u16, bits: u8| {
        GAS::new(
            AddressSpace::SystemIo,
            bits,
            0,
            AccessSize::Undefined,
            u64::from(port),
        )
    };
    let mut fadt = FADTBuilder::new(OEM_ID, OEM_TABLE_ID, 0)
        .firmware_ctrl_64(facs)
        .dsdt_64(dsdt)
        .flag(Flags::Wbinvd)
        .flag(Flags::ProcC1)
        .flag(Flags::PwrButton)
        .flag(Flags::SlpButton)
        .flag(Flags::FixRtc)
        .flag(Flags::TmrValExt)
        .flag(Flags::UsePlatformClock);
    fadt.sci_int = 9.into();
    fadt.pm1a_evt_blk = u32::from(PM1A_EVENT_PORT).into();
    fadt.pm1a_cnt_blk = u32::from(PM1A_CONTROL_PORT).into();
    fadt.gpe0_blk = u32::from(GPE0_PORT).into();
    fadt.pm1_evt_len = 4;
    fadt.pm1_cnt_len = 2;
    fadt.gpe0_blk_len = GPE0_LENGTH;
    // Above 100 and 1000: the processor states C2 and C3 do not exist.
    fadt.p_lvl2_lat = 0x0fff.into();
    fadt.p_lvl3_lat = 0x0fff.into();
    fadt.reset_reg = port(0xcf9, 8);
    fadt.reset_value = 6;
    fadt.x_pm1a_evt_blk = port(PM1A_EVENT_PORT, 32);
    fadt.x_pm1a_cnt_blk = port(PM1A_CONTROL_PORT, 16);
    // No VGA, no CMOS clock, no 8042: there is no emulated hardware.
    fadt.iapc_boot_arch = ((1 << 2) | (1 << 5)).into();
    fadt.finalize()
}

/// Processor devices, and where they can come and go the handler that brings them in line with Xen's map of online vCPUs.
fn dsdt(vcpus: usize, madt: u64) -> Sdt {
    let mut code = Vec::new();
    processors(vcpus, madt, &mut code);
    if release::PVH_CPU_HOTPLUG {
        let check = MethodCall::new("\\_SB_.PRSC".into(), vec![]);
        let handler = Method::new("_E02".into(), 0, false, vec![&check]);
        Scope::new("\\_GPE".into(), vec![&handler]).to_aml_bytes(&mut code);
    }

    let mut dsdt = table(b"DSDT", 5);
    dsdt.append_slice(&code);
    dsdt
}

/// A name of four characters: `letter` and the vCPU's number.
fn name(letter: char, vcpu: usize) -> String {
    format!("{letter}{vcpu:03X}")
}

fn field_entry(letter: char, vcpu: usize, bits: usize) -> FieldEntry {
    let mut bytes = [b'_'; 4];
    bytes.copy_from_slice(&name(letter, vcpu).as_bytes()[..4]);
    FieldEntry::Named(bytes, bits)
}

fn field(region: &str, entries: Vec<FieldEntry>) -> Field {
    Field::new(
        region.into(),
        FieldAccessType::Byte,
        FieldLockRule::NoLock,
        FieldUpdateRule::Preserve,
        entries,
    )
}

/// `\_SB`: for each vCPU its MADT entry (`Mnnn`), the entry's enabled bit (`Fnnn`), Xen's bit (`Pnnn`) and a device (`Cnnn`).
fn processors(vcpus: usize, madt: u64, code: &mut Vec<u8>) {
    let (entries, entries_length) = (madt + MADT_HEADER, vcpus as u64 * 8);
    let checksum = madt + CHECKSUM_OFFSET;
    let memory = OpRegionSpace::SystemMemory;
    let entries_region = OpRegion::new("MADR".into(), memory, &entries, &entries_length);
    let whole = field(
        "MADR",
        (0..vcpus).map(|vcpu| field_entry('M', vcpu, 64)).collect(),
    );
    let enabled = field(
        "MADR",
        (0..vcpus)
            .flat_map(|vcpu| {
                [
                    FieldEntry::Reserved(32),
                    field_entry('F', vcpu, 1),
                    FieldEntry::Reserved(31),
                ]
            })
            .collect(),
    );
    let checksum_region = OpRegion::new("MSUR".into(), memory, &checksum, &aml::ONE);
    let checksum_field = field("MSUR", vec![FieldEntry::Named(*b"MSUM", 8)]);
    let map_region = OpRegion::new(
        "PRSR".into(),
        OpRegionSpace::SystemIO,
        &CPU_MAP_PORT,
        &CPU_MAP_LENGTH,
    );
    let map = field(
        "PRSR",
        (0..vcpus).map(|vcpu| field_entry('P', vcpu, 1)).collect(),
    );

    let devices: Vec<Raw> = (0..vcpus).map(processor).collect();
    let checks: Vec<Raw> = (0..vcpus).map(compare_with_map).collect();
    let handler = Method::new("PRSC".into(), 0, true, as_aml(&checks));

    let mut children: Vec<&dyn Aml> = vec![&entries_region, &whole, &enabled];
    let hotplug: [&dyn Aml; 4] = [&checksum_region, &checksum_field, &map_region, &map];
    if release::PVH_CPU_HOTPLUG {
        children.extend(hotplug);
    }
    children.extend(as_aml(&devices));
    if release::PVH_CPU_HOTPLUG {
        children.push(&handler);
    }
    Scope::new("\\_SB_".into(), children).to_aml_bytes(code);
}

/// The device of one vCPU.
fn processor(vcpu: usize) -> Raw {
    let hid = Name::new("_HID".into(), &"ACPI0007");
    let uid = Name::new("_UID".into(), &vcpu);

    let entry = Path::new(&name('M', vcpu));
    let buffer = ToBuffer::new(&aml::ZERO, &entry);
    let entry = Return::new(&buffer);
    let mat = Method::new("_MAT".into(), 0, false, vec![&entry]);

    let enabled = Path::new(&name('F', vcpu));
    let present = Return::new(&0x0f_u8);
    let absent = Return::new(&aml::ZERO);
    let if_enabled = If::new(&enabled, vec![&present]);
    let sta = Method::new("_STA".into(), 0, false, vec![&if_enabled, &absent]);

    let eject = Method::new("_EJ0".into(), 1, false, vec![]);
    let mut members: Vec<&dyn Aml> = vec![&hid, &uid, &mat, &sta];
    if release::PVH_CPU_HOTPLUG {
        members.push(&eject);
    }
    Raw::of(&Device::new(Path::new(&name('C', vcpu)), members))
}

/// Where Xen's bit and the MADT disagree: follow Xen, keep the MADT's checksum right, tell the guest.
fn compare_with_map(vcpu: usize) -> Raw {
    let device = Path::new(&name('C', vcpu));
    let ours = Path::new(&name('F', vcpu));
    let xens = Path::new(&name('P', vcpu));
    let sum = Path::new("MSUM");

    let follow = Store::new(&ours, &xens);
    let device_check = Notify::new(&device, &aml::ONE);
    let less = aml::Subtract::new(&sum, &sum, &aml::ONE);
    let eject_request = Notify::new(&device, &3_u8);
    let more = aml::Add::new(&sum, &sum, &aml::ONE);

    let came = Equal::new(&ours, &aml::ONE);
    let came = If::new(&came, vec![&less, &device_check]);
    let went = Else::new(vec![&more, &eject_request]);
    let differs = NotEqual::new(&ours, &xens);
    Raw::of(&If::new(&differs, vec![&follow, &came, &went]))
}

/// Finished code, for parents that take references.
struct Raw(Vec<u8>);

impl Raw {
    fn of(code: &dyn Aml) -> Self {
        let mut bytes = Vec::new();
        code.to_aml_bytes(&mut bytes);
        Self(bytes)
    }
}

impl Aml for Raw {
    fn to_aml_bytes(&self, sink: &mut dyn acpi_tables::AmlSink) {
        sink.vec(&self.0);
    }
}

fn as_aml(code: &[Raw]) -> Vec<&dyn Aml> {
    code.iter().map(|code| code as &dyn Aml).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
    }

    fn long(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
    }

    /// The table at a guest address, its length taken from its header and its checksum verified.
    fn table_at(tables: &Tables, address: u64) -> &[u8] {
        let start = usize::try_from(address - TABLES_ADDRESS).expect("address in the area");
        let length = word(&tables.tables, start + 4) as usize;
        let table = &tables.tables[start..start + length];
        let sum = table.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        assert_eq!(sum, 0, "checksum of {:?}", &table[..4]);
        table
    }

    /// Follows the pointers from the root as a guest does; gives the tables by signature.
    fn walk(tables: &Tables) -> Vec<(String, &[u8])> {
        assert_eq!(&tables.rsdp[..8], b"RSD PTR ");
        let sum = tables.rsdp[..36]
            .iter()
            .fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        assert_eq!(sum, 0, "checksum of the root pointer");
        let xsdt = table_at(tables, long(&tables.rsdp, 24));
        let mut found: Vec<_> = xsdt[36..]
            .chunks(8)
            .map(|entry| table_at(tables, long(entry, 0)))
            .collect();
        let fadt = found[0];
        found.push(table_at(tables, long(fadt, 140)));
        found
            .into_iter()
            .map(|table| (String::from_utf8_lossy(&table[..4]).into_owned(), table))
            .collect()
    }

    #[test]
    fn a_guest_finds_every_table() {
        let tables = build(&Config {
            vcpus_online: vec![true, true, false],
            numa: None,
        });
        let found = walk(&tables);
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["FACP", "APIC", "DSDT"]);
        let madt = found[1].1;
        assert_eq!(madt.len(), 44 + 3 * 8);
        // type, length, processor, APIC id, flags
        assert_eq!(madt[44 + 8..44 + 16], [0, 8, 1, 2, 1, 0, 0, 0]);
        assert_eq!(madt[44 + 16..], [0, 8, 2, 4, 0, 0, 0, 0]);
        let pages = if release::PVH_CPU_HOTPLUG { 7 } else { 5 };
        assert_eq!(tables.tables.len(), pages * 4096);
        assert_eq!(
            tables.rsdp_address(false),
            0xfc00_1000 + pages as u64 * 4096
        );
        assert_eq!(tables.rsdp_address(true), 0xf_ffc0);
    }

    #[test]
    fn the_largest_guest_fits_its_region() {
        let tables = build(&Config {
            vcpus_online: vec![true; 128],
            numa: None,
        });
        assert_eq!(walk(&tables).len(), 3);
        let pages = if release::PVH_CPU_HOTPLUG { 8 } else { 5 };
        assert_eq!(tables.tables.len(), pages * 4096);
    }

    #[test]
    fn numa_nodes_have_their_memory_and_processors() {
        let tables = build(&Config {
            vcpus_online: vec![true; 2],
            numa: Some(Numa {
                vcpu_to_node: vec![0, 1],
                memory: vec![(0, 0x4000_0000, 0), (0x4000_0000, 0x8000_0000, 1)],
                distances: vec![10, 20, 20, 10],
            }),
        });
        let found = walk(&tables);
        let srat = found
            .iter()
            .find(|(name, _)| name == "SRAT")
            .expect("SRAT")
            .1;
        assert_eq!(srat.len(), 48 + 2 * 16 + 2 * 40);
        let second = &srat[48 + 32 + 40..];
        assert_eq!(
            (
                second[0],
                second[1],
                word(second, 2),
                long(second, 8),
                long(second, 16)
            ),
            (1, 40, 1, 0x4000_0000, 0x4000_0000)
        );
        let slit = found
            .iter()
            .find(|(name, _)| name == "SLIT")
            .expect("SLIT")
            .1;
        assert_eq!(
            (long(slit, 36), &slit[44..]),
            (2, [10, 20, 20, 10].as_slice())
        );
    }
}
