//! The store nodes of a new domain, as pure data: what they are called, what they hold, who may see them.
//!
//! Three kinds of permission occur: the guest may read what the toolstack owns (`n0,rG`), the toolstack keeps its own
//! notes to itself (`n0`), and the guest owns what it is to write (`nG`). What the guest owns is hostile input.

use std::time::Duration;

use super::memory;
use crate::store::{Batch, Perms, layout};
use crate::types::{DomainBuildInfo, DomainBuildInfoU, DomainConfig, DomainType, Uuid};
use crate::{DOM0, Domid};

/// Where RAM below 4 GiB ends at most, so that devices have an address range.
const BELOW_4G_RAM_END: u64 = 0xf000_0000;

/// Everything about a domain that exists before its image is built; replaces what a predecessor may have left behind.
pub(super) fn initial(domid: Domid, config: &DomainConfig) -> Batch {
    let info = &config.c_info;
    let readable = Perms::owner_read(DOM0, domid);
    let private = Perms::owner_only(DOM0);
    let guests = Perms::owner_only(domid);
    let domain = layout::domain(domid);
    let vm = layout::vm(info.uuid);
    let libxl = layout::libxl(domid);
    let name = info.name.as_deref().unwrap_or_default();
    let is_hvm = info.type_ == DomainType::Hvm;

    let mut batch = Batch::new();
    for (top, perms) in [(&domain, &readable), (&vm, &readable), (&libxl, &private)] {
        batch.rm(top).mkdir_perms(top, perms);
    }
    batch.mkdir_perms(layout::libxl_devices(domid), &private);
    batch.write(format!("{domain}/vm"), vm.clone());
    batch.write(format!("{domain}/name"), name);
    batch.write(format!("{vm}/name"), name);
    batch.write(format!("{vm}/uuid"), info.uuid.to_string());

    for key in ["cpu", "memory", "control"] {
        batch.mkdir_perms(format!("{domain}/{key}"), &readable);
    }
    if info.xend_suspend_evtchn_compat == Some(true) {
        batch.mkdir_perms(format!("{domain}/device"), &guests);
    } else {
        batch.mkdir_perms(format!("{domain}/device"), &readable);
        batch.mkdir_perms(format!("{domain}/device/suspend/event-channel"), &guests);
    }
    if is_hvm {
        batch.mkdir_perms(format!("{domain}/hvmloader"), &readable);
    }
    for key in guest_owned(is_hvm, info.driver_domain == Some(true)) {
        batch.mkdir_perms(format!("{domain}/{key}"), &guests);
    }

    write_pairs(&mut batch, &domain, &info.xsdata);
    write_pairs(
        &mut batch,
        &format!("{domain}/platform"),
        &info.platformdata,
    );
    for feature in ["multiprocessor-suspend", "xs_reset_watches"] {
        batch.write(format!("{domain}/control/platform-feature-{feature}"), "1");
    }
    batch.write(format!("{libxl}/type"), info.type_.name());
    batch
}

/// Keys below the domain's path that the guest itself writes.
fn guest_owned(is_hvm: bool, is_driver_domain: bool) -> impl Iterator<Item = &'static str> {
    let common = [
        "control/shutdown",
        "control/feature-poweroff",
        "control/feature-reboot",
        "control/feature-suspend",
        "control/sysrq",
        "data",
        "drivers",
        "feature",
        "attr",
        "error",
    ];
    let sleep_states = ["control/feature-s3", "control/feature-s4"];
    // A driver domain runs libxl and QEMU of its own.
    let driver_domain = ["libxl", "device-model"];
    let sleep_states = sleep_states.into_iter().filter(move |_| is_hvm);
    let driver_domain = driver_domain.into_iter().filter(move |_| is_driver_domain);
    common.into_iter().chain(sleep_states).chain(driver_domain)
}

fn write_pairs(batch: &mut Batch, below: &str, pairs: &[(String, Option<String>)]) {
    for (key, value) in pairs {
        if let Some(value) = value {
            batch.write(format!("{below}/{key}"), value.as_str());
        }
    }
}

/// What building the image has brought to light.
pub(super) struct Image {
    pub(super) store_port: u32,
    pub(super) store_frame: u64,
    /// Path of the kernel, as the user gave it (PV).
    pub(super) kernel: Option<String>,
    /// Path of the ramdisk (PV).
    pub(super) ramdisk: Option<String>,
    /// The guest kernel's command line (PV).
    pub(super) cmdline: Option<String>,
    /// Whether firmware will run, which reads what it is to tell the guest.
    pub(super) new: bool,
    /// Time since the epoch at which building began.
    pub(super) start_time: Duration,
}

