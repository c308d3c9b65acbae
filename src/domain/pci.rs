//! PCI devices of the host that a domain has when it goes. This library gives none away; those that the C library gave are taken
//! back as that library does it.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::device::{self, Device, DeviceKind, Force};
use crate::engine::{Op, Work};
use crate::store::{Store, layout};
use crate::xen::Xen;
use crate::{Code, DOM0, Domid, Error, Result, dm};

/// The most devices that one domain can have: all functions of a virtual bus.
const MOST: u32 = 256;
/// How long QEMU and the guest may take to let go.
const LETS_GO: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_secs(1);
/// Where Linux shows its PCI bus.
const SYSFS: &str = "/sys/bus/pci";

/// Takes the PCI devices of `domid` back, before it is paused; `alive` says that the hypervisor still has it.
///
/// Failures are logged and end nothing: what is forgotten here, the hypervisor takes back with the domain.
pub(super) async fn take_back(op: &Op, domid: Domid, alive: bool) {
    let bus = Device::plain(domid, DeviceKind::Pci, 0, DOM0);
    let taken = async {
        let Some(devices) = recorded(op, &bus).await? else {
            return Ok(());
        };
        let guest = dm::target_of(op, domid).await?;
        if alive {
            note(op, domid, let_go(op, domid, &devices).await);
            // The device of a stub domain is assigned to its guest.
            let released = release(op, domid, guest.is_none(), &devices).await;
            note(op, domid, released);
        }
        note(op, domid, device::remove(op, &bus, Force::On).await);
        for device in &devices {
            let users = [Some(domid), guest];
            note(op, domid, forget(op, device.address, users).await);
        }
        Ok(())
    };
    note(op, domid, taken.await);
}

fn note(op: &Op, domid: Domid, result: Result<()>) {
    if let Err(error) = result {
        let error = error.context("taking its PCI devices back").domain(domid);
        op.log().failure(&error);
    }
}

/// A place on the host's PCI bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Address {
    domain: u16,
    bus: u8,
    slot: u8,
    function: u8,
}

impl Address {
    /// `dddd:bb:ss.f` in lower-case hexadecimal digits.
    fn parse(text: &str) -> Option<Self> {
        let (domain, rest) = text.split_once(':')?;
        let (bus, rest) = rest.split_once(':')?;
        let (slot, function) = rest.split_once('.')?;
        let number = |text: &str, digits| hexadecimal(text).filter(|_| text.len() == digits);
        Some(Self {
            domain: number(domain, 4)?.try_into().ok()?,
            bus: number(bus, 2)?.try_into().ok()?,
            slot: number(slot, 2)?.try_into().ok().filter(|n| *n < 32)?,
            function: number(function, 1)?.try_into().ok().filter(|n| *n < 8)?,
        })
    }

    /// As hypercalls have it.
    fn sbdf(self) -> u32 {
        let device = self.slot << 3 | self.function;
        u32::from_be_bytes([0, 0, self.bus, device]) | u32::from(self.domain) << 16
    }

    /// What QEMU calls the device.
    fn qemu_id(self) -> String {
        let (bus, slot, function) = (self.bus, self.slot, self.function);
        format!("pci-pt-{bus:02x}_{slot:02x}.{function}")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (domain, bus) = (self.domain, self.bus);
        let (slot, function) = (self.slot, self.function);
        write!(f, "{domain:04x}:{bus:02x}:{slot:02x}.{function}")
    }
}

fn hexadecimal(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    digits.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

/// A device of the host in a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Assigned {
    address: Address,
    /// Slot and function that the domain sees.
    seen_as: u32,
}

/// The devices that the backend has on record; `None` where there is no backend.
async fn recorded(op: &Op, bus: &Device) -> Result<Option<Vec<Assigned>>> {
    let (store, dir) = (op.store()?, bus.backend());
    let Some(count) = store.read_str(&format!("{dir}/num_devs")).await? else {
        return Ok(None);
    };
    let count = layout::parse_number(&count).filter(|count| *count <= MOST);
    if count.is_none() {
        let bad = Error::fail(format!("{dir}/num_devs is no number of devices"));
        note(op, bus.domid, Err(bad));
    }
    let mut devices = Vec::new();
    for index in 0..count.unwrap_or(0) {
        match assigned(&store, &dir, index).await {
            Ok(device) => devices.push(device),
            Err(error) => note(op, bus.domid, Err(error)),
        }
    }
    Ok(Some(devices))
}

