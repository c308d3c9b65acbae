//! The configuration of a running domain: what was stored when it was made, brought up to date with what there is now.

use std::time::Duration;

use super::userdata::{self, Userdata};
use super::{config, memory, query, sched};
use crate::device::every;
use crate::dm;
use crate::engine::{FileLock, Op};
use crate::store::layout;
use crate::types::{Bitmap, DeviceModelVersion, DomainConfig, DomainType};
use crate::{Code, Domid, Result};

/// How long QEMU may take to list its vCPUs.
const QMP: Duration = Duration::from_secs(10);

/// A configuration from which the domain could be built again as it is now.
pub async fn retrieve(op: &Op, domid: Domid) -> Result<DomainConfig> {
    let files = Userdata::of(op.xen()?, domid).map_err(|e| e.code_as(Code::LockFail))?;
    let _devices = FileLock::acquire(op, files.device_changes_lock()).await?;
    let mut config = userdata::with(op, domid, config::load)
        .await
        .map_err(|e| match e.code() {
            Code::LockFail | Code::Aborted => e,
            _ => e.code_as(Code::Fail),
        })?;
    let info = query::info(op.xen()?, domid)?;
    let name = query::name(&op.store()?, domid).await?;
    config.c_info.name = name.map(|name| String::from_utf8_lossy(&name).into_owned());
    config.c_info.uuid = info.uuid;
    config.b_info.avail_vcpus = vcpus(op, domid, &config).await?;
    let target = memory::target(op, domid).await?;
    // Dom0's video memory is "unset", all ones: the sum wraps round to one less, which C callers see as well.
    let fudge = memory::target_fudge_kb(&config.b_info);
    config.b_info.target_memkb = target.target_kb.wrapping_add(fudge);
    config.b_info.max_memkb = target.max_kb;
    config.b_info.sched_params = sched::read(op.xen()?, domid)?;
    every::refresh(op, domid, &mut config).await?;
    Ok(config)
}

/// The vCPUs that are plugged in. QEMU has its own idea of them, and refuses a saved state that has another.
async fn vcpus(op: &Op, domid: Domid, config: &DomainConfig) -> Result<Bitmap> {
    let count = usize::try_from(config.b_info.max_vcpus).unwrap_or(0);
    let mut present = Bitmap::new(count);
    let version = op.store()?.read_str(&layout::dm_version(domid)).await?;
    let qemu_xen = version.as_deref() == Some(DeviceModelVersion::QemuXen.name());
    if config.c_info.type_ == DomainType::Hvm && qemu_xen {
        let asked = async { dm::connect(op, domid).await?.query_cpus().await };
        let numbers = op.timeout(QMP, "asking QEMU for its vCPUs", asked).await?;
        // A number beyond the domain's vCPUs, or a count that the stored configuration leaves open, sets nothing.
        numbers.into_iter().for_each(|number| present.set(number));
        return Ok(present);
    }
    for vcpu in 0..count {
        let path = layout::domain_sub(domid, &format!("cpu/{vcpu}/availability"));
        if op.store()?.read(&path).await?.as_deref() == Some(b"online") {
            present.set(vcpu);
        }
    }
    Ok(present)
}
