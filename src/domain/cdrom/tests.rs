//! Changes of a medium against a QEMU of our own, in dom0 and in a stub domain whose kernel and agent are played as well.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::engine::testing::Bench;
use crate::qmp::testing::Qemu;
use crate::store::fake::Fake;

const GUEST: Domid = 7;
const STUBDOM: Domid = 8;
const RECORD: &str = "/libxl/7/device/vbd/5632";
const BACKEND: &str = "/local/domain/0/backend/qdisk/7/5632";
const STUBDOM_DISK: &str = "/local/domain/8/device/vbd/5632";
const STUBDOM_BACKEND: &str = "/local/domain/0/backend/vbd/8/5632";
const OFFER: &str = "/local/domain/8/device-model/7/fdset/5632";
const MARK: &str = "stub-devid:5632";

fn guest(domid: Domid, type_: DomainType) -> Guest {
    Guest {
        domid,
        type_,
        protocol: None,
    }
}

/// What xl makes of `cd-insert GUEST hdc PATH`.
fn medium(path: &str) -> DeviceDisk {
    DeviceDisk {
        vdev: Some("hdc".into()),
        pdev_path: Some(path.into()),
        format: match path {
            "" => DiskFormat::Empty,
            _ => DiskFormat::Raw,
        },
        is_cdrom: 1,
        removable: 1,
        ..DeviceDisk::default()
    }
}

/// A context with a guest that has a CD drive and a disk.
fn bench(version: &str, stubdom: bool) -> Bench {
    let bench = Bench::new();
    bench.store.set("/libxl/7/dm-version", version);
    if stubdom {
        bench
            .store
            .set("/local/domain/7/image/device-model-domid", "8");
    }
    let mut disk = DeviceDisk {
        vdev: Some("hda".into()),
        is_cdrom: 0,
        backend: DiskBackend::Qdisk,
        ..medium("/old")
    };
    let guest = guest(GUEST, DomainType::Hvm);
    bench
        .ctx
        .block_on(async |op| {
            let mut old = medium("/old");
            device::add(op, &guest, &mut old, When::Creation).await?;
            device::add(op, &guest, &mut disk, When::Creation).await
        })
        .expect("the guest's disks");
    bench
}

fn find(bench: &Bench, type_: DomainType, mut disk: DeviceDisk) -> Result<(Drive, DeviceDisk)> {
    let guest = guest(GUEST, type_);
    let drive = bench
        .ctx
        .block_on(async |op| Drive::find(op, &guest, &mut disk).await)?;
    Ok((drive, disk))
}

/// The store, and what would be stored elsewhere.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn add(&self, note: String) {
        self.0.lock().unwrap().push(note);
    }

    fn taken(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

struct Noting<'a> {
    drive: &'a Device,
    notes: &'a Notes,
}

impl Book for Noting<'_> {
    fn emptied<'a>(&'a self, op: &'a Op) -> Boxed<'a, Result<()>> {
        Box::pin(async move {
            self.notes.add("emptied".into());
            device::set_medium(op, self.drive, None, &|| Ok(())).await
        })
    }

    fn holds<'a>(&'a self, op: &'a Op, medium: Option<&'a DeviceDisk>) -> Boxed<'a, Result<()>> {
        Box::pin(async move {
            let path = medium.and_then(|medium| medium.pdev_path.clone());
            let save = || {
                self.notes
                    .add(format!("stored {}", path.as_deref().unwrap_or("nothing")));
                Ok(())
            };
            device::set_medium(op, self.drive, medium, &save).await
        })
    }
}

/// QEMU's sets of descriptors, and all that it was told.
#[derive(Clone, Default)]
struct Machine(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    sets: Vec<(u32, String)>,
    last: u32,
    told: Vec<Value>,
}

impl Machine {
    fn add(&self, opaque: &str) -> u32 {
        let mut inside = self.0.lock().unwrap();
        inside.last += 1;
        let set = (inside.last, opaque.to_owned());
        inside.sets.push(set);
        inside.last
    }

    fn has(&self, opaque: &str) -> bool {
        let inside = self.0.lock().unwrap();
        inside.sets.iter().any(|(_, text)| text == opaque)
    }

    /// The commands so far, in short.
    fn told(&self) -> Vec<String> {
        let inside = self.0.lock().unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let told = inside
            .told
            .iter()
            .filter(|said| said["execute"] != "query-fdsets");
        told.map(|said| {
            let arguments = &said["arguments"];
            let with = [
                &arguments["filename"],
                &arguments["format"],
                &arguments["opaque"],
            ];
            let with: Vec<_> = with
                .into_iter()
                .map(text)
                .filter(|it| !it.is_empty())
                .collect();
            [vec![text(&said["execute"])], with].concat().join(" ")
        })
        .collect()
    }

