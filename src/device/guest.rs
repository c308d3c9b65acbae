//! What adding a device must know about the domain that gets it.

use crate::engine::Op;
use crate::store::{Store, layout};
use crate::types::DomainType;
use crate::{Code, Domid, Error, Result};

/// The domain that gets a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Its number.
    pub domid: Domid,
    /// How it is virtualised.
    pub type_: DomainType,
    /// The ABI of a PV guest's shared rings, written for frontends older than Linux 2.6.26.
    pub protocol: Option<&'static str>,
}

impl Guest {
    /// Looks the domain up; [`Code::DomainNotfound`] when there is none.
    pub async fn read(op: &Op, domid: Domid) -> Result<Self> {
        let info = op.xen()?.domain_info(domid)?.ok_or_else(|| {
            Error::new(Code::DomainNotfound, format!("there is no domain {domid}")).domain(domid)
        })?;
        if !info.flags.hvm() {
            return Self::pv(op, domid);
        }
        // PVH and HVM are one to the hypervisor; only the toolstack's record tells them apart.
        let recorded = op.store()?.read_str(&layout::domain_type(domid)).await?;
        let type_ = recorded.as_deref().and_then(DomainType::from_name);
        Ok(Self {
            domid,
            type_: type_.unwrap_or(DomainType::Hvm),
            protocol: None,
        })
    }

    /// A domain that is known to be PV.
    pub fn pv(op: &Op, domid: Domid) -> Result<Self> {
        Ok(Self {
            domid,
            type_: DomainType::Pv,
            protocol: op.xen()?.native_protocol(domid)?,
        })
    }
}

/// The domain that a configuration calls `name`, which may be its number.
pub async fn domid_of(op: &Op, name: &str) -> Result<Domid> {
    if !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) {
        let unknown = || Error::inval(format!("{name} is no domain number"));
        return name.parse().map_err(|_| unknown());
    }
    let none = || {
        Error::inval(format!("no domain is called {name:?}"))
            .hint("start the driver domain first, or check backend= in the configuration")
    };
    called(op, name.as_bytes()).await?.ok_or_else(none)
}

/// The domain with this name, which is compared byte by byte: not every name is UTF-8.
pub async fn called(op: &Op, name: &[u8]) -> Result<Option<Domid>> {
    let domains = op.xen()?.domain_list()?;
    first_called(&op.store()?, domains.iter().map(|info| info.domid), name).await
}

async fn first_called(
    store: &Store,
    domains: impl Iterator<Item = Domid>,
    name: &[u8],
) -> Result<Option<Domid>> {
    for domid in domains {
        if store.holds(&layout::name(domid), name).await? {
            return Ok(Some(domid));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Bench;

    #[test]
    fn a_name_that_is_no_text_hides_nobody() {
        let bench = Bench::new();
        bench.store.set("/local/domain/4/name", b"caf\xe9");
        bench.store.set("/local/domain/5/name", "web");
        let find = |name: &'static [u8]| {
            let found = bench
                .ctx
                .block_on(async |op| first_called(&op.store()?, [0, 4, 5].into_iter(), name).await);
            found.expect("a look at every name")
        };
        assert_eq!(find(b"web"), Some(5));
        assert_eq!(find(b"caf\xe9"), Some(4));
        assert_eq!(find(b"caf"), None);
    }
}
