//! Adding and removing against a xenstored in a thread, with real scripts and a backend that follows the handshake.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::guest_of;
use crate::device::{
    Console, Force, Ring, When, add, add_all, eject, list, remove, remove_all, tty,
};
use crate::engine::Op;
use crate::engine::testing::Bench;
use crate::store::fake::Fake;
use crate::types::{
    DeviceDisk, DeviceVkb, DiskBackend, DiskFormat, DomainType, EvUser, EventDiskEject, EventU,
    VkbBackend,
};
use crate::{Code, Result};

const BACKEND: &str = "/local/domain/0/backend/vbd/7/51712";
const RECORD: &str = "/libxl/7/device/vbd/51712";

/// Plays the kernel's block backend: goes to state 2 when a device appears, to 6 when it is told to close.
pub(super) struct Backend {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Backend {
    pub(super) fn start(store: &Fake, dirs: &'static [&'static str]) -> Self {
        let (store, stop) = (store.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                for dir in dirs {
                    let state = format!("{dir}/state");
                    match store.get(&state).as_deref() {
                        Some(b"1") => store.set(&state, "2"),
                        Some(b"5") => store.set(&state, "6"),
                        _ => {}
                    }
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// A script in a directory of its own, which also gets what it prints.
pub(crate) struct Script(pub(crate) PathBuf);

impl Script {
    pub(crate) fn new(name: &str, body: &str) -> Self {
        let dir =
            std::env::temp_dir().join(format!("xenlight-script-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let text = format!("#!/bin/sh\ncd {}\n{body}\n", dir.display());
        fs::write(dir.join("script"), text).unwrap();
        fs::set_permissions(dir.join("script"), fs::Permissions::from_mode(0o755)).unwrap();
        Self(dir)
    }

    fn recording(name: &str) -> Self {
        Self::new(
            name,
            "echo \"$1 $XENBUS_TYPE $XENBUS_PATH $XENBUS_BASE_PATH\" >>log",
        )
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.0.join("log")).unwrap_or_default()
    }

    pub(super) fn disk(&self, vdev: &str) -> DeviceDisk {
        DeviceDisk {
            vdev: Some(vdev.into()),
            pdev_path: Some("/dev/vg/disk".into()),
            format: DiskFormat::Raw,
            script: Some(self.0.join("script").display().to_string()),
            readwrite: 1,
            ..DeviceDisk::default()
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn run<T>(bench: &Bench, body: impl AsyncFnOnce(&Op) -> Result<T>) -> Result<T> {
    bench.ctx.block_on(body)
}

pub(super) fn left(bench: &Bench, part: &str) -> Vec<String> {
    let paths = bench.store.paths().into_iter();
    paths.filter(|path| path.contains(part)).collect()
}

#[test]
fn a_disk_comes_and_goes_with_its_script() {
    let bench = Bench::new();
    let _backend = Backend::start(&bench.store, &[BACKEND]);
    let script = Script::recording("comes");
    let guest = guest_of(7, DomainType::Pv);
    let mut disk = script.disk("xvda");
    let device = run(&bench, async |op| {
        add(op, &guest, &mut disk, When::Hotplug).await
    })
    .unwrap();
    assert_eq!(script.log(), "add vbd backend/vbd/7/51712 backend\n");
    assert_eq!(
        bench.store.get(&format!("{RECORD}/backend")).unwrap(),
        BACKEND.as_bytes()
    );

    let again = run(&bench, async |op| {
        add(op, &guest, &mut disk, When::Hotplug).await
    });
    assert_eq!(again.unwrap_err().code(), Code::DeviceExists);
    assert_eq!(bench.store.get(&format!("{BACKEND}/state")).unwrap(), b"2");

    let found = run(&bench, async |op| list::all::<DeviceDisk>(op, 7).await).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].vdev, disk.vdev);
    assert_eq!(found[0].script, None);

    run(&bench, async |op| remove(op, &device, Force::Auto).await).unwrap();
    assert_eq!(
        script.log().lines().last(),
        Some("remove vbd backend/vbd/7/51712 backend")
    );
    assert_eq!(left(&bench, "vbd"), Vec::<String>::new());
}

#[test]
fn a_script_that_fails_is_quoted_and_the_device_taken_back() {
    let bench = Bench::new();
    let _backend = Backend::start(&bench.store, &[BACKEND]);
    let script = Script::new("fails", "[ \"$1\" = remove ] || { sleep 0.3; exit 3; }");
    let guest = guest_of(7, DomainType::Pv);
    let mut disk = script.disk("xvda");
    let store = bench.store.clone();
    let reason = std::thread::spawn(move || {
        // The script's own words, written while it runs.
        while store.get(&format!("{BACKEND}/state")).is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        store.set(&format!("{BACKEND}/hotplug-error"), "no such volume");
    });
    let error = run(&bench, async |op| {
        add(op, &guest, &mut disk, When::Hotplug).await
    })
    .unwrap_err();
    reason.join().unwrap();
    let text = error.to_string();
    assert!(
        text.contains("exit status 3") && text.contains("no such volume"),
        "{text}"
    );
    assert_eq!((error.code(), error.domid()), (Code::Fail, Some(7)));
    assert_eq!(left(&bench, "vbd"), Vec::<String>::new());
}

#[test]
fn a_domain_loses_all_its_devices_and_nobody_elses() {
    const SECOND: &str = "/local/domain/0/backend/vbd/7/51728";
    let bench = Bench::new();
    let _backend = Backend::start(&bench.store, &[BACKEND, SECOND]);
    let script = Script::recording("all");
    let guest = guest_of(7, DomainType::Pv);
    let mut disks = [script.disk("xvda"), script.disk("xvdb")];
    let ring = Ring {
        port: 2,
        frame: 99,
        tty: None,
    };
    run(&bench, async |op| {
        add_all(op, &guest, &mut disks).await?;
        add(op, &guest, &mut Console::primary(0, ring), When::Creation).await
    })
    .unwrap();
    assert_eq!(
        script
            .log()
            .lines()
            .filter(|line| line.starts_with("add "))
            .count(),
        2
    );

    // What a guest can write about its backends counts for nothing, and neither does what no toolstack records.
    let other = "/local/domain/0/backend/vbd/9/51712";
    bench.store.set(&format!("{other}/state"), "4");
    bench
        .store
        .set("/local/domain/7/device/vbd/51712/backend", other);
    bench
        .store
        .set("/local/domain/7/device/vbd/1/backend", other);
    bench.store.set("/libxl/7/device/vbd/51999/backend", other);
    bench.store.set("/libxl/7/device/vbd/x1/backend", BACKEND);
    bench.store.set("/libxl/7/device/nonsense/0/backend", other);
    run(&bench, async |op| remove_all(op, 7, Force::On).await).unwrap();
    assert_eq!(bench.store.get(&format!("{other}/state")).unwrap(), b"4");
    assert_eq!(
        script
            .log()
            .lines()
            .filter(|line| line.starts_with("remove "))
            .count(),
        2
    );
    assert_eq!(left(&bench, "backend/vbd/7"), Vec::<String>::new());
    assert_eq!(left(&bench, "/console"), Vec::<String>::new());
    assert_eq!(left(&bench, RECORD), Vec::<String>::new());
}

#[test]
fn removing_goes_on_where_a_script_fails() {
    let bench = Bench::new();
    let _backend = Backend::start(&bench.store, &[BACKEND]);
    let script = Script::new("stuck", "[ \"$1\" = add ] || exit 1");
    let guest = guest_of(7, DomainType::Pv);
    let mut disk = script.disk("xvda");
    run(&bench, async |op| {
        add(op, &guest, &mut disk, When::Creation).await
    })
    .unwrap();
    let removed = run(&bench, async |op| remove_all(op, 7, Force::On).await);
    assert_eq!(removed.unwrap_err().code(), Code::Fail);
    assert_eq!(left(&bench, "vbd"), Vec::<String>::new());
}

#[test]
fn a_backend_that_removed_itself_leaves_no_parents() {
    let bench = Bench::new();
    let guest = guest_of(7, DomainType::Pv);
    let mut disk = Script::recording("gone").disk("xvda");
    disk.script = None;
    disk.backend = crate::types::DiskBackend::Qdisk;
    run(&bench, async |op| {
        add(op, &guest, &mut disk, When::Creation).await
    })
    .unwrap();
    let parent = "/local/domain/0/backend/qdisk/7";
    assert!(bench.store.get(parent).is_some());
    bench.store.remove(&format!("{parent}/51712"));
    // Whether the guest runs cannot be asked without a hypervisor; the nodes go all the same.
    let removed = run(&bench, async |op| remove_all(op, 7, Force::On).await);
    assert_eq!(removed.unwrap_err().code(), Code::Fail);
    assert_eq!(bench.store.get(parent), None);
}

#[test]
fn a_backend_that_vanishes_ends_the_wait() {
    let bench = Bench::new();
    let script = Script::recording("vanishes");
    let guest = guest_of(7, DomainType::Pv);
    let mut disk = script.disk("xvda");
    let store = bench.store.clone();
    let vanish = std::thread::spawn(move || {
        while store.get(&format!("{BACKEND}/mode")).is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        store.remove(BACKEND);
    });
    let error = run(&bench, async |op| {
        add(op, &guest, &mut disk, When::Creation).await
    })
    .unwrap_err();
    vanish.join().unwrap();
    assert_eq!(error.code(), Code::Inval, "{error}");
    assert_eq!(script.log(), "");
}

#[test]
fn numbers_follow_the_highest_one() {
    let bench = Bench::new();
    let guest = guest_of(7, DomainType::Hvm);
    let mut keyboards = [DeviceVkb::default(), DeviceVkb::default()];
    run(&bench, async |op| add_all(op, &guest, &mut keyboards).await).unwrap();
    assert_eq!(keyboards.clone().map(|vkb| vkb.devid), [0, 1]);
    let mut third = DeviceVkb {
        devid: 5,
        ..DeviceVkb::default()
    };
    let mut fourth = DeviceVkb::default();
    run(&bench, async |op| {
        add(op, &guest, &mut third, When::Hotplug).await?;
        add(op, &guest, &mut fourth, When::Hotplug).await
    })
    .unwrap();
    assert_eq!(fourth.devid, 6);
    let found = run(&bench, async |op| list::all::<DeviceVkb>(op, 7).await).unwrap();
    assert_eq!(found.len(), 4);
    let none = run(&bench, async |op| list::one::<DeviceVkb>(op, 7, 3).await);
    assert_eq!(none.unwrap_err().code(), Code::Notfound);
}

#[test]
fn a_keyboards_backend_outside_qemu_may_start_later() {
    let bench = Bench::new();
    let guest = guest_of(7, DomainType::Hvm);
    let mut keyboard = DeviceVkb {
        backend_type: VkbBackend::Linux,
        ..DeviceVkb::default()
    };
    run(&bench, async |op| {
        add(op, &guest, &mut keyboard, When::Hotplug).await
    })
    .expect("nobody is waited for");
    let state = bench.store.get("/local/domain/0/backend/vinput/7/0/state");
    assert_eq!(state.as_deref(), Some(&b"1"[..]));
}

#[test]
fn the_first_consoles_terminal_is_waited_for() {
    let bench = Bench::new();
    bench.store.set("/local/domain/7/console/tty", "");
    let store = bench.store.clone();
    let daemon = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        store.set("/local/domain/7/console/tty", "/dev/pts/4");
    });
    let tty = run(&bench, async |op| tty::wait_for_primary(op, 7).await).unwrap();
    daemon.join().unwrap();
    assert_eq!(tty, "/dev/pts/4");
}

#[test]
fn an_eject_is_reported_and_acknowledged() {
    let bench = Bench::new();
    // The device model of domain 7 runs in domain 8.
    bench
        .store
        .set("/local/domain/7/image/device-model-domid", "8");
    let mut drives = Vec::new();
    for (vdev, devid, backend_domid, name, backend) in [
        ("hdb", 832, 0, "qdisk", DiskBackend::Qdisk),
        ("hdc", 5632, 3, "vbd", DiskBackend::Tap),
        ("hdd", 5696, 0, "virtio_disk", DiskBackend::Unknown),
    ] {
        let backend_dir = |of: u32, name| format!("/local/domain/{of}/backend/{name}/8/{devid}");
        let front = format!("/local/domain/8/device/vbd/{devid}");
        let set = |path: &str, value: &str| bench.store.set(path, value);
        set(
            &format!("/libxl/8/device/vbd/{devid}/backend"),
            &backend_dir(backend_domid, name),
        );
        // What the stub domain says about its backend counts for nothing.
        set(&format!("{front}/backend"), &backend_dir(9, "qdisk"));
        let eject = format!("{front}/eject");
        drives.push((
            eject::enable(&bench.ctx, 7, vdev, 42).unwrap(),
            eject.clone(),
        ));
        set(&eject, "something else");
        set(&eject, "eject");
        let event = bench.ctx.event_wait(u64::MAX, |_| true).unwrap();
        let what = EventU::DiskEject(EventDiskEject {
            vdev: Some(vdev.into()),
            disk: DeviceDisk {
                backend_domid,
                backend,
                vdev: Some(vdev.into()),
                pdev_path: Some(String::new()),
                format: DiskFormat::Empty,
                removable: 1,
                is_cdrom: 1,
                ..DeviceDisk::default()
            },
        });
        assert_eq!(
            (event.domid, event.for_user, event.u),
            (7, EvUser(42), what)
        );
        assert_eq!(bench.store.get(&eject).unwrap(), b"");
    }
    for (id, eject) in drives {
        eject::disable(&bench.ctx, id);
        bench.store.set(&eject, "eject");
    }
    let none = bench.ctx.event_check(u64::MAX, |_| true);
    assert_eq!(none.unwrap_err().code(), Code::NotReady);
    let nonsense = eject::enable(&bench.ctx, 7, "cdrom", 42);
    assert_eq!(nonsense.unwrap_err().code(), Code::Inval);
}

#[test]
fn a_drive_that_is_gone_has_ejected_nothing() {
    const NODE: &str = "/local/domain/7/device/vbd/5632/eject";
    let bench = Bench::new();
    eject::enable(&bench.ctx, 7, "hdc", 1).unwrap();
    eject::enable(&bench.ctx, 7, "hdd", 2).unwrap();
    bench.store.set(NODE, "eject");
    bench.store.set(
        "/libxl/7/device/vbd/5696/backend",
        "/local/domain/0/backend/qdisk/7/5696",
    );
    bench
        .store
        .set("/local/domain/7/device/vbd/5696/eject", "eject");
    // Its event comes after what became of the first one is known.
    let event = bench.ctx.event_wait(u64::MAX, |_| true).unwrap();
    assert_eq!(event.for_user, EvUser(2));
    assert_eq!(bench.store.get(NODE).unwrap(), b"");
    let none = bench.ctx.event_check(u64::MAX, |_| true);
    assert_eq!(none.unwrap_err().code(), Code::NotReady);
}