/// What the guest and the tools learn of a domain once its image is in place.
pub(super) fn after_build(
    domid: Domid,
    uuid: &Uuid,
    info: &DomainBuildInfo,
    image: &Image,
) -> Batch {
    let mut batch = Batch::new();
    let domain = layout::domain(domid);
    let mut put = |key: String, value: String| {
        batch.write(format!("{domain}/{key}"), value);
    };
    let target = info
        .target_memkb
        .saturating_sub(memory::target_fudge_kb(info));
    put("memory/static-max".into(), info.max_memkb.to_string());
    put("memory/target".into(), target.to_string());
    put("memory/videoram".into(), info.video_memkb.to_string());
    put("domid".into(), domid.to_string());
    put("store/port".into(), image.store_port.to_string());
    put("store/ring-ref".into(), image.store_frame.to_string());
    for vcpu in 0..usize::try_from(info.max_vcpus).unwrap_or(0) {
        let online = if info.avail_vcpus.test(vcpu) {
            "online"
        } else {
            "offline"
        };
        put(format!("cpu/{vcpu}/availability"), online.into());
    }
    let platform = if image.new {
        platform(info)
    } else {
        Vec::new()
    };
    for (key, value) in platform {
        put(format!("platform/{key}"), value);
    }
    let vm = layout::vm(uuid);
    for (key, value) in vm_nodes(info, image) {
        batch.write(format!("{vm}/{key}"), value);
    }
    batch
}

/// What hvmloader builds its tables from.
fn platform(info: &DomainBuildInfo) -> Vec<(&'static str, String)> {
    let DomainBuildInfoU::Hvm(hvm) = &info.u else {
        return Vec::new();
    };
    let flag = |value: Option<bool>| if value == Some(true) { "1" } else { "0" }.to_owned();
    // Two switches mean ACPI tables, and each of them can turn them off.
    let acpi = Some(info.acpi == Some(true) && hvm.acpi == Some(true));
    let mut nodes = vec![
        ("acpi", flag(acpi)),
        ("acpi_s3", flag(hvm.acpi_s3)),
        ("acpi_s4", flag(hvm.acpi_s4)),
        ("acpi_laptop_slate", flag(hvm.acpi_laptop_slate)),
    ];
    if let Some(hole) = mmio_hole(hvm.mmio_hole_memkb) {
        nodes.push(("mmio_hole_size", hole.to_string()));
    }
    nodes.push(("device-model", info.device_model_version.name().to_owned()));
    nodes
}

/// The hole below 4 GiB in bytes, when it is asked for and larger than the usual one.
fn mmio_hole(memkb: u64) -> Option<u64> {
    let bytes = memkb.checked_mul(1024).filter(|&bytes| bytes != 0)?;
    let ram_end = (1u64 << 32).checked_sub(bytes)?;
    (ram_end <= BELOW_4G_RAM_END).then_some(bytes)
}