    /// Serves one client; refuses the command called `refused`.
    fn serve(&self, qemu: &mut Qemu, refused: &str) {
        qemu.negotiate();
        loop {
            let command = qemu.hear_or_end();
            let Some(command) = command else { return };
            let name = command["execute"].as_str().unwrap_or_default().to_owned();
            self.0.lock().unwrap().told.push(command.clone());
            if name == refused {
                qemu.refuse(&command, "no");
                continue;
            }
            let answer = match name.as_str() {
                "add-fd" => {
                    let opaque = command["arguments"]["opaque"].as_str().unwrap_or_default();
                    json!({"fdset-id": self.add(opaque), "fd": 20})
                }
                "remove-fd" => {
                    let id = &command["arguments"]["fdset-id"];
                    self.0.lock().unwrap().sets.retain(|(set, _)| id != set);
                    json!({})
                }
                "query-fdsets" => {
                    let inside = self.0.lock().unwrap();
                    let set = |(id, opaque): &(u32, String)| json!({"fdset-id": id, "fds": [{"fd": 30, "opaque": opaque}]});
                    inside.sets.iter().map(set).collect()
                }
                _ => json!({}),
            };
            qemu.answer(&command, answer);
        }
    }
}

/// How a change ends, against `machine`, within `limit`.
fn change_within(
    bench: &Bench,
    machine: &Machine,
    refused: &'static str,
    (drive, disk): (Drive, DeviceDisk),
    notes: &Notes,
    limit: Duration,
) -> Result<()> {
    let serving = machine.clone();
    let (stream, server) = Qemu::start(move |qemu| serving.serve(qemu, refused));
    let stubdom = drive.stubdom.map(|domid| guest(domid, DomainType::Pv));
    let outcome = bench.ctx.block_on(async |op: &Op| {
        let work = async {
            let qemu = Client::converse(op, GUEST, stream).await?;
            let qemu = drive.speaks_qmp.then_some(qemu);
            let book = Noting {
                drive: &drive.device,
                notes,
            };
            change(op, &drive, stubdom.as_ref(), &disk, qemu, &book).await
        };
        op.timeout(limit, "the test", work).await
    });
    server.join().expect("QEMU's side holds");
    outcome
}

const ENOUGH: Duration = Duration::from_secs(30);

fn params(bench: &Bench) -> [String; 2] {
    [BACKEND, RECORD].map(|dir| {
        let value = bench.store.get(&format!("{dir}/params"));
        String::from_utf8(value.expect("params")).expect("text")
    })
}

/// A file to put into a drive.
fn image() -> (TempDir, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("cd.iso");
    std::fs::write(&path, "data").expect("a file");
    let path = path.display().to_string();
    (dir, path)
}

#[test]
fn what_cannot_be_done_is_refused_with_the_c_librarys_codes() {
    let code = |bench: &Bench, type_, disk| find(bench, type_, disk).map(drop).unwrap_err().code();
    let hvm = DomainType::Hvm;
    let qemu = bench("qemu_xen", false);
    assert_eq!(code(&qemu, DomainType::Pv, medium("/a")), Code::Inval);
    assert_eq!(code(&qemu, DomainType::Pvh, medium("/a")), Code::Inval);
    for vdev in [Some("hdd"), Some("xvdc"), Some("hda"), Some("d0p"), None] {
        let disk = DeviceDisk {
            vdev: vdev.map(str::to_owned),
            ..medium("/a")
        };
        assert_eq!(code(&qemu, hvm, disk), Code::Fail, "{vdev:?}");
    }
    let unknown = DeviceDisk {
        format: DiskFormat::Unknown,
        ..medium("/a")
    };
    assert_eq!(code(&qemu, hvm, unknown), Code::Inval);
    let elsewhere = DeviceDisk {
        backend_domid: 3,
        ..medium("/a")
    };
    assert_eq!(code(&qemu, hvm, elsewhere.clone()), Code::Inval);
    let nonsense = bench("qemu_xen2", false);
    assert_eq!(code(&nonsense, hvm, medium("/a")), Code::Fail);
    let minios = bench("qemu_xen_traditional", true);
    assert_eq!(code(&minios, hvm, medium("/a")), Code::Inval);

    let traditional = bench("qemu_xen_traditional", false);
    assert!(!find(&traditional, hvm, medium("/a")).unwrap().0.speaks_qmp);
    // A stub domain gets what another domain serves.
    let linux = bench("qemu_xen", true);
    let (drive, disk) = find(&linux, hvm, elsewhere).unwrap();
    assert_eq!(
        (drive.stubdom, drive.format),
        (Some(STUBDOM), "host_device")
    );
    assert_eq!(disk.backend, DiskBackend::Qdisk);
    assert_eq!((drive.id.as_str(), drive.mark.as_str()), ("ide-5632", MARK));
}

#[test]
fn no_path_is_no_medium() {
    let bench = bench("qemu_xen", false);
    let disk = DeviceDisk {
        pdev_path: None,
        backend: DiskBackend::Tap,
        ..medium("/a")
    };
    let (_, disk) = find(&bench, DomainType::Hvm, disk).unwrap();
    assert_eq!(disk.format, DiskFormat::Empty);
    assert_eq!(disk.pdev_path.as_deref(), Some(""));
    assert_eq!(disk.backend, DiskBackend::Qdisk);
}

