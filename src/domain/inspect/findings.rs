//! What of a picture does not fit together.

use super::Picture;
use crate::DOM0;
use crate::types::DomainType;
use crate::xen::ioreq::Owner;
use crate::xen::{Channel, HvmParam};

/// The inconsistencies, a sentence each; none for a domain in order. The picture is not taken in one moment: a domain that
/// is just being created or destroyed has some.
pub fn findings(picture: &Picture) -> Vec<String> {
    let mut found = Vec::new();
    nodes(picture, &mut found);
    rings(picture, &mut found);
    pages(picture, &mut found);
    servers(picture, &mut found);
    model(picture, &mut found);
    serving(picture, &mut found);
    found
}

fn nodes(picture: &Picture, found: &mut Vec<String>) {
    let domid = picture.domid;
    if !picture.nodes.directory {
        found.push(format!("xenstore has no /local/domain/{domid}"));
    } else if !picture.nodes.toolstack && domid != DOM0 {
        found.push(format!(
            "xenstore has no /libxl/{domid}: no toolstack made this domain, or the record is gone"
        ));
    }
}

/// Parameters against nodes, and whether the daemons have bound their ends.
fn rings(picture: &Picture, found: &mut Vec<String>) {
    let nodes = &picture.nodes;
    for (name, param, node) in [
        ("store/ring-ref", HvmParam::StorePfn, nodes.store_ring),
        ("store/port", HvmParam::StoreEvtchn, nodes.store_port),
        ("console/ring-ref", HvmParam::ConsolePfn, nodes.console_ring),
        ("console/port", HvmParam::ConsoleEvtchn, nodes.console_port),
    ] {
        if let (Some(param_value), Some(node)) = (picture.param(param), node)
            && param_value != node
        {
            let param = param.name();
            found.push(format!(
                "{name} is {node} in xenstore, but the parameter {param} is {param_value}"
            ));
        }
    }
    let store = picture.param(HvmParam::StoreEvtchn).or(nodes.store_port);
    bound(picture, "xenstore", store, found);
    if nodes.xenconsoled {
        let console = picture.param(HvmParam::ConsoleEvtchn);
        bound(picture, "console", console.or(nodes.console_port), found);
    }
}

/// A port that a daemon should have bound.
fn bound(picture: &Picture, what: &str, port: Option<u64>, found: &mut Vec<String>) {
    let Some(port) = port else {
        return;
    };
    let entry = u32::try_from(port).ok();
    let entry = entry.and_then(|port| picture.channels.get(&port));
    match entry.map(|entry| entry.channel) {
        Some(Channel::Interdomain(..)) => {}
        Some(Channel::Unbound(domid)) => found.push(format!(
            "the {what} port {port} is open, but domain {domid} has not bound it"
        )),
        Some(_) => found.push(format!(
            "the {what} port {port} does not lead to another domain"
        )),
        None => found.push(format!("the {what} port {port} is not in use")),
    }
}

fn pages(picture: &Picture, found: &mut Vec<String>) {
    for page in &picture.pages {
        let ring = matches!(page.param, HvmParam::StorePfn | HvmParam::ConsolePfn);
        if ring && !page.present {
            let (gfn, param) = (page.gfn, page.param.name());
            found.push(format!(
                "{param} is {gfn:#x}, where the guest has no memory"
            ));
        }
    }
}

