//! What defaults need from the outside: numbers behind labels and names, and the machine's abilities.

use std::io;
use std::os::unix::fs::PermissionsExt;

use super::Host;
use crate::engine::Op;
use crate::host::pools;
use crate::log::Level;
use crate::paths::{QEMU, XEN_BOOTDIR};
use crate::store::layout;
use crate::types::DomainConfig;
use crate::xen::PhysInfo;
use crate::{Error, Result, log_line};

/// Set to anything but nothing: HVM guests have a stub domain by default. For toolstacks whose configuration has no word for it,
/// such as libvirt.
const PREFERS_STUBDOM: &str = "XENLIGHT_STUBDOM";

/// Fills in all of `config` but its devices.
pub async fn complete(op: &Op, config: &mut DomainConfig) -> Result<()> {
    labels(op, config)?;
    pool(op, config).await?;
    let info = op.xen()?.physinfo()?;
    super::fill(config, &host(&info, op.ctx().paging_defaults()))
}

/// The machine that `info` describes, with the programs that are installed on it; `paging_defaults` as in [`Host`].
pub fn host(info: &PhysInfo, paging_defaults: bool) -> Host<'static> {
    Host {
        hap: info.cap_hap(),
        shadow: info.cap_shadow(),
        directio: info.cap_directio(),
        hap_pt_share: info.cap_iommu_hap_pt_share(),
        vpmu: info.cap_vpmu(),
        gnttab_v1: info.cap_gnttab_v1(),
        gnttab_v2: info.cap_gnttab_v2(),
        executable: &executable,
        installed: &|path| std::path::Path::new(path).exists(),
        qemu: QEMU,
        firmware_dir: XEN_BOOTDIR,
        paging_defaults,
        prefers_stubdom: std::env::var_os(PREFERS_STUBDOM).is_some_and(|value| !value.is_empty()),
    }
}

fn executable(path: &str) -> io::Result<()> {
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & 0o111 == 0 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(())
}

/// Turns FLASK's labels into its numbers. Where the hypervisor has no FLASK, labels mean nothing.
fn labels(op: &Op, config: &mut DomainConfig) -> Result<()> {
    let (c_info, b_info) = (&mut config.c_info, &mut config.b_info);
    let stubdomain = "device_model_stubdomain_seclabel";
    for (what, label, sid) in [
        ("init_seclabel", &c_info.ssid_label, &mut c_info.ssidref),
        (
            "seclabel",
            &b_info.exec_ssid_label,
            &mut b_info.exec_ssidref,
        ),
        (
            stubdomain,
            &b_info.device_model_ssid_label,
            &mut b_info.device_model_ssidref,
        ),
    ] {
        let Some(label) = label else { continue };
        let found = op.xen()?.flask_sid(label);
        match found.map_err(|e| e.context(format!("{what}={label:?}")))? {
            Some(number) => *sid = number,
            None => log_line!(
                op.log(),
                Level::Warn,
                None,
                "XSM Disabled: {what} not supported"
            ),
        }
    }
    Ok(())
}

/// Turns the pool's name into its number, and makes sure that there is such a pool.
async fn pool(op: &Op, config: &mut DomainConfig) -> Result<()> {
    let info = &mut config.c_info;
    let store = op.store()?;
    let illegal = |what: String| {
        Error::inval(format!("Illegal pool specified: {what}"))
            .hint("xl cpupool-list shows the pools")
    };
    if let Some(name) = &info.pool_name {
        let number = name.parse().ok();
        let found = match number {
            Some(number) => Some(number),
            None => pools::by_name(op, name).await?,
        };
        info.poolid = found.ok_or_else(|| illegal(format!("{name:?}")))?;
    }
    let path = format!("{}/name", layout::cpupool(info.poolid));
    match store.read(&path).await? {
        Some(_) => Ok(()),
        None => Err(illegal(info.poolid.to_string())),
    }
}