async fn assigned(store: &Store, dir: &str, index: u32) -> Result<Assigned> {
    let node = |key: &str| format!("{dir}/{key}-{index}");
    let bad = |key: &str| Error::fail(format!("{} is not as toolstacks write it", node(key)));
    let address = store.read_str(&node("dev")).await?;
    let address = address.as_deref().and_then(Address::parse);
    let seen_as = store.read_str(&node("vdevfn")).await?;
    let seen_as = seen_as.as_deref().map_or(Some(0), hexadecimal);
    Ok(Assigned {
        address: address.ok_or_else(|| bad("dev"))?,
        seen_as: seen_as.ok_or_else(|| bad("vdevfn"))?,
    })
}

/// Has the QEMU of an HVM guest unplug the devices. A guest that stands still cannot agree, and is not asked.
async fn let_go(op: &Op, domid: Domid, devices: &[Assigned]) -> Result<()> {
    let info = op.xen()?.domain_info(domid)?;
    let asked = info.is_some_and(|info| {
        let flags = info.flags;
        flags.hvm() && !(flags.paused() || flags.dying() || flags.shutdown())
    });
    if !asked || dm::Running::read(op, domid).await? != dm::Running::QemuXen {
        return Ok(());
    }
    let ids: Vec<_> = devices.iter().map(|d| d.address.qemu_id()).collect();
    let unplugged = async {
        let mut qemu = dm::connect(op, domid).await?;
        for id in &ids {
            match qemu.device_del(id).await {
                Err(error) if !refused(&error) => return Err(error),
                answer => note(op, domid, answer),
            }
        }
        while qemu.has_pci_device(&ids).await? {
            op.sleep(POLL).await?;
        }
        Ok(())
    };
    op.timeout(LETS_GO, "waiting for QEMU to unplug them", unplugged)
        .await
}

/// Whether QEMU answered, as when it has no such device.
fn refused(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::QmpGenericError | Code::QmpDeviceNotFound | Code::QmpDeviceNotActive
    )
}

/// Resets the devices, and takes them from the domain unless they are another's.
async fn release(op: &Op, domid: Domid, own: bool, devices: &[Assigned]) -> Result<()> {
    let devices = devices.to_vec();
    let work = move |work: &Work| {
        for device in &devices {
            // One reset is for all functions of a slot.
            if device.seen_as & 7 == 0 {
                reset(Path::new(SYSFS), device.address);
            }
            if own && let Err(error) = deassign(work.xen(), domid, device.address) {
                work.log().failure(&error);
            }
        }
        Ok(())
    };
    op.blocking("release-pci", work).await
}

fn deassign(xen: &Xen, domid: Domid, address: Address) -> Result<()> {
    match xen.deassign_device(domid, address.sbdf()) {
        // Without an IOMMU a PV guest's device was assigned to nobody.
        Err(error) if error.errno() == Some(libc::ENOSYS) => Ok(()),
        outcome => outcome,
    }
}

/// Resets a device, by pciback if that can do it. A device that cannot be reset, as many cannot, stays as it is.
fn reset(sysfs: &Path, address: Address) {
    let existing = |path: &str, text: &str| {
        let file = fs::OpenOptions::new().write(true).open(sysfs.join(path));
        file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
    };
    let by_pciback = existing("drivers/pciback/do_flr", &address.to_string());
    if by_pciback.is_err() {
        let _ = existing(&format!("devices/{address}/reset"), "1");
    }
}

