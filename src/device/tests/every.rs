//! Each kind of the one list: what it writes is read back, and the stored configuration knows its devices again.

use std::fmt::Debug;

use super::guest_of;
use super::lifecycle::run;
use crate::device::kinds::for_each_kind;
use crate::device::{Listed, Step, every, info, list};
use crate::engine::testing::Bench;
use crate::release;
use crate::types::{
    ConnectorParam, DeviceChannel, DeviceChannelSocket, DeviceChannelU, DeviceDisk, DeviceNic,
    DeviceP9, DevicePvcallsif, DeviceVdispl, DeviceVfb, DeviceVkb, DeviceVsnd, DeviceVtpm,
    DiskBackend, DiskFormat, DiskSpecification, DomainConfig, DomainType, Mac, NicType, P9Type,
    VkbBackend,
};

const GUEST: u32 = 7;
/// Who serves the devices. What is served from elsewhere is not looked for on this machine.
const SERVER: u32 = 3;

trait Sample: Listed + PartialEq + Debug {
    /// A device with as much to say as there is room for on record.
    fn sample() -> Self;

    /// Spoils what tells the device from others.
    fn spoil(&mut self);

    /// What of a device, its defaults set, is on record and read back.
    fn recorded(self) -> Self;
}

/// A configuration that asks for one device.
fn configuration<K: Listed>(device: K) -> DomainConfig {
    let mut config = DomainConfig::default();
    config.c_info.type_ = DomainType::Pv;
    K::list_mut(&mut config).push(device);
    config
}

fn check<K: Sample>() {
    let bench = Bench::new();
    let guest = guest_of(GUEST, DomainType::Pv);
    let given = configuration(K::sample());
    let mut used = given.clone();
    let placed = run(&bench, async |op| {
        every::complete_named(op, &guest, &mut used).await?;
        let mut placed = Vec::new();
        for step in [
            Step::Opened,
            Step::Announced,
            Step::AnnouncedLast,
            Step::Added,
        ] {
            placed.extend(every::place(op, &guest, &mut used, step).await?);
        }
        Ok(placed)
    });
    let placed = placed.unwrap();
    assert_eq!(placed.len(), 1, "{} is not in the list", K::NAME);
    assert_eq!((placed[0].kind, placed[0].backend_domid), (K::KIND, SERVER));
    let device = K::list(&used)[0].clone();

    // The record, and how the device stands.
    let found = run(&bench, async |op| list::all::<K>(op, GUEST).await);
    assert_eq!(found.unwrap(), [device.clone().recorded()]);
    let stands = run(&bench, async |op| info::of(op, GUEST, &device).await);
    assert!(stands.is_ok());

    // The stored configuration.
    let mut saved = given.clone();
    every::adopt(&mut saved, &used);
    let known = K::list(&saved)[0].clone();
    let mut other = known.clone();
    other.spoil();
    assert!(!other.is_same(&device));
    if K::FOLLOWED.is_none() {
        assert_eq!(known, K::sample(), "stays as it was given");
        return;
    }
    assert!(known.is_same(&device));
    K::list_mut(&mut saved).push(other);
    run(&bench, async |op| {
        every::refresh(op, GUEST, &mut saved).await
    })
    .unwrap();
    assert_eq!(*K::list(&saved), [known], "the other is gone");
    bench.store.remove(&placed[0].record());
    run(&bench, async |op| {
        every::refresh(op, GUEST, &mut saved).await
    })
    .unwrap();
    assert_eq!(*K::list(&saved), []);
}

