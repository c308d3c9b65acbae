//! Every xenstore path the library uses, in one place. Facts: docs/misc/xenstore-paths.pandoc and libxl of Xen 4.17.

use std::fmt::Display;

use crate::Domid;

pub use store_wire::number as parse_number;

/// Where xenstored publishes the domain it runs in.
pub const XENSTORED_DOMID: &str = "/tool/xenstored/domid";
/// Where xenconsoled publishes the domain it runs in.
pub const XENCONSOLED_DOMID: &str = "/tool/xenconsoled/domid";
/// Fires for every domain that went down or away.
pub const RELEASE_DOMAIN: &str = "@releaseDomain";
/// Fires for every domain that was introduced to xenstored.
pub const INTRODUCE_DOMAIN: &str = "@introduceDomain";
/// The parent of all domains' directories.
pub const DOMAINS: &str = "/local/domain";
/// The parent of the toolstack's private directories.
pub const LIBXL: &str = "/libxl";

/// `/local/domain/N`, the directory a domain sees as its own.
pub fn domain(domid: Domid) -> String {
    format!("/local/domain/{domid}")
}

/// `/local/domain/N/SUB`.
pub fn domain_sub(domid: Domid, sub: &str) -> String {
    format!("/local/domain/{domid}/{sub}")
}

/// `/vm/UUID`; the UUID is written lower case with dashes.
pub fn vm(uuid: impl Display) -> String {
    format!("/vm/{uuid}")
}

/// `/vm/UUID/SUB`.
pub fn vm_sub(uuid: impl Display, sub: &str) -> String {
    format!("/vm/{uuid}/{sub}")
}

/// `/libxl/N`, what the toolstack knows about a domain and no guest can write.
pub fn libxl(domid: Domid) -> String {
    format!("/libxl/{domid}")
}

/// `/libxl/N/SUB`.
pub fn libxl_sub(domid: Domid, sub: &str) -> String {
    format!("/libxl/{domid}/{sub}")
}

/// `/local/domain/B/libxl/xen-9pfs`, where the daemon for shared directories of domain B says that it runs.
pub fn xen_9pfs(backend_domid: Domid) -> String {
    domain_sub(backend_domid, "libxl/xen-9pfs")
}

/// `/libxl/N/device`, the parent of the kinds of devices.
pub fn libxl_devices(domid: Domid) -> String {
    libxl_sub(domid, "device")
}

/// `/libxl/N/device/KIND`, the parent of the devices of one kind.
pub fn libxl_device_kind(domid: Domid, kind: &str) -> String {
    format!("/libxl/{domid}/device/{kind}")
}

/// `/libxl/N/device/KIND/DEVID`, the toolstack's own copy of a device's configuration.
pub fn libxl_device(domid: Domid, kind: &str, devid: impl Display) -> String {
    format!("/libxl/{domid}/device/{kind}/{devid}")
}

/// `/libxl/N/dm-version`, which device model the domain was made for.
pub fn dm_version(domid: Domid) -> String {
    libxl_sub(domid, "dm-version")
}

/// `/libxl/N/type`: pv, pvh or hvm.
pub fn domain_type(domid: Domid) -> String {
    libxl_sub(domid, "type")
}

/// `/local/domain/N/device/KIND/DEVID`. The first console is older than the scheme and lives in
/// `/local/domain/N/console`.
pub fn frontend(domid: Domid, kind: &str, devid: i32) -> String {
    if kind == "console" && devid == 0 {
        return console(domid);
    }
    format!("/local/domain/{domid}/device/{kind}/{devid}")
}

/// `/local/domain/B/backend`.
pub fn backends(backend_domid: Domid) -> String {
    domain_sub(backend_domid, "backend")
}

/// `/local/domain/B/backend/KIND/N`, the parent of a guest's backends of one kind.
pub fn backend_kind(backend_domid: Domid, kind: &str, domid: Domid) -> String {
    format!("/local/domain/{backend_domid}/backend/{kind}/{domid}")
}

/// `/local/domain/B/backend/KIND/N/DEVID`.
pub fn backend(backend_domid: Domid, kind: &str, domid: Domid, devid: impl Display) -> String {
    format!("/local/domain/{backend_domid}/backend/{kind}/{domid}/{devid}")
}

/// `/libxl/pci/ADDRESS/domid`: who has a PCI device of the host.
pub fn pci_user(address: &str) -> String {
    format!("/libxl/pci/{address}/domid")
}

/// `backend/KIND/N/DEVID`, the same path seen from the backend's domain, as hotplug scripts get it.
pub fn backend_relative(kind: &str, domid: Domid, devid: impl Display) -> String {
    format!("backend/{kind}/{domid}/{devid}")
}

/// `/local/domain/B/libxl/N`, what the toolstack of driver domain B keeps of guest N.
pub fn driver_libxl(backend_domid: Domid, domid: Domid) -> String {
    format!("/local/domain/{backend_domid}/libxl/{domid}")
}

/// `/local/domain/B/libxl/N/qdisk-backend-pid`: the process of B's QEMU that serves disks of guest N.
pub fn backend_qemu_pid(backend_domid: Domid, domid: Domid) -> String {
    format!("{}/qdisk-backend-pid", driver_libxl(backend_domid, domid))
}