fn vm_nodes(info: &DomainBuildInfo, image: &Image) -> Vec<(&'static str, String)> {
    let start_time = format!(
        "{}.{:02}",
        image.start_time.as_secs(),
        image.start_time.subsec_millis() / 10
    );
    let mut nodes = Vec::new();
    match &info.u {
        DomainBuildInfoU::Hvm(hvm) => {
            let offset = hvm.timeoffset.clone().unwrap_or_default();
            nodes.push(("rtc/timeoffset", offset));
            nodes.push(("image/ostype", "hvm".into()));
        }
        DomainBuildInfoU::Pv(_) => {
            nodes.push(("image/ostype", "linux".into()));
            for (key, value) in [
                ("image/kernel", &image.kernel),
                ("image/ramdisk", &image.ramdisk),
                ("image/cmdline", &image.cmdline),
            ] {
                if let Some(value) = value {
                    nodes.push((key, value.clone()));
                }
            }
        }
        DomainBuildInfoU::Pvh(_) | DomainBuildInfoU::Invalid => {}
    }
    nodes.push(("start_time", start_time));
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Change;

    fn config(type_: DomainType) -> DomainConfig {
        let mut config = DomainConfig::default();
        config.c_info.type_ = type_;
        config.c_info.name = Some("tiny".into());
        config.c_info.uuid = Uuid([0xab; 16]);
        config.b_info.u = DomainBuildInfoU::init(type_);
        config
    }

    /// What a path ends up with: its value and its permissions, as the store would show them.
    fn outcome(batch: &Batch, wanted: &str) -> (Option<String>, Option<String>) {
        let mut found = (None, None);
        for change in batch.changes() {
            match change {
                Change::Write { path, value } if path == wanted => {
                    found.0 = Some(String::from_utf8_lossy(value).into_owned());
                }
                Change::Mkdir { path } if path == wanted => found.0 = Some(String::new()),
                Change::Perms { path, perms } if path == wanted => {
                    found.1 = Some(perms.to_string());
                }
                _ => {}
            }
        }
        found
    }

    #[test]
    fn guests_own_only_what_they_must_write() {
        let batch = initial(7, &config(DomainType::Hvm));
        let perms = |path: &str| outcome(&batch, path).1.unwrap_or_default();
        assert_eq!(perms("/local/domain/7"), "n0,r7");
        assert_eq!(perms("/local/domain/7/device"), "n0,r7");
        assert_eq!(perms("/local/domain/7/hvmloader"), "n0,r7");
        assert_eq!(perms("/libxl/7"), "n0");
        assert_eq!(perms("/libxl/7/device"), "n0");
        assert_eq!(perms("/local/domain/7/control"), "n0,r7");
        assert_eq!(perms("/local/domain/7/control/shutdown"), "n7");
        assert_eq!(perms("/local/domain/7/control/feature-s3"), "n7");
        assert_eq!(perms("/local/domain/7/libxl"), "");
        let vm = "/vm/abababab-abab-abab-abab-abababababab";
        assert_eq!(perms(vm), "n0,r7");
        assert_eq!(outcome(&batch, "/local/domain/7/vm").0.as_deref(), Some(vm));
        assert_eq!(outcome(&batch, "/libxl/7/type").0.as_deref(), Some("hvm"));
        let first = batch.changes().first();
        assert!(matches!(first, Some(Change::Rm { path }) if path == "/local/domain/7"));
    }

    #[test]
    fn only_hvm_guests_sleep() {
        let batch = initial(7, &config(DomainType::Pvh));
        let there = |key: &str| {
            outcome(&batch, &format!("/local/domain/7/{key}"))
                .0
                .is_some()
        };
        assert!(there("control/feature-suspend"));
        assert!(!there("control/feature-s3"));
        assert!(!there("hvmloader"));
    }

    #[test]
    fn what_the_image_needs_is_told() {
        let mut config = config(DomainType::Hvm);
        let info = &mut config.b_info;
        (info.max_vcpus, info.max_memkb, info.target_memkb) = (2, 128 << 10, 128 << 10);
        info.video_memkb = 8 << 10;
        info.avail_vcpus = [0].into_iter().collect();
        info.acpi = Some(true);
        if let DomainBuildInfoU::Hvm(hvm) = &mut info.u {
            hvm.mmio_hole_memkb = 1 << 20;
            hvm.acpi = Some(false);
        }
        let image = Image {
            store_port: 1,
            store_frame: 0xfeffc,
            kernel: None,
            ramdisk: None,
            cmdline: None,
            new: true,
            start_time: Duration::from_millis(1_700_000_000_056),
        };
        let batch = after_build(7, &config.c_info.uuid, &config.b_info, &image);
        let value = |key: &str| outcome(&batch, &format!("/local/domain/7/{key}")).0;
        assert_eq!(value("memory/target").as_deref(), Some("122880"));
        assert_eq!(value("memory/static-max").as_deref(), Some("131072"));
        assert_eq!(value("cpu/0/availability").as_deref(), Some("online"));
        assert_eq!(value("cpu/1/availability").as_deref(), Some("offline"));
        assert_eq!(value("platform/acpi").as_deref(), Some("0"));
        assert_eq!(
            value("platform/mmio_hole_size").as_deref(),
            Some("1073741824")
        );
        let vm = "/vm/abababab-abab-abab-abab-abababababab";
        let start = outcome(&batch, &format!("{vm}/start_time")).0;
        assert_eq!(start.as_deref(), Some("1700000000.05"));

        // No firmware runs once more.
        let image = Image {
            new: false,
            ..image
        };
        let batch = after_build(7, &config.c_info.uuid, &config.b_info, &image);
        let told = |key: &str| outcome(&batch, &format!("/local/domain/7/{key}")).0;
        assert_eq!(told("memory/target").as_deref(), Some("122880"));
        assert_eq!(told("platform/acpi"), None);
    }
}