#[test]
fn what_is_written_is_read_back_and_known_again() {
    macro_rules! check_kinds {
        ($($(#[$doc:meta])* $kind:ident $name:literal $served:ident $(($listed:ident))?;)+) => {
            $($(check::<$listed>();)?)+
        };
    }
    for_each_kind!(check_kinds);
}

impl Sample for DeviceDisk {
    fn sample() -> Self {
        Self {
            backend_domid: SERVER,
            vdev: Some("xvda".into()),
            pdev_path: Some("/images/a:b.qcow2".into()),
            backend: DiskBackend::Qdisk,
            format: DiskFormat::Qcow2,
            readwrite: 1,
            removable: 1,
            colo_enable: Some(true),
            colo_host: Some("10.0.0.2".into()),
            colo_port: 9000,
            colo_export: Some("e".into()),
            active_disk: Some("/a".into()),
            hidden_disk: Some("/h".into()),
            ..Self::default()
        }
    }

    fn spoil(&mut self) {
        self.vdev = Some("xvdb".into());
    }

    fn recorded(self) -> Self {
        assert_eq!(self.specification, DiskSpecification::Xen);
        Self {
            format: DiskFormat::Unknown,
            discard_enable: None,
            colo_restore_enable: None,
            trusted: None,
            ..self
        }
    }
}

impl Sample for DeviceNic {
    fn sample() -> Self {
        Self {
            backend_domid: SERVER,
            mac: Mac([0, 0x16, 0x3e, 1, 2, 3]),
            mtu: 9000,
            ip: Some("10.0.0.1".into()),
            vlan: Some("4".into()),
            bridge: Some("xenbr1".into()),
            coloft_forwarddev: Some("eth1".into()),
            colo_checkpoint_port: Some("1".into()),
            ..Self::default()
        }
    }

    fn spoil(&mut self) {
        self.devid = 9;
    }

    fn recorded(self) -> Self {
        assert_eq!((self.devid, self.nictype), (0, NicType::Vif));
        Self {
            model: None,
            trusted: None,
            ..self
        }
    }
}

impl Sample for DeviceVtpm {
    fn sample() -> Self {
        Self {
            backend_domid: SERVER,
            ..Self::default()
        }
    }

    fn spoil(&mut self) {
        self.devid = 9;
    }

    fn recorded(self) -> Self {
        assert_eq!((self.devid, self.uuid.is_nil()), (0, false));
        self
    }
}

impl Sample for DeviceVdispl {
    fn sample() -> Self {
        Self {
            backend_domid: SERVER,
            be_alloc: true,
            connectors: vec![ConnectorParam {
                unique_id: Some("id0".into()),
                width: 800,
                height: 600,
            }],
            ..Self::default()
        }
    }

    fn spoil(&mut self) {
        self.devid = 9;
    }

    fn recorded(self) -> Self {
        Self {
            be_alloc: false,
            connectors: Vec::new(),
            ..self
        }
    }
}

impl Sample for DeviceVsnd {
    fn sample() -> Self {
        Self {
            backend_domid: SERVER,
            short_name: Some("card".into()),
            ..Self::default()
        }
    }

    fn spoil(&mut self) {
        self.devid = 9;
    }

    fn recorded(self) -> Self {
        Self {
            short_name: None,
            ..self
        }
    }
}

impl Sample for DeviceChannel {
    fn sample() -> Self {
        Self {
            backend_domid: SERVER,
            devid: 0,
            name: Some("org.example.agent".into()),
            u: DeviceChannelU::Socket(DeviceChannelSocket {
                path: Some("/run/agent".into()),
            }),
            ..Self::default()
        }
    }

    fn spoil(&mut self) {
        self.name = Some("org.example.other".into());
    }

    fn recorded(self) -> Self {
        Self {
            backend_domid: 0,
            ..self
        }
    }
}

impl Sample for DeviceP9 {
    fn sample() -> Self {
        let served = release::SHARED_DIRECTORIES_HAVE_A_SERVER;
        Self {
            backend_domid: SERVER,
            tag: Some("share".into()),
            path: Some("/share".into()),
            security_model: Some("none".into()),
            type_: if served {
                P9Type::Xen9pfsd
            } else {
                P9Type::Unknown
            },
            max_space: if served { -1 } else { 0 },
            max_files: i32::from(served),
            auto_delete: served,
            ..Self::default()
        }
    }

    fn spoil(&mut self) {
        self.devid = 9;
    }

    fn recorded(self) -> Self {
        Self { tag: None, ..self }
    }
}

impl Sample for DevicePvcallsif {
    fn sample() -> Self {
        Self {
            backend_domid: SERVER,
            ..Self::default()
        }
    }

    fn spoil(&mut self) {
        self.devid = 9;
    }

    fn recorded(self) -> Self {
        self
    }
}

impl Sample for DeviceVfb {
    fn sample() -> Self {
        let mut sample = Self {
            backend_domid: SERVER,
            keymap: Some("de".into()),
            ..Self::default()
        };
        sample.vnc.passwd = Some("secret".into());
        sample.vnc.display = 4;
        sample.sdl.enable = Some(true);
        sample.sdl.display = Some(":0".into());
        sample.sdl.xauthority = Some("/x".into());
        sample
    }

    fn spoil(&mut self) {
        self.devid = 9;
    }

    fn recorded(self) -> Self {
        Self {
            keymap: None,
            ..self
        }
    }
}

impl Sample for DeviceVkb {
    fn sample() -> Self {
        Self {
            backend_domid: SERVER,
            backend_type: VkbBackend::Linux,
            unique_id: Some("id".into()),
            feature_disable_keyboard: true,
            feature_abs_pointer: true,
            feature_multi_touch: true,
            multi_touch_width: 800,
            multi_touch_height: 600,
            multi_touch_num_contacts: 10,
            width: 1920,
            height: 1080,
            ..Self::default()
        }
    }

    fn spoil(&mut self) {
        self.devid = 9;
    }

    fn recorded(self) -> Self {
        self
    }
}