#[test]
fn qemu_in_dom0_gets_a_descriptor() {
    let bench = bench("qemu_xen", false);
    let (_dir, path) = image();
    let (machine, notes) = (Machine::default(), Notes::default());
    let found = find(&bench, DomainType::Hvm, medium(&path)).unwrap();
    change_within(&bench, &machine, "", found, &notes, ENOUGH).unwrap();
    assert_eq!(
        machine.told(),
        [
            "eject".to_owned(),
            format!("add-fd raw:{path}"),
            "blockdev-change-medium /dev/fdset/1 raw".to_owned(),
            "remove-fd".to_owned(),
        ]
    );
    assert_eq!(
        notes.taken(),
        ["emptied".to_owned(), format!("stored {path}")]
    );
    assert_eq!(
        params(&bench),
        [format!("aio:{path}"), format!("aio:{path}")]
    );
    let kind = bench.store.get(&format!("{RECORD}/type"));
    assert_eq!(kind.as_deref(), Some(&b"qdisk"[..]));
    let listed = bench
        .ctx
        .block_on(async |op| device::cd_drive(op, GUEST, "hdc").await);
    assert_eq!(listed.unwrap().pdev_path, Some(path));
}

#[test]
fn an_eject_is_a_change_to_nothing() {
    for version in ["qemu_xen", "qemu_xen_traditional"] {
        let bench = bench(version, false);
        let (machine, notes) = (Machine::default(), Notes::default());
        let found = find(&bench, DomainType::Hvm, medium("")).unwrap();
        let told: &[&str] = if found.0.speaks_qmp { &["eject"] } else { &[] };
        change_within(&bench, &machine, "", found, &notes, ENOUGH).unwrap();
        assert_eq!(machine.told(), told);
        assert_eq!(notes.taken(), ["emptied", "stored nothing"]);
        assert_eq!(params(&bench), ["", ""]);
    }
}

#[test]
fn the_old_medium_stays_where_the_new_one_is_not_there() {
    for stubdom in [false, true] {
        let bench = bench("qemu_xen", stubdom);
        let (machine, notes) = (Machine::default(), Notes::default());
        for path in ["/nowhere/at/all", "/dev/null", "/proc/self"] {
            let found = find(&bench, DomainType::Hvm, medium(path)).unwrap();
            let error = change_within(&bench, &machine, "", found, &notes, ENOUGH).unwrap_err();
            assert_eq!(error.code(), Code::Fail, "{error}");
            assert!(error.to_string().contains(path), "{error}");
        }
        assert_eq!(machine.told(), [""; 0]);
        assert_eq!(notes.taken(), [""; 0]);
        assert_eq!(params(&bench), ["aio:/old", "aio:/old"]);
    }
}

#[test]
fn a_drive_that_the_guest_has_locked_keeps_its_medium() {
    let bench = bench("qemu_xen", false);
    let (machine, notes) = (Machine::default(), Notes::default());
    let found = find(&bench, DomainType::Hvm, medium("")).unwrap();
    let error = change_within(&bench, &machine, "eject", found, &notes, ENOUGH).unwrap_err();
    assert_eq!(error.code(), Code::QmpGenericError);
    assert!(error.to_string().contains("unmount"), "{error}");
    assert_eq!(params(&bench), ["aio:/old", "aio:/old"]);
    assert_eq!(notes.taken(), [""; 0]);
}

#[test]
fn what_fails_after_the_eject_leaves_an_empty_drive() {
    let (_dir, path) = image();
    for refused in ["add-fd", "blockdev-change-medium"] {
        let bench = bench("qemu_xen", false);
        let (machine, notes) = (Machine::default(), Notes::default());
        let found = find(&bench, DomainType::Hvm, medium(&path)).unwrap();
        let error = change_within(&bench, &machine, refused, found, &notes, ENOUGH).unwrap_err();
        assert_eq!(error.code(), Code::QmpGenericError, "{refused}");
        assert_eq!(params(&bench), ["", ""], "{refused}");
        assert_eq!(notes.taken(), ["emptied"], "{refused}");
        assert!(!machine.has(&format!("raw:{path}")), "{refused}");
    }
}

#[test]
fn a_drive_that_is_gone_gets_nothing() {
    let bench = bench("qemu_xen", false);
    let (machine, notes) = (Machine::default(), Notes::default());
    let found = find(&bench, DomainType::Hvm, medium("")).unwrap();
    bench.store.remove(RECORD);
    let error = change_within(&bench, &machine, "", found, &notes, ENOUGH).unwrap_err();
    assert_eq!(error.code(), Code::Fail);
    assert_eq!(bench.store.get(RECORD), None);
}

#[test]
fn what_cannot_be_stored_is_not_noted_either() {
    let bench = bench("qemu_xen", false);
    let (drive, disk) = find(&bench, DomainType::Hvm, medium("/new")).unwrap();
    let full = || Err(Error::fail("no space"));
    let noted = bench
        .ctx
        .block_on(async |op| device::set_medium(op, &drive.device, Some(&disk), &full).await);
    assert_eq!(noted.unwrap_err().code(), Code::Fail);
    assert_eq!(params(&bench), ["aio:/old", "aio:/old"]);
}

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
