//! What connects a domain to its device model, xenstored and consoles, as hypervisor, xenstore and dom0 see it, side by
//! side. For looking at a domain that does not work; nothing is changed. `Display` shows it, [`findings`] says what
//! does not fit together.

mod findings;
mod text;

use std::collections::BTreeMap;

use crate::engine::Op;
use crate::store::{Store, layout};
use crate::types::DomainType;
use crate::xen::ioreq::Owner;
use crate::xen::{Channel, DomainInfo, HvmParam, Xen};
use crate::{Code, DOM0, Domid, Error, Result, dm, log};

pub use findings::findings;

/// Frontends whose event channels are looked up; a guest can make more nodes than that.
const MAX_FRONTENDS: usize = 256;
/// Characters of a node's value that are shown.
const SHOWN: usize = 60;

/// One domain.
#[derive(Debug)]
pub struct Picture {
    /// Its number.
    pub domid: Domid,
    /// Its name in xenstore.
    pub name: Option<String>,
    /// PV, PVH or HVM.
    pub kind: DomainType,
    /// As `xl list` has it, in words.
    pub state: &'static str,
    /// vCPUs that it can have.
    pub vcpus: u32,
    /// HVM parameters that the hypervisor tells; empty for PV.
    pub params: Vec<(HvmParam, u64)>,
    /// The pages that they name.
    pub pages: Vec<SpecialPage>,
    /// ioreq servers; empty for PV.
    pub servers: Vec<(u16, Owner)>,
    /// Its ports.
    pub channels: BTreeMap<u32, Port>,
    /// What xenstore says of the rings.
    pub nodes: Nodes,
    /// Its device model.
    pub model: Model,
    /// The guest whose stub domain this is, and what that guest says.
    pub target: Option<Target>,
}

/// A page with a purpose, outside the guest's ordinary memory.
#[derive(Clone, Copy, Debug)]
pub struct SpecialPage {
    /// The parameter that names it.
    pub param: HvmParam,
    /// Its guest frame.
    pub gfn: u64,
    /// Whether there is memory.
    pub present: bool,
}

/// A port of the domain's.
#[derive(Clone, Debug)]
pub struct Port {
    /// What the hypervisor says.
    pub channel: Channel,
    /// For a channel of the hypervisor's, who has bound the other end: domain and port.
    pub peer: Option<(Domid, u32)>,
    /// What it is for, as far as that is known.
    pub purpose: Option<String>,
}

/// Nodes in the domain's directory. Values are numbers or were not understood.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    /// Whether there is a directory at all.
    pub directory: bool,
    /// Whether the toolstack has its own.
    pub toolstack: bool,
    /// `store/ring-ref`
    pub store_ring: Option<u64>,
    /// `store/port`
    pub store_port: Option<u64>,
    /// `console/ring-ref`
    pub console_ring: Option<u64>,
    /// `console/port`
    pub console_port: Option<u64>,
    /// Whether xenconsoled serves the first console.
    pub xenconsoled: bool,
}

/// A domain's device model.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Which one the toolstack chose.
    pub version: Option<String>,
    /// The process on record in dom0.
    pub pid: Option<u32>,
    /// Its program, when it runs and serves this domain.
    pub process: Option<String>,
    /// The stub domain on record.
    pub stubdom: Option<Stubdom>,
    /// What it says of itself.
    pub state: Option<String>,
}

/// A domain that is on record as a stub domain.
#[derive(Clone, Debug)]
pub struct Stubdom {
    /// Its number.
    pub domid: Domid,
    /// Its name.
    pub name: Option<String>,
    /// Its state; None when there is no such domain.
    pub state: Option<&'static str>,
    /// The guest that it has on record.
    pub target: Option<Domid>,
}

/// The guest of a stub domain.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its number.
    pub domid: Domid,
    /// Whether it exists.
    pub there: bool,
    /// The stub domain that it has on record.
    pub stubdom: Option<Domid>,
}

