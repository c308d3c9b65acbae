//! Node sets, compared with captures of the C library on real Xen (`captured/`): same paths, values and permissions.

use super::guest_of;
use super::tree::Tree;
use crate::device::{Console, Guest, Kind, Ring, When};
use crate::log::Logger;
use crate::paths::XEN_SCRIPTDIR;
use crate::store::Perms;
use crate::types::{
    ConnectorParam, DeviceDisk, DeviceNic, DeviceVdispl, DeviceVkb, DeviceVsnd, DeviceVtpm,
    DiskBackend, DiskFormat, DomainType, Mac, Uuid, VsndParams, VsndPcm, VsndPcmFormat, VsndStream,
    VsndStreamType,
};

/// The store of a new domain without devices.
fn new_domain(domid: u32) -> Tree {
    let readable = Perms::owner_read(0, domid);
    Tree::new().with(&format!("/local/domain/{domid}"), readable)
}

/// Does what adding does, without the connection.
fn place(tree: &mut Tree, guest: &Guest, mut config: impl Kind) {
    config
        .set_defaults(&Logger::silent(), guest, When::Creation)
        .unwrap();
    let device = config.device(guest.domid).unwrap();
    let nodes = config.nodes(&device, guest).unwrap();
    tree.apply(&nodes.batch(&device));
}

/// Nodes that backends, scripts and daemons add later.
const ADDED_LATER: [&str; 9] = [
    "feature-",
    "multi-queue-max-queues",
    "max-ring-page-order",
    "physical-device",
    "hotplug-status",
    "node",
    "vnc-listen",
    "vnc-port",
    "request-",
];
/// Nodes whose value backends, scripts and daemons change.
const CHANGED_LATER: [&str; 3] = ["state", "hotplug-status", "tty"];