fn servers(picture: &Picture, found: &mut Vec<String>) {
    let stubdom = picture.model.stubdom.as_ref().map(|stubdom| stubdom.domid);
    match picture.kind {
        DomainType::Hvm if picture.servers.is_empty() => {
            found.push("there is no ioreq server: nobody answers the guest's devices".to_owned());
        }
        DomainType::Hvm => {}
        _ if !picture.servers.is_empty() && picture.model.pid.is_none() => {
            found.push("there is an ioreq server, but no device model is on record".to_owned())
        }
        _ => {}
    }
    let here = |(_, owner): &(u16, Owner)| matches!(owner, Owner::Here(_));
    match stubdom {
        Some(stubdom) if !picture.servers.is_empty() && picture.servers.iter().all(here) => {
            found.push(format!(
                "the device model on record is domain {stubdom}, but all ioreq servers are dom0's"
            ));
        }
        None if picture.servers.iter().any(|server| !here(server)) => found.push(
            "an ioreq server belongs to another domain, but no stub domain is on record".to_owned(),
        ),
        _ => {}
    }
    // A hypervisor since 4.18 says of its own ports what it says of others: then only those of buffered requests are known.
    let buffered = |number: u32| {
        let mut servers = picture.servers.iter();
        servers.any(|(_, owner)| *owner == Owner::Here(number))
    };
    let ports = picture.channels.iter();
    let unbound = ports.filter(|(number, port)| match port.channel {
        Channel::Hypervisor => port.peer.is_none(),
        Channel::Unbound(_) => buffered(**number),
        _ => false,
    });
    let unbound = unbound.count();
    if unbound > 0 && !picture.servers.is_empty() {
        found.push(format!(
            "event channels of ioreq servers that nobody has bound: {unbound}; their device model has ended, or \
             has not started"
        ));
    }
}

fn model(picture: &Picture, found: &mut Vec<String>) {
    let model = &picture.model;
    if let (Some(pid), None) = (model.pid, &model.process) {
        found.push(format!(
            "process {pid}, on record as the device model, has ended or is another program's now"
        ));
    }
    let Some(stubdom) = &model.stubdom else {
        if picture.kind == DomainType::Hvm && model.pid.is_none() {
            found.push("no device model is on record".to_owned());
        }
        return;
    };
    let number = stubdom.domid;
    match stubdom.state {
        None => found.push(format!("the stub domain {number} does not exist")),
        Some(state @ ("dying" | "shut down")) => {
            found.push(format!("the stub domain {number} is {state}"));
        }
        Some("paused") if picture.state == "running" => {
            found.push(format!(
                "the stub domain {number} is paused, its guest is not"
            ));
        }
        Some(_) => {}
    }
    if stubdom.state.is_some() && stubdom.target != Some(picture.domid) {
        let serves = stubdom
            .target
            .map_or("no domain".to_owned(), |target| format!("domain {target}"));
        found.push(format!(
            "the stub domain {number} has {serves} on record as its guest, not this one"
        ));
    }
    match model.state.as_deref() {
        Some("running") => {}
        Some(state) => found.push(format!(
            "the device model says \"{state}\", not \"running\""
        )),
        None => found.push("the device model does not say that it runs".to_owned()),
    }
}

