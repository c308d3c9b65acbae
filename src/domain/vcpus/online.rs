//! Plugging and unplugging vCPUs of a running guest.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::dm::{self, Running};
use crate::domain::query;
use crate::engine::Op;
use crate::store::{Batch, layout};
use crate::types::{Bitmap, DomainType};
use crate::{Code, Domid, Error, Result};

/// How long QEMU may take for all that is asked of it.
const QMP: Duration = Duration::from_secs(10);
/// Longer names of CPU drivers do not occur.
const MAX_DRIVER: usize = 256;

/// Asks the guest to run exactly the vCPUs in `wanted`. QEMU learns of the additional ones first; it cannot unplug any.
pub async fn set_online(op: &Op, domid: Domid, wanted: &Bitmap) -> Result<()> {
    let about = |error: Error| error.domain(domid);
    let all = count(query::info(op.xen()?, domid)?.vcpu_max_id);
    check(wanted, all).map_err(about)?;
    if in_qemu(op, domid, query::type_of(op, domid).await?).await? {
        let plug = plug_in(op, domid, wanted);
        op.timeout(QMP, "Setting CPU online in QEMU", plug)
            .await
            .map_err(about)?;
    }
    let mut batch = Batch::new();
    for vcpu in 0..all {
        let online = wanted.test(vcpu as usize);
        batch.write(
            layout::domain_sub(domid, &format!("cpu/{vcpu}/availability")),
            if online { "online" } else { "offline" },
        );
    }
    op.store()?.apply(&batch).await.map_err(about)
}

/// How many vCPUs there are when `last` has the highest number; a domain without any has -1 there.
fn count(last: u32) -> u32 {
    last.wrapping_add(1)
}

/// Whether QEMU has to know of the vCPUs, too.
async fn in_qemu(op: &Op, domid: Domid, type_: DomainType) -> Result<bool> {
    Ok(type_ == DomainType::Hvm && Running::read(op, domid).await? == Running::QemuXen)
}

fn check(wanted: &Bitmap, all: u32) -> Result<()> {
    match wanted.count() {
        0 => Err(Error::fail("Requested 0 VCPUs!")),
        some if some > all as usize => Err(Error::fail(format!(
            "Requested {some} VCPUs, however maxcpus is {all}!"
        ))
        .hint("set maxvcpus= before the guest is created")),
        _ => Ok(()),
    }
}

async fn plug_in(op: &Op, domid: Domid, wanted: &Bitmap) -> Result<()> {
    let mut client = dm::connect(op, domid).await?;
    let present = client.query_cpus().await?;
    let missing = wanted.iter().filter(|vcpu| !present.contains(vcpu));
    let missing: Vec<usize> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    let driver = match client.execute("query-hotpluggable-cpus", None).await {
        Ok(answer) => Some(driver(&answer)?),
        // QEMU before 2.7.
        Err(error) if error.code() == Code::QmpCommandNotFound => None,
        Err(error) => return Err(error),
    };
    for vcpu in missing {
        let (command, arguments) = match &driver {
            Some(driver) => ("device_add", device(vcpu, driver)),
            None => ("cpu-add", Map::from_iter([("id".to_owned(), vcpu.into())])),
        };
        client.execute(command, Some(arguments)).await?;
    }
    Ok(())
}

/// The kind of CPU that QEMU was started with, from what it says could be plugged in.
fn driver(answer: &Value) -> Result<String> {
    answer
        .get(0)
        .and_then(|cpu| cpu.get("type"))
        .and_then(Value::as_str)
        .filter(|name| !name.is_empty() && name.len() <= MAX_DRIVER)
        .map(str::to_owned)
        .ok_or_else(|| Error::new(Code::QemuApi, "QEMU names no CPU that could be plugged in"))
}

/// QEMU is started with one core and one thread per socket, so that sockets are vCPUs.
fn device(vcpu: usize, driver: &str) -> Map<String, Value> {
    let members: [(&str, Value); 5] = [
        ("id", format!("cpu-{vcpu}").into()),
        ("driver", driver.into()),
        ("socket-id", vcpu.into()),
        ("core-id", 0.into()),
        ("thread-id", 0.into()),
    ];
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Bench;

    #[test]
    fn a_domain_without_vcpus_has_none_to_set() {
        let one: Bitmap = [0].into_iter().collect();
        let error = check(&one, count(u32::MAX)).expect_err("there are none");
        assert!(error.to_string().contains("maxcpus is 0"), "{error}");
        assert!(check(&one, count(0)).is_ok());
    }

    #[test]
    fn the_device_model_on_record_decides_whether_qemu_is_told() {
        let bench = Bench::new();
        let ask = |type_| bench.ctx.block_on(async |op| in_qemu(op, 5, type_).await);
        let set = |version: &str| bench.store.set(&layout::dm_version(5), version);
        assert!(!ask(DomainType::Hvm).expect("one from before the record"));
        set("qemu_xen_traditional");
        assert!(!ask(DomainType::Hvm).expect("a record"));
        set("qemu_xen");
        assert!(ask(DomainType::Hvm).expect("a record"));
        for bad in ["none", "unknown", "qemu", ""] {
            set(bad);
            let error = ask(DomainType::Hvm).expect_err(bad);
            assert_eq!((error.code(), error.domid()), (Code::Inval, Some(5)));
        }
        assert!(!ask(DomainType::Pvh).expect("it has none"));
    }

    #[test]
    fn at_least_one_and_no_more_than_there_are() {
        let two: Bitmap = [0, 1].into_iter().collect();
        assert!(check(&two, 2).is_ok());
        assert!(check(&two, 1).is_err());
        assert!(check(&Bitmap::new(8), 2).is_err());
    }

    #[test]
    fn the_driver_is_the_first_ones_type() {
        let answer = serde_json::json!([{"type": "qemu32-i386-cpu", "vcpus-count": 1}, {}]);
        assert_eq!(driver(&answer).unwrap(), "qemu32-i386-cpu");
        for bad in ["[]", "[{\"type\": 3}]", "[{\"type\": \"\"}]", "{}"] {
            let error = driver(&serde_json::from_str(bad).unwrap()).unwrap_err();
            assert_eq!(error.code(), Code::QemuApi);
        }
    }

    #[test]
    fn a_socket_per_vcpu() {
        let arguments = device(3, "x");
        assert_eq!(arguments["id"], "cpu-3");
        assert_eq!(arguments["socket-id"], 3);
        assert_eq!(arguments.len(), 5);
    }
}