/// `/local/domain/B/device-model/N`: what the device model in B says about guest N.
pub fn dm(dm_domid: Domid, domid: Domid) -> String {
    format!("/local/domain/{dm_domid}/device-model/{domid}")
}

/// `/local/domain/B/device-model/N/state`: "running" once the device model is up.
pub fn dm_state(dm_domid: Domid, domid: Domid) -> String {
    format!("{}/state", dm(dm_domid, domid))
}

/// Where the stub domain of guest N says that its QEMU can open the medium of a CD drive: "1" while it can.
pub fn dm_fdset(stub_domid: Domid, domid: Domid, devid: impl Display) -> String {
    format!("{}/fdset/{devid}", dm(stub_domid, domid))
}

/// `/local/domain/N/image`.
pub fn image(domid: Domid) -> String {
    domain_sub(domid, "image")
}

/// The process that runs guest N's device model in dom0.
pub fn dm_pid(domid: Domid) -> String {
    domain_sub(domid, "image/device-model-pid")
}

/// The user whose processes are killed with the guest, when QEMU runs under a user of its own.
pub fn dm_kill_uid(domid: Domid) -> String {
    domain_sub(domid, "image/device-model-kill-uid")
}

/// The stub domain that runs guest N's device model.
pub fn dm_domid(domid: Domid) -> String {
    domain_sub(domid, "image/device-model-domid")
}

/// In a stub domain's directory: the guest it serves.
pub fn target(domid: Domid) -> String {
    domain_sub(domid, "target")
}

/// In a stub domain's directory: the process that forwards its QMP.
pub fn qmp_proxy_pid(stub_domid: Domid) -> String {
    domain_sub(stub_domid, "image/qmp-proxy-pid")
}

/// Where the QMP proxy of a stub domain says that it runs.
pub fn qmp_proxy_state(stub_domid: Domid) -> String {
    format!("{}/qmp-proxy-state", dm(crate::DOM0, stub_domid))
}

/// What the server of a stub domain in dom0 is to do; only dom0 reads it.
pub fn stubdom_server(stub_domid: Domid) -> String {
    format!("/libxl/{stub_domid}/server")
}

/// Where the vchan of a stub domain's QMP is found.
pub fn qmp_vchan(stub_domid: Domid, domid: Domid) -> String {
    format!("{}/qmp-vchan", dm(stub_domid, domid))
}

/// `/local/domain/N/hvmloader`.
pub fn hvmloader(domid: Domid) -> String {
    domain_sub(domid, "hvmloader")
}

/// `/local/domain/N/console`.
pub fn console(domid: Domid) -> String {
    domain_sub(domid, "console")
}

/// `/libxl/N/bootloader-disk`, the number of the disk that dom0 has for guest N's bootloader.
pub fn bootloader_disk(domid: Domid) -> String {
    libxl_sub(domid, "bootloader-disk")
}

/// The terminal of console `number` of a paravirtual console (0 is the first).
pub fn console_tty(domid: Domid, number: u32) -> String {
    match number {
        0 => domain_sub(domid, "console/tty"),
        _ => format!("/local/domain/{domid}/device/console/{number}/tty"),
    }
}

/// The terminal of emulated serial port `number`.
pub fn serial_tty(domid: Domid, number: u32) -> String {
    format!("/local/domain/{domid}/serial/{number}/tty")
}

/// Where a domain is asked to shut down.
pub fn control_shutdown(domid: Domid) -> String {
    domain_sub(domid, "control/shutdown")
}

/// `/local/domain/N/vm`, whose value is the path of the VM node.
pub fn vm_link(domid: Domid) -> String {
    domain_sub(domid, "vm")
}

/// `/local/domain/N/name`.
pub fn name(domid: Domid) -> String {
    domain_sub(domid, "name")
}

/// `/local/pool/N`, the directory of a CPU pool.
pub fn cpupool(poolid: u32) -> String {
    format!("/local/pool/{poolid}")
}

/// The path of the directory that holds `path`; `None` for the root.
pub fn parent(path: &str) -> Option<&str> {
    match path.rfind('/')? {
        0 if path.len() > 1 => Some("/"),
        0 => None,
        at => Some(&path[..at]),
    }
}

/// Reads a domain id out of a store value that others may have written: decimal digits only, at most 0x7fff.
pub fn parse_domid(text: &str) -> Option<Domid> {
    parse_number(text).filter(|domid| *domid <= 0x7fff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_console_is_special() {
        assert_eq!(frontend(5, "console", 0), "/local/domain/5/console");
        assert_eq!(
            frontend(5, "console", 1),
            "/local/domain/5/device/console/1"
        );
        assert_eq!(frontend(5, "vif", 0), "/local/domain/5/device/vif/0");
    }

    #[test]
    fn numbers_are_strict() {
        assert_eq!(parse_domid("12"), Some(12));
        for bad in ["", "+1", "-1", " 1", "1 ", "0x1", "99999", "99999999999"] {
            assert_eq!(parse_domid(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn parents() {
        assert_eq!(parent("/a/b"), Some("/a"));
        assert_eq!(parent("/a"), Some("/"));
        assert_eq!(parent("/"), None);
    }
}
