//! What adding a device must know about the domain that gets it.

use crate::engine::Op;
use crate::store::layout;
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
    let store = op.store()?;
    for info in op.xen()?.domain_list()? {
        let named = store.read_str(&layout::name(info.domid)).await?;
        if named.as_deref() == Some(name) {
            return Ok(info.domid);
        }
    }
    Err(Error::inval(format!("no domain is called {name:?}"))
        .hint("start the driver domain first, or check backend= in the configuration"))
}
