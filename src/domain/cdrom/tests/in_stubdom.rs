//! A QEMU in a stub domain.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::*;
use crate::store::fake::Fake;

const STUBDOM_DISK: &str = "/local/domain/8/device/vbd/5632";
const STUBDOM_BACKEND: &str = "/local/domain/0/backend/vbd/8/5632";
const OFFER: &str = "/local/domain/8/device-model/7/fdset/5632";

/// What a stub domain is made of, beside its QEMU.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Our image: its agent says what it offers.
    Ours,
    /// Another image, which says nothing.
    Foreign,
    /// One that offers nothing.
    Idle,
    /// One that does not let go of its disk.
    Stuck,
}

/// The kernel of a stub domain, its backend in dom0, and its agent.
struct StubDomain {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// The directory of a hotplug script that does nothing.
    scripts: TempDir,
}

impl StubDomain {
    fn start(store: &Fake, machine: &Machine, kind: Kind) -> Self {
        let scripts = tempfile::tempdir().expect("a directory");
        let script = scripts.path().join("block");
        std::fs::write(&script, "#!/bin/sh\nexit 0\n").expect("a script");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&script, mode).expect("executable");
        let stop = Arc::new(AtomicBool::new(false));
        let (store, machine, stopped) = (store.clone(), machine.clone(), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut known = false;
            while !stopped.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(2));
                let state = format!("{STUBDOM_BACKEND}/state");
                let value = store.get(&state);
                // The front end stays open as long as anybody has a descriptor of it.
                let closes = kind != Kind::Stuck && !machine.has(MARK);
                match value.as_deref() {
                    Some(b"1") => {
                        store.set(&state, "2");
                        if kind == Kind::Foreign {
                            machine.add(MARK);
                        }
                    }
                    Some(b"5") if closes => store.set(&state, "6"),
                    _ => {}
                }
                if kind != Kind::Ours {
                    continue;
                }
                let mut there = store.get(STUBDOM_DISK).is_some();
                if there && !known {
                    machine.add(MARK);
                    store.set(OFFER, "1");
                } else if !there && known {
                    // A disk that comes before this is taken for the one that went.
                    thread::sleep(Duration::from_millis(60));
                    there = store.get(STUBDOM_DISK).is_some();
                    store.remove(OFFER);
                }
                known = there;
            }
        });
        Self {
            stop,
            thread: Some(thread),
            scripts,
        }
    }

    /// A medium that needs no script of the host's.
    fn served(&self, (drive, mut disk): (Drive, DeviceDisk)) -> (Drive, DeviceDisk) {
        let script: PathBuf = self.scripts.path().join("block");
        disk.script = (disk.format != DiskFormat::Empty).then(|| script.display().to_string());
        (drive, disk)
    }
}

impl Drop for StubDomain {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the stub domain holds");
        }
    }
}

fn stubdom_params(bench: &Bench) -> Option<Vec<u8>> {
    bench.store.get(&format!("{STUBDOM_BACKEND}/params"))
}

#[test]
fn a_stub_domain_gets_its_disks_one_after_the_other() {
    for kind in [Kind::Ours, Kind::Foreign] {
        let bench = bench("qemu_xen", true);
        let (machine, notes) = (Machine::default(), Notes::default());
        let stubdom = StubDomain::start(&bench.store, &machine, kind);
        let insert = |path: &str| {
            let found = stubdom.served(find(&bench, DomainType::Hvm, medium(path)).unwrap());
            change_within(&bench, &machine, "", found, &notes, ENOUGH).unwrap();
        };
        insert("/dev/vg/one");
        assert_eq!(stubdom_params(&bench).as_deref(), Some(&b"/dev/vg/one"[..]));
        insert("/dev/vg/two");
        assert_eq!(stubdom_params(&bench).as_deref(), Some(&b"/dev/vg/two"[..]));
        assert_eq!(params(&bench), ["aio:/dev/vg/two", "aio:/dev/vg/two"]);
        let mode = bench.store.get(&format!("{STUBDOM_BACKEND}/mode"));
        assert_eq!(mode.as_deref(), Some(&b"r"[..]));
        insert("");
        assert_eq!(stubdom_params(&bench), None);
        assert_eq!(bench.store.get(STUBDOM_DISK), None);
        assert!(!machine.has(MARK));
        assert_eq!(params(&bench), ["", ""]);
        // Twice nothing is as good as once.
        insert("");
        assert_eq!(
            machine.told(),
            [
                "eject",
                "blockdev-change-medium /dev/fdset/1 host_device",
                "eject",
                "remove-fd",
                "blockdev-change-medium /dev/fdset/2 host_device",
                "eject",
                "remove-fd",
                "eject",
            ]
        );
        assert_eq!(
            notes.taken(),
            [
                "emptied",
                "stored /dev/vg/one",
                "emptied",
                "stored /dev/vg/two",
                "emptied",
                "stored nothing",
                "emptied",
                "stored nothing",
            ]
        );
    }
}

