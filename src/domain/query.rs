//! Asking about domains: what runs, under which name, of which type, with which stub domain.

use crate::engine::Op;
use crate::store::{Store, layout};
use crate::types::{DomainType, Dominfo, ShutdownReason, Uuid, Vminfo};
use crate::xen::{DomainInfo, PAGE_SIZE, Xen};
use crate::{Code, Domid, Error, Result, device, dm};

/// Guests have numbers 1 up to this one; what is above belongs to Xen itself.
const LAST_GUEST: Domid = 0x7fef;

/// Whether a guest can have this number.
pub fn is_guest_domid(domid: Domid) -> bool {
    (1..=LAST_GUEST).contains(&domid)
}

/// What Xen knows of one domain. `ERROR_DOMAIN_NOTFOUND` when there is none.
pub fn info(xen: &Xen, domid: Domid) -> Result<Dominfo> {
    match xen.domain_info(domid)? {
        Some(info) => Ok(dominfo(xen, &info)),
        None => Err(not_found(domid)),
    }
}

/// All domains, in the order of their numbers.
pub fn list(xen: &Xen) -> Result<Vec<Dominfo>> {
    let domains = xen.domain_list()?;
    Ok(domains.iter().map(|info| dominfo(xen, info)).collect())
}

fn dominfo(xen: &Xen, info: &DomainInfo) -> Dominfo {
    let kb = |pages: u64| pages.wrapping_mul(PAGE_SIZE / 1024);
    let flags = info.flags;
    let reason = ShutdownReason::from_raw(info.shutdown_code.into());
    Dominfo {
        uuid: Uuid(info.handle),
        domid: info.domid,
        ssidref: info.ssidref,
        // Without the label the rest is still worth having.
        ssid_label: xen.flask_label(info.ssidref).ok().flatten(),
        running: flags.running(),
        blocked: flags.blocked(),
        paused: flags.paused(),
        shutdown: flags.shutdown(),
        dying: flags.dying(),
        never_stop: flags.xs_domain(),
        shutdown_reason: reason
            .filter(|_| flags.shutdown())
            .unwrap_or(ShutdownReason::Unknown),
        outstanding_memkb: kb(info.outstanding_pages),
        current_memkb: kb(info.tot_pages),
        shared_memkb: kb(info.shr_pages),
        paged_memkb: kb(info.paged_pages),
        max_memkb: kb(info.max_pages),
        cpu_time: info.cpu_time,
        vcpu_max_id: info.max_vcpu_id,
        vcpu_online: info.nr_online_vcpus,
        cpupool: info.cpupool,
        gpaddr_bits: info.gpaddr_bits,
        domain_type: if flags.hvm() {
            DomainType::Hvm
        } else {
            DomainType::Pv
        },
    }
}

/// All virtual machines: domains that are no other domain's stub domain.
pub async fn list_vm(op: &Op) -> Result<Vec<Vminfo>> {
    let mut machines = Vec::new();
    for info in op.xen()?.domain_list()? {
        if dm::target_of(op, info.domid).await?.is_none() {
            machines.push(Vminfo {
                uuid: Uuid(info.handle),
                domid: info.domid,
            });
        }
    }
    Ok(machines)
}

/// A domain's name as it stands in the store, which need not be UTF-8; `None` when it has none.
pub async fn name(store: &Store, domid: Domid) -> Result<Option<Vec<u8>>> {
    store.read(&layout::name(domid)).await
}

/// The domain called `name`, byte by byte. `ERROR_INVAL` when no domain is.
pub async fn by_name(op: &Op, name: &[u8]) -> Result<Domid> {
    let none = || {
        let name = String::from_utf8_lossy(name);
        Error::inval(format!("no domain is called {name:?}"))
    };
    device::called(op, name).await?.ok_or_else(none)
}

/// The domain that `text` means: a number as it stands, or the name of a domain.
pub async fn by_qualifier(op: &Op, text: &[u8]) -> Result<Domid> {
    if text.is_empty() {
        return Err(Error::inval("an empty string names no domain"));
    }
    let digits = text.iter().all(u8::is_ascii_digit);
    let digits = std::str::from_utf8(text).ok().filter(|_| digits);
    let Some(digits) = digits else {
        return by_name(op, text).await;
    };
    digits
        .parse()
        .map_err(|_| Error::inval(format!("{digits} is no domain's number")))
}

/// PV, PVH or HVM. Xen tells PV from the others, the toolstack's own note tells HVM from PVH.
pub async fn type_of(op: &Op, domid: Domid) -> Result<DomainType> {
    let info = op.xen()?.domain_info(domid)?;
    let info = info.ok_or_else(|| not_found(domid).code_as(Code::Fail))?;
    if !info.flags.hvm() {
        return Ok(DomainType::Pv);
    }
    let note = op.store()?.read_str(&layout::domain_type(domid)).await?;
    let noted = note.as_deref().and_then(DomainType::from_name);
    Ok(noted.unwrap_or_else(|| {
        crate::log_line!(
            op.log(),
            crate::log::Level::Warn,
            domid,
            "unable to get the domain's type, assuming HVM"
        );
        DomainType::Hvm
    }))
}

/// Seconds since the epoch at which the virtual machine was built.
pub async fn start_time(op: &Op, domid: Domid) -> Result<u32> {
    let store = op.store()?;
    let unknown = || Error::fail("the store does not tell when the domain started").domain(domid);
    let vm = store.read_str(&layout::vm_link(domid)).await?;
    let path = format!("{}/start_time", vm.ok_or_else(unknown)?);
    let text = store.read_str(&path).await?.ok_or_else(unknown)?;
    let seconds = text.split('.').next().unwrap_or_default();
    layout::parse_number(seconds).ok_or_else(unknown)
}

pub(super) fn not_found(domid: Domid) -> Error {
    Error::new(Code::DomainNotfound, format!("there is no domain {domid}")).domain(domid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Bench;

    #[test]
    fn guests_have_numbers_between_dom0_and_xens_own() {
        assert!(!is_guest_domid(0));
        assert!(is_guest_domid(1) && is_guest_domid(0x7fef));
        assert!(!is_guest_domid(0x7ff0) && !is_guest_domid(Domid::MAX));
    }

    #[test]
    fn digits_are_a_number_and_nothing_is_no_domain() {
        let bench = Bench::new();
        let find = |text: &'static str| {
            bench
                .ctx
                .block_on(async |op| by_qualifier(op, text.as_bytes()).await)
        };
        assert_eq!(find("17").expect("a number"), 17);
        for none in ["", "4294967296"] {
            assert_eq!(
                find(none).expect_err("no domain").code(),
                Code::Inval,
                "{none:?}"
            );
        }
    }

    #[test]
    fn start_times_are_whole_seconds() {
        let bench = Bench::new();
        let read = || bench.ctx.block_on(async |op| start_time(op, 5).await);
        assert!(read().is_err());
        bench.store.set("/local/domain/5/vm", "/vm/x");
        bench.store.set("/vm/x/start_time", "1700000000.05");
        assert_eq!(read().expect("a time"), 1_700_000_000);
        bench.store.set("/vm/x/start_time", "soon");
        assert!(read().is_err());
    }
}