/// Looks at a domain. [`Code::DomainNotfound`] when there is none; the error then tells what is left of it.
pub async fn look(op: &Op, domid: Domid) -> Result<Picture> {
    let (xen, store) = (op.xen()?, op.store()?);
    let Some(info) = xen.domain_info(domid)? else {
        return Err(missing(&store, domid).await?);
    };
    let kind = super::query::type_of(op, domid).await?;
    let hvm = info.flags.hvm();
    let params = if hvm { params(xen, domid) } else { Vec::new() };
    let servers = match hvm {
        true => xen.ioreq_servers(domid)?,
        false => Vec::new(),
    };
    let model = model(op, domid).await?;
    let nodes = nodes(&store, domid).await?;
    let mut picture = Picture {
        domid,
        name: text(&store, &layout::name(domid)).await?,
        kind,
        state: state(&info),
        vcpus: info.max_vcpu_id.wrapping_add(1),
        pages: pages(xen, domid, &params),
        params,
        servers,
        channels: channels(xen, domid, model.stubdom.as_ref())?,
        nodes,
        model,
        target: target(op, domid).await?,
    };
    name_purposes(&store, &mut picture).await?;
    Ok(picture)
}

/// The error for a domain that is not there.
async fn missing(store: &Store, domid: Domid) -> Result<Error> {
    let mut left = Vec::new();
    for path in [layout::domain(domid), layout::libxl(domid)] {
        if store.read(&path).await?.is_some() {
            left.push(path);
        }
    }
    let error = Error::new(Code::DomainNotfound, "there is no such domain").domain(domid);
    Ok(match left.is_empty() {
        true => error,
        false => error.hint(format!("but xenstore still has {}", left.join(" and "))),
    })
}

fn state(info: &DomainInfo) -> &'static str {
    let flags = info.flags;
    match () {
        () if flags.dying() => "dying",
        () if flags.shutdown() => "shut down",
        () if flags.paused() => "paused",
        () => "running",
    }
}

fn params(xen: &Xen, domid: Domid) -> Vec<(HvmParam, u64)> {
    let get = |param: HvmParam| Some((param, xen.hvm_param_get(domid, param).ok()?));
    HvmParam::ALL.into_iter().filter_map(get).collect()
}

impl Picture {
    /// The value of a parameter, when it is set.
    pub(super) fn param(&self, wanted: HvmParam) -> Option<u64> {
        let found = self.params.iter().find(|(param, _)| *param == wanted);
        found.map(|(_, value)| *value).filter(|value| *value != 0)
    }
}

fn pages(xen: &Xen, domid: Domid, params: &[(HvmParam, u64)]) -> Vec<SpecialPage> {
    let value = |wanted| params.iter().find(|(param, _)| *param == wanted);
    let servers = value(HvmParam::NrIoreqServerPages).map_or(0, |(_, count)| (*count).min(64));
    let mut pages = Vec::new();
    for (param, value) in params {
        let (first, count) = match param {
            HvmParam::IoreqServerPfn => (*value, servers),
            HvmParam::IdentPt | HvmParam::Vm86Tss => (*value / crate::xen::PAGE_SIZE, 1),
            HvmParam::StorePfn
            | HvmParam::ConsolePfn
            | HvmParam::IoreqPfn
            | HvmParam::BufIoreqPfn
            | HvmParam::PagingRingPfn
            | HvmParam::MonitorRingPfn
            | HvmParam::SharingRingPfn => (*value, 1),
            _ => continue,
        };
        if *value == 0 {
            continue;
        }
        for gfn in first..first.saturating_add(count) {
            pages.push(SpecialPage {
                param: *param,
                gfn,
                present: xen.guest_memory(domid).map(&[gfn]).is_ok(),
            });
        }
    }
    pages
}

/// The ports, with the other ends of those that the hypervisor does not show.
fn channels(xen: &Xen, domid: Domid, stubdom: Option<&Stubdom>) -> Result<BTreeMap<u32, Port>> {
    let mut peers = BTreeMap::new();
    let stubdom = stubdom.filter(|stubdom| stubdom.state.is_some());
    for peer in std::iter::once(DOM0).chain(stubdom.map(|stubdom| stubdom.domid)) {
        for (port, channel) in xen.event_channels(peer)? {
            match channel {
                Channel::Interdomain(remote, theirs) if remote == domid => {
                    peers.insert(theirs, (peer, port));
                }
                _ => {}
            }
        }
    }
    let ports = xen.event_channels(domid)?.into_iter();
    Ok(ports
        .map(|(port, channel)| {
            let peer = peers.get(&port).copied();
            let peer = peer.filter(|_| channel == Channel::Hypervisor);
            let purpose = None;
            let port_of = Port {
                channel,
                peer,
                purpose,
            };
            (port, port_of)
        })
        .collect())
}