#[test]
fn what_nobody_can_serve_leaves_the_old_medium_in() {
    let bench = bench("qemu_xen", true);
    let (_dir, path) = image();
    let (machine, notes) = (Machine::default(), Notes::default());
    let qcow2 = DeviceDisk {
        format: DiskFormat::Qcow2,
        ..medium(&path)
    };
    let found = find(&bench, DomainType::Hvm, qcow2.clone()).unwrap();
    let error = change_within(&bench, &machine, "", found, &notes, ENOUGH).unwrap_err();
    assert_eq!(error.code(), Code::Inval);
    assert_eq!(machine.told(), [""; 0]);
    assert_eq!(params(&bench), ["aio:/old", "aio:/old"]);
    // A QEMU in dom0 can, one that serves the stub domain.
    bench
        .store
        .set("/local/domain/8/image/device-model-pid", "77");
    let pv = guest(STUBDOM, DomainType::Pv);
    let disk = bench
        .ctx
        .block_on(async |op| for_stubdom(op, &pv, &qcow2).await);
    assert_eq!(disk.unwrap().backend, DiskBackend::Qdisk);
}

#[test]
fn a_disk_that_is_never_offered_is_taken_back() {
    let bench = bench("qemu_xen", true);
    let (machine, notes) = (Machine::default(), Notes::default());
    let stubdom = StubDomain::start(&bench.store, &machine, Kind::Idle);
    let found = stubdom.served(find(&bench, DomainType::Hvm, medium("/dev/vg/one")).unwrap());
    let limit = Duration::from_millis(700);
    let error = change_within(&bench, &machine, "", found, &notes, limit).unwrap_err();
    assert_eq!(error.code(), Code::Timedout);
    assert_eq!(bench.store.get(STUBDOM_DISK), None);
    assert_eq!(params(&bench), ["", ""]);
    assert_eq!(notes.taken(), ["emptied"]);
}

#[test]
fn a_medium_that_qemu_refuses_is_taken_back() {
    let bench = bench("qemu_xen", true);
    let (machine, notes) = (Machine::default(), Notes::default());
    let stubdom = StubDomain::start(&bench.store, &machine, Kind::Ours);
    let found = stubdom.served(find(&bench, DomainType::Hvm, medium("/dev/vg/one")).unwrap());
    let command = "blockdev-change-medium";
    let error = change_within(&bench, &machine, command, found, &notes, ENOUGH).unwrap_err();
    assert_eq!(error.code(), Code::QmpGenericError);
    assert_eq!(bench.store.get(STUBDOM_DISK), None);
    assert_eq!(params(&bench), ["", ""]);
}

#[test]
fn a_disk_is_never_torn_from_a_stub_domain() {
    let bench = bench("qemu_xen", true);
    let (machine, notes) = (Machine::default(), Notes::default());
    let stubdom = StubDomain::start(&bench.store, &machine, Kind::Stuck);
    let mut first = stubdom.served(find(&bench, DomainType::Hvm, medium("/dev/vg/one")).unwrap());
    let mut disk = stubdom::own_disk(&first.1).expect("a disk");
    let pv = guest(STUBDOM, DomainType::Pv);
    bench
        .ctx
        .block_on(async |op| device::add(op, &pv, &mut disk, When::Hotplug).await)
        .expect("the medium that it was made with");
    first.1.pdev_path = Some("/dev/vg/two".into());
    let limit = Duration::from_millis(700);
    let error = change_within(&bench, &machine, "", first, &notes, limit).unwrap_err();
    assert_eq!(error.code(), Code::Timedout);
    assert!(
        bench
            .store
            .get(&format!("{STUBDOM_DISK}/backend"))
            .is_some()
    );
    assert_eq!(stubdom_params(&bench).as_deref(), Some(&b"/dev/vg/one"[..]));
    assert_eq!(params(&bench), ["", ""]);
}