/// Removes the note that one of `users` has the device.
async fn forget(op: &Op, address: Address, users: [Option<Domid>; 2]) -> Result<()> {
    let path = &layout::pci_user(&address.to_string().replace([':', '.'], "-"));
    let (store, users) = (op.store()?, &users);
    let forget = store.transaction(|tx| async move {
        let user = tx.read(path).await?;
        let user = user.and_then(|user| String::from_utf8(user).ok());
        let user = user.as_deref().and_then(layout::parse_domid);
        match user.is_some() && users.contains(&user) {
            true => tx.rm(path).await,
            false => Ok(()),
        }
    });
    forget.await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Bench;

    const BACKEND: &str = "/local/domain/0/backend/pci/7/0";

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    /// A store in which domain 7 has these devices.
    fn bench(devices: &[(&str, &str)]) -> Bench {
        let bench = Bench::new();
        let set = |key: &str, value: &str| bench.store.set(&format!("{BACKEND}/{key}"), value);
        set("frontend", "/local/domain/7/device/pci/0");
        // pciback has let go.
        set("state", "6");
        set("num_devs", &devices.len().to_string());
        for (index, (device, seen_as)) in devices.iter().enumerate() {
            set(&format!("dev-{index}"), device);
            set(&format!("vdevfn-{index}"), seen_as);
        }
        bench.store.set("/local/domain/7/device/pci/0/state", "6");
        bench
            .store
            .set("/local/domain/0/backend/vif/7/0/state", "4");
        bench
    }

    fn run(bench: &Bench, domid: Domid) -> String {
        let done = bench.ctx.block_on(async |op| {
            take_back(op, domid, true).await;
            Ok(())
        });
        done.unwrap();
        bench.lines.lock().unwrap().join("\n")
    }

    #[test]
    fn an_address_is_as_toolstacks_write_it() {
        let found = address("0001:0a:1f.7");
        assert_eq!(found.to_string(), "0001:0a:1f.7");
        assert_eq!(found.sbdf(), 0x0001_0aff);
        assert_eq!(found.qemu_id(), "pci-pt-0a_1f.7");
        for bad in [
            "",
            "0a:1f.7",
            "0000:0a:1f",
            "0000:0a:20.0",
            "0000:0a:1f.8",
            "0000:0A:1f.0",
            "0000:+a:1f.0",
            "00000:0a:1f.0",
            "0000:0a:1f.0/../0000:00:00.0",
        ] {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn nothing_of_the_devices_stays_also_where_the_hypervisor_fails() {
        let bench = bench(&[("0000:03:00.0", "28"), ("0000:03:00.1", "29")]);
        bench.store.set("/libxl/pci/0000-03-00-0/domid", "7");
        bench.store.set("/libxl/pci/0000-03-00-0/name", "card");
        // That is another's by now.
        bench.store.set("/libxl/pci/0000-03-00-1/domid", "9");
        let log = run(&bench, 7);
        assert!(log.contains("taking its PCI devices back"), "{log}");
        let paths = bench.store.paths();
        let left = paths
            .iter()
            .any(|path| path.contains("/pci/7") || path.contains("device/pci"));
        assert!(!left, "{paths:?}");
        assert_eq!(bench.store.get("/libxl/pci/0000-03-00-0/domid"), None);
        assert!(bench.store.get("/libxl/pci/0000-03-00-0/name").is_some());
        assert!(bench.store.get("/libxl/pci/0000-03-00-1/domid").is_some());
        assert!(
            bench
                .store
                .get("/local/domain/0/backend/vif/7/0/state")
                .is_some()
        );
    }

    #[test]
    fn a_stub_domains_device_was_its_guests() {
        let bench = bench(&[("0000:03:00.0", "0")]);
        bench.store.set("/local/domain/7/target", "6");
        bench.store.set("/libxl/pci/0000-03-00-0/domid", "6");
        run(&bench, 7);
        assert_eq!(bench.store.get("/libxl/pci/0000-03-00-0/domid"), None);
    }

    #[test]
    fn who_has_no_devices_costs_one_look() {
        let bench = Bench::new();
        assert_eq!(run(&bench, 7), "");
        let log = bench.store.log();
        assert_eq!(log.len(), 1, "{log:?}");
    }

    #[test]
    fn what_is_no_record_is_named_and_passed_over() {
        let bad = bench(&[
            ("../../etc", "0"),
            ("0000:03:00.0", "x"),
            ("0000:04:00.0", "0"),
        ]);
        let bus = Device::plain(7, DeviceKind::Pci, 0, DOM0);
        let found = bad.ctx.block_on(async |op| recorded(op, &bus).await);
        let found = found.unwrap().unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].address, address("0000:04:00.0"));
        let log = bad.lines.lock().unwrap().join("\n");
        assert!(log.contains("dev-0") && log.contains("vdevfn-1"), "{log}");

        let endless = bench(&[]);
        endless.store.set(&format!("{BACKEND}/num_devs"), "257");
        let found = endless.ctx.block_on(async |op| recorded(op, &bus).await);
        assert_eq!(found.unwrap().unwrap(), []);
        assert!(run(&endless, 7).contains("num_devs"));
    }

    #[test]
    fn a_device_is_reset_by_whoever_can() {
        let sysfs = tempfile::tempdir().unwrap();
        let file = |path: &str| {
            let path = sysfs.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        };
        let one = address("0000:03:00.0");
        // Nobody can.
        reset(sysfs.path(), one);
        assert_eq!(fs::read_dir(sysfs.path()).unwrap().count(), 0);
        let itself = file("devices/0000:03:00.0/reset");
        reset(sysfs.path(), one);
        assert_eq!(fs::read(&itself).unwrap(), b"1");
        fs::write(&itself, "").unwrap();
        let by_pciback = file("drivers/pciback/do_flr");
        reset(sysfs.path(), one);
        assert_eq!(fs::read(&by_pciback).unwrap(), b"0000:03:00.0");
        assert_eq!(fs::read(&itself).unwrap(), b"");
    }
}