/// A stub domain against its guest.
fn serving(picture: &Picture, found: &mut Vec<String>) {
    let Some(target) = picture.target else {
        return;
    };
    let guest = target.domid;
    if !target.there {
        found.push(format!(
            "this stub domain serves domain {guest}, which does not exist"
        ));
    } else if target.stubdom != Some(picture.domid) {
        let other = target
            .stubdom
            .map_or("none".to_owned(), |other| format!("domain {other}"));
        found.push(format!(
            "this stub domain serves domain {guest}, whose stub domain on record is {other}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Model, Nodes, Port, SpecialPage, Stubdom, Target};
    use super::*;

    fn port(channel: Channel, peer: Option<(u32, u32)>) -> Port {
        Port {
            channel,
            peer,
            purpose: None,
        }
    }

    /// A guest with a stub domain, in order.
    fn sound() -> Picture {
        Picture {
            domid: 5,
            name: Some("box".to_owned()),
            kind: DomainType::Hvm,
            state: "running",
            vcpus: 1,
            params: vec![
                (HvmParam::StorePfn, 0xfeffc),
                (HvmParam::StoreEvtchn, 1),
                (HvmParam::ConsoleEvtchn, 2),
            ],
            pages: vec![SpecialPage {
                param: HvmParam::StorePfn,
                gfn: 0xfeffc,
                present: true,
            }],
            servers: vec![(0, Owner::Elsewhere)],
            channels: BTreeMap::from([
                (1, port(Channel::Interdomain(0, 30), None)),
                (2, port(Channel::Interdomain(0, 31), None)),
                (3, port(Channel::Hypervisor, Some((6, 9)))),
            ]),
            nodes: Nodes {
                directory: true,
                toolstack: true,
                store_ring: Some(0xfeffc),
                store_port: Some(1),
                console_port: Some(2),
                xenconsoled: true,
                ..Nodes::default()
            },
            model: Model {
                version: Some("qemu_xen".to_owned()),
                stubdom: Some(Stubdom {
                    domid: 6,
                    name: Some("box-dm".to_owned()),
                    state: Some("running"),
                    target: Some(5),
                }),
                state: Some("running".to_owned()),
                ..Model::default()
            },
            target: None,
        }
    }

    /// The findings after one change.
    fn after(change: impl FnOnce(&mut Picture)) -> String {
        let mut picture = sound();
        change(&mut picture);
        findings(&picture).join("\n")
    }

    fn stubdom(picture: &mut Picture) -> &mut Stubdom {
        picture.model.stubdom.as_mut().unwrap()
    }

    #[test]
    fn a_sound_domain_has_none() {
        assert_eq!(after(|_| {}), "");
    }

    #[test]
    fn each_inconsistency_is_named_alone() {
        type Change = fn(&mut Picture);
        let cases: [(Change, &str); 14] = [
            (|p| p.nodes.toolstack = false, "no /libxl/5"),
            (|p| p.nodes.store_port = Some(77), "store/port is 77"),
            (|p| p.pages[0].present = false, "no memory"),
            (
                |p| p.channels.get_mut(&1).unwrap().channel = Channel::Unbound(0),
                "domain 0 has not bound",
            ),
            (
                |p| drop(p.channels.remove(&2)),
                "console port 2 is not in use",
            ),
            (
                |p| p.channels.get_mut(&3).unwrap().peer = None,
                "nobody has bound: 1",
            ),
            (
                |p| p.servers[0].1 = Owner::Here(3),
                "all ioreq servers are dom0's",
            ),
            (|p| p.servers.clear(), "no ioreq server"),
            (|p| stubdom(p).state = None, "6 does not exist"),
            (|p| stubdom(p).state = Some("shut down"), "6 is shut down"),
            (|p| stubdom(p).state = Some("paused"), "6 is paused"),
            (|p| stubdom(p).target = Some(9), "has domain 9 on record"),
            (
                |p| p.model.state = Some("error".to_owned()),
                "says \"error\"",
            ),
            (
                |p| {
                    p.target = Some(Target {
                        domid: 4,
                        there: false,
                        stubdom: None,
                    });
                },
                "serves domain 4, which does not exist",
            ),
        ];
        for (change, expected) in cases {
            let found = after(change);
            assert!(found.contains(expected), "{expected}: {found}");
            assert_eq!(found.lines().count(), 1, "{found}");
        }
    }

    /// As a hypervisor since 4.18 tells it.
    #[test]
    fn an_unbound_port_of_buffered_requests_is_noticed() {
        let found = after(|p| {
            p.servers = vec![(0, Owner::Here(3))];
            p.channels.get_mut(&3).unwrap().channel = Channel::Unbound(0);
        });
        assert!(found.contains("nobody has bound: 1"), "{found}");
        let bound = after(|p| {
            p.servers = vec![(0, Owner::Here(3))];
            p.channels.get_mut(&3).unwrap().channel = Channel::Interdomain(0, 9);
        });
        assert!(!bound.contains("nobody has bound"), "{bound}");
    }

    #[test]
    fn a_qemu_that_ended_is_named() {
        let found = after(|p| {
            p.model.stubdom = None;
            p.model.pid = Some(77);
            p.servers[0].1 = Owner::Here(3);
        });
        assert_eq!(
            found,
            "process 77, on record as the device model, has ended or is another program's now"
        );
    }
}