/// Panics with the first differences between what was captured and what was written.
fn compare(captured: &str, tree: &Tree, prefixes: &[&str]) {
    let mut differences = Vec::new();
    let written = tree.lines(prefixes);
    let split = |line: &str| -> (String, String, String) {
        let (path, rest) = line.split_once(" = \"").unwrap();
        let (value, perms) = rest.rsplit_once("\"   ").unwrap();
        (path.to_owned(), value.to_owned(), perms.to_owned())
    };
    let mut ours: std::collections::BTreeMap<_, _> = written
        .iter()
        .map(|line| split(line))
        .map(|(path, value, perms)| (path, (value, perms)))
        .collect();
    // They were captured on Debian; this build may have its scripts in another place.
    let captured = captured.replace("/etc/xen/scripts", XEN_SCRIPTDIR);
    for line in captured.lines() {
        let (path, value, perms) = split(line);
        let key = path.rsplit('/').next().unwrap();
        match ours.remove(&path) {
            None if ADDED_LATER.iter().any(|later| key.starts_with(later)) => {}
            None => differences.push(format!("missing {line}")),
            Some((our_value, our_perms)) => {
                if our_perms != perms {
                    differences.push(format!("{path} has {our_perms} for {perms}"));
                }
                let changed = CHANGED_LATER.contains(&key) && !path.starts_with("/libxl/");
                if our_value != value && !changed {
                    differences.push(format!("{path} is {our_value:?} for {value:?}"));
                }
            }
        }
    }
    differences.extend(ours.keys().map(|path| format!("too much {path}")));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn disk(vdev: &str, backend: DiskBackend, path: &str) -> DeviceDisk {
    DeviceDisk {
        vdev: Some(vdev.into()),
        pdev_path: Some(path.into()),
        backend,
        format: DiskFormat::Raw,
        readwrite: 1,
        // The captured path is not there where the tests run, and is not looked at where there is a script.
        script: (backend == DiskBackend::Phy).then(|| "block".into()),
        ..DeviceDisk::default()
    }
}

#[test]
fn an_hvm_guest() {
    let guest = guest_of(2, DomainType::Hvm);
    let mut tree = new_domain(2);
    place(
        &mut tree,
        &guest,
        disk("xvda", DiskBackend::Phy, "/tmp/d/file.img"),
    );
    let drive = DeviceDisk {
        pdev_path: None,
        format: DiskFormat::Empty,
        readwrite: 0,
        is_cdrom: 1,
        removable: 1,
        ..disk("hdc", DiskBackend::Unknown, "")
    };
    place(&mut tree, &guest, drive);
    let ring = Ring {
        port: 2,
        frame: 0xfefff,
        tty: None,
    };
    place(&mut tree, &guest, Console::primary(0, ring));
    let keyboard = DeviceVkb {
        devid: 0,
        ..DeviceVkb::default()
    };
    place(&mut tree, &guest, keyboard);
    let nic = DeviceNic {
        devid: 0,
        mac: Mac([0x00, 0x16, 0x3e, 1, 2, 3]),
        ..DeviceNic::default()
    };
    place(&mut tree, &guest, nic);
    let prefixes = [
        "/libxl/2/device",
        "/local/domain/2/console",
        "/local/domain/2/device",
        "/local/domain/0/backend",
    ];
    compare(include_str!("captured/hvm.txt"), &tree, &prefixes);
}

#[test]
fn a_display() {
    let connector = |id: &str, width, height| ConnectorParam {
        unique_id: Some(id.into()),
        width,
        height,
    };
    let display = DeviceVdispl {
        devid: 0,
        be_alloc: true,
        connectors: vec![
            connector("id0", 1920, 1080),
            connector("id1", 800, 600),
            connector("id2", 640, 480),
        ],
        ..DeviceVdispl::default()
    };
    let mut tree = new_domain(3);
    place(&mut tree, &guest_of(3, DomainType::Pv), display);
    compare(
        include_str!("captured/vdispl.txt"),
        &tree,
        &of_kind("vdispl", 3),
    );
}

#[test]
fn a_sound_card() {
    let stream = |id: &str, type_, channels_max| VsndStream {
        unique_id: Some(id.into()),
        type_: Some(type_),
        params: VsndParams {
            channels_max,
            ..VsndParams::default()
        },
    };
    let card = DeviceVsnd {
        devid: 0,
        short_name: Some("VCard".into()),
        long_name: Some("Virtual sound card".into()),
        params: VsndParams {
            sample_rates: vec![44100, 48000],
            sample_formats: vec![VsndPcmFormat::S16Le, VsndPcmFormat::S8],
            channels_min: 1,
            channels_max: 4,
            buffer_size: 65536,
        },
        pcms: vec![
            VsndPcm {
                name: Some("dev1".into()),
                streams: vec![
                    stream("id0", VsndStreamType::P, 0),
                    stream("id1", VsndStreamType::C, 2),
                ],
                ..VsndPcm::default()
            },
            VsndPcm {
                name: Some("dev2".into()),
                params: VsndParams {
                    sample_rates: vec![8000],
                    ..VsndParams::default()
                },
                streams: vec![stream("id2", VsndStreamType::P, 0)],
            },
        ],
        ..DeviceVsnd::default()
    };
    let mut tree = new_domain(4);
    place(&mut tree, &guest_of(4, DomainType::Pv), card);
    compare(
        include_str!("captured/vsnd.txt"),
        &tree,
        &of_kind("vsnd", 4),
    );
}

#[test]
fn a_trusted_platform_module() {
    let vtpm = DeviceVtpm {
        devid: 0,
        uuid: Uuid::parse("12345678-1234-1234-1234-123456789abc").unwrap(),
        ..DeviceVtpm::default()
    };
    let mut tree = new_domain(5);
    place(&mut tree, &guest_of(5, DomainType::Pv), vtpm);
    compare(
        include_str!("captured/vtpm.txt"),
        &tree,
        &of_kind("vtpm", 5),
    );
}

fn of_kind(kind: &str, domid: u32) -> [&'static str; 3] {
    [
        format!("/libxl/{domid}/device/{kind}"),
        format!("/local/domain/{domid}/device/{kind}"),
        format!("/local/domain/0/backend/{kind}/{domid}"),
    ]
    .map(|prefix| &*prefix.leak())
}