/// A value for showing: one line, bounded, with nothing in it that could fool a terminal.
async fn text(store: &Store, path: &str) -> Result<Option<String>> {
    let value = store.read(path).await?;
    Ok(value.map(|value| {
        let text = String::from_utf8_lossy(&value);
        text.chars().take(SHOWN).map(log::plain).collect()
    }))
}

async fn number(store: &Store, path: &str) -> Result<Option<u64>> {
    let value = text(store, path).await?;
    let digits = value.filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
    Ok(digits.and_then(|digits| digits.parse().ok()))
}

async fn nodes(store: &Store, domid: Domid) -> Result<Nodes> {
    let sub = |path: &str| layout::domain_sub(domid, path);
    let console = text(store, &sub("console/type")).await?;
    Ok(Nodes {
        directory: store.read(&layout::domain(domid)).await?.is_some(),
        toolstack: store.read(&layout::libxl(domid)).await?.is_some(),
        store_ring: number(store, &sub("store/ring-ref")).await?,
        store_port: number(store, &sub("store/port")).await?,
        console_ring: number(store, &sub("console/ring-ref")).await?,
        console_port: number(store, &sub("console/port")).await?,
        xenconsoled: console.as_deref() == Some("xenconsoled"),
    })
}

async fn domid_at(store: &Store, path: &str) -> Result<Option<Domid>> {
    let value = text(store, path).await?;
    Ok(value.as_deref().and_then(layout::parse_domid))
}

async fn model(op: &Op, domid: Domid) -> Result<Model> {
    let (xen, store) = (op.xen()?, op.store()?);
    let stubdom = dm::stubdom_of(op, domid).await?;
    let pid = number(&store, &layout::dm_pid(domid)).await?;
    let pid = pid.and_then(|pid| u32::try_from(pid).ok());
    let mut model = Model {
        version: text(&store, &layout::dm_version(domid)).await?,
        pid,
        process: pid.and_then(|pid| dm::process_of(domid, pid)),
        state: text(&store, &layout::dm_state(stubdom.unwrap_or(DOM0), domid)).await?,
        stubdom: None,
    };
    if let Some(stubdom) = stubdom {
        model.stubdom = Some(Stubdom {
            domid: stubdom,
            name: text(&store, &layout::name(stubdom)).await?,
            state: xen.domain_info(stubdom)?.as_ref().map(state),
            target: domid_at(&store, &layout::target(stubdom)).await?,
        });
    }
    Ok(model)
}

async fn target(op: &Op, domid: Domid) -> Result<Option<Target>> {
    let Some(target) = dm::target_of(op, domid).await? else {
        return Ok(None);
    };
    Ok(Some(Target {
        domid: target,
        there: op.xen()?.domain_info(target)?.is_some(),
        stubdom: dm::stubdom_of(op, target).await?,
    }))
}

/// Says of each port what it is for: by parameters and nodes of the toolstack's, and by what the guest's frontends say.
async fn name_purposes(store: &Store, picture: &mut Picture) -> Result<()> {
    let mut names: Vec<(u64, String)> = Vec::new();
    for (param, node, name) in [
        (HvmParam::StoreEvtchn, picture.nodes.store_port, "xenstore"),
        (
            HvmParam::ConsoleEvtchn,
            picture.nodes.console_port,
            "console",
        ),
    ] {
        let port = picture.param(param).or(node);
        names.extend(port.map(|port| (port, name.to_owned())));
    }
    for (id, owner) in &picture.servers {
        if let Owner::Here(port @ 1..) = owner {
            let name = format!("ioreq server {id}, buffered requests");
            names.push((u64::from(*port), name));
        }
    }
    let devices = layout::domain_sub(picture.domid, "device");
    let mut looked_at = 0;
    for kind in store.list(&devices).await? {
        for device in store.list(&format!("{devices}/{kind}")).await? {
            looked_at += 1;
            if looked_at > MAX_FRONTENDS {
                break;
            }
            for channel in [
                "event-channel",
                "event-channel-tx",
                "event-channel-rx",
                "port",
            ] {
                let path = format!("{devices}/{kind}/{device}/{channel}");
                let name = format!("{kind} {device}");
                names.extend(number(store, &path).await?.map(|port| (port, name)));
            }
        }
    }
    for (port, name) in names {
        let port = u32::try_from(port).ok();
        if let Some(port) = port.and_then(|port| picture.channels.get_mut(&port)) {
            port.purpose.get_or_insert(name);
        }
    }
    Ok(())
}
