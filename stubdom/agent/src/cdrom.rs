//! CD drives. The toolstack changes a medium by taking a disk from this domain and giving it another one of the same number;
//! QEMU gets a descriptor of each as it comes, in a set that it opens as `/dev/fdset/N`, with the text `stub-devid:DEVID`.
//!
//! The kernel lets a disk go only when nobody has it open, so no other descriptor is kept. QEMU closes what is in a set
//! when its last client leaves, hence a connection of our own, which stays. What the store says (`1` in
//! `device-model/TARGET/fdset/DEVID`) only saves the toolstack from asking QEMU again and again, and tells it that a disk
//! that it took away is gone for the kernel as well.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::console::say;
use crate::error::{Error, Result};
use crate::monitor::Monitor;
use crate::store::Store;
use crate::sys::{self, Wish};

/// Where QEMU serves it, beside the toolstack's own.
const SOCKET: &str = "/run/cdrom.qmp";
const DEVICES: &str = "/sys/bus/xen/devices";
/// Between attempts to reach a QEMU that has not opened its socket yet.
const RETRY: Duration = Duration::from_millis(50);
/// Between looks at what failed, or cannot be waited for.
const LOOK: Duration = Duration::from_secs(1);

/// The numbers of the CD drives that QEMU's arguments name.
fn drives(arguments: &[String]) -> Vec<u32> {
    let of_drive = |pair: &[String]| {
        let options = (pair[0] == "-drive").then(|| pair[1].split(','))?;
        let mut ids = options.filter_map(|option| option.strip_prefix("id=ide-"));
        ids.next()?.parse().ok()
    };
    arguments.windows(2).filter_map(of_drive).collect()
}

/// Whether there are CD drives, so that disks may come at any time.
pub(crate) fn is_wanted(arguments: &[String]) -> bool {
    !drives(arguments).is_empty()
}

/// What QEMU's arguments must say for [`serve`]; nothing where there is no CD drive.
pub(crate) fn monitor(arguments: &[String]) -> Vec<String> {
    if !is_wanted(arguments) {
        return Vec::new();
    }
    vec![
        "-qmp".to_owned(),
        format!("unix:{SOCKET},server=on,wait=off"),
    ]
}

/// Offers the media of all CD drives to QEMU, on a thread of its own and as long as the domain lives. No trouble with that
/// ends anything: the guest can do without another medium.
pub(crate) fn serve(target: &str, arguments: &[String]) {
    let drives: Vec<Drive> = drives(arguments).into_iter().map(Drive::new).collect();
    if drives.is_empty() {
        return;
    }
    let nodes = format!("device-model/{target}/fdset");
    let host = Host {
        devices: DEVICES.into(),
        special: "/dev".into(),
        note: Box::new(move |devid, offered| {
            let path = format!("{nodes}/{devid}");
            let mut store = Store::open()?;
            match offered {
                true => store.write(&path, b"1"),
                // Mostly there is none.
                false => store.remove(&path).or(Ok(())),
            }
        }),
    };
    let started = std::thread::Builder::new()
        .name("cdrom".into())
        .spawn(move || keep(&host, drives));
    if let Err(error) = started {
        say(&format!("error: no medium can be changed: {error}"));
    }
}

fn keep(host: &Host, mut drives: Vec<Drive>) {
    let events = sys::kernel_events();
    if let Err(error) = &events {
        say(&format!("CD drives: no news from the kernel: {error}"));
    }
    // QEMU takes its time to open the socket, and cannot do without it.
    let connect = || loop {
        match UnixStream::connect(SOCKET) {
            Ok(stream) => return stream,
            Err(_) => std::thread::sleep(RETRY),
        }
    };
    let mut troubles = Troubles::default();
    loop {
        let outcome = Monitor::over(connect())
            .and_then(|monitor| session(host, &mut drives, monitor, events.as_ref().ok()));
        if let Err(error) = outcome {
            troubles.tell(&error);
        }
        std::thread::sleep(LOOK);
    }
}

/// One connection to QEMU, to its end.
fn session(
    host: &Host,
    drives: &mut [Drive],
    mut monitor: Monitor,
    events: Option<&File>,
) -> Result<()> {
    let mut troubles = Troubles::default();
    for drive in &mut *drives {
        // What an earlier connection left in QEMU is not relied on.
        drive.offered = None;
        drive.withdraw(host, &mut monitor)?;
    }
    loop {
        let mut later = events.is_none();
        for drive in &mut *drives {
            if let Err(error) = drive.settle(host, &mut monitor) {
                troubles.tell(&error);
                later = true;
            }
        }
        monitor.check()?;
        let mut sources = vec![(monitor.as_fd(), Wish::Read)];
        sources.extend(events.map(|events| (events.as_fd(), Wish::Read)));
        let ready = sys::poll(&sources, later.then_some(LOOK))?;
        if ready.first() == Some(&true) {
            monitor.skip_events()?;
        }
        if let Some(mut source) = events.filter(|_| ready.get(1) == Some(&true)) {
            // Which events they are does not matter, nor that some were lost: all is looked at anew.
            while source.read(&mut [0; 8192]).is_ok_and(|count| count > 0) {}
        }
    }
}

/// Words for the log, more and more rarely: it has an end.
#[derive(Default)]
struct Troubles(u64);

impl Troubles {
    fn tell(&mut self, error: &Error) {
        self.0 += 1;
        if self.0.is_power_of_two() {
            say(&format!("CD drives: {error} (time {})", self.0));
        }
    }
}

/// Where the kernel shows its disks, and where the toolstack is told.
struct Host {
    devices: PathBuf,
    special: PathBuf,
    /// Says whether QEMU has a descriptor of the drive's disk.
    note: Box<dyn Fn(u32, bool) -> Result<()> + Send>,
}

/// A disk that the kernel has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Disk {
    /// The name below /dev.
    name: String,
    /// Another one for each disk since the kernel started, where the kernel tells.
    sequence: String,
}

/// How a drive's disk stands.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// There is no such device.
    Gone,
    /// There is one, and its backend has not answered yet, or has closed.
    Between,
    There(Disk),
}

fn look(devices: &Path, devid: u32) -> Seen {
    let device = devices.join(format!("vbd-{devid}"));
    if !device.exists() {
        return Seen::Gone;
    }
    let block = device.join("block");
    let names = fs::read_dir(&block).into_iter().flatten().flatten();
    let mut names = names.filter_map(|entry| entry.file_name().into_string().ok());
    match names.find(|name| name.starts_with("xvd")) {
        None => Seen::Between,
        Some(name) => {
            let sequence = fs::read_to_string(block.join(&name).join("diskseq"));
            Seen::There(Disk {
                name,
                sequence: sequence.unwrap_or_default(),
            })
        }
    }
}

/// A CD drive, and the disk of which QEMU has a descriptor.
struct Drive {
    devid: u32,
    offered: Option<Disk>,
}

impl Drive {
    fn new(devid: u32) -> Self {
        Self {
            devid,
            offered: None,
        }
    }

    /// Brings QEMU up to what the kernel has. A disk is offered once: when QEMU has closed it, it is about to go.
    fn settle(&mut self, host: &Host, monitor: &mut Monitor) -> Result<()> {
        match look(&host.devices, self.devid) {
            Seen::Gone if self.offered.is_some() => {
                self.withdraw(host, monitor)?;
                self.offered = None;
            }
            Seen::There(disk) if self.offered.as_ref() != Some(&disk) => {
                self.withdraw(host, monitor)?;
                self.offer(&host.special.join(&disk.name), monitor)?;
                self.offered = Some(disk);
                // Without it the toolstack asks QEMU each second.
                (host.note)(self.devid, true)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn offer(&self, path: &Path, monitor: &mut Monitor) -> Result<()> {
        let failed = |source| Error::io(format!("open {}", path.display()), source);
        let disk = File::open(path).map_err(failed)?;
        let opaque = json!({ "opaque": self.mark() });
        monitor
            .execute("add-fd", opaque, Some(disk.as_fd()))
            .map(drop)
    }

    /// Makes QEMU close what it has of this drive's disks, then says so.
    fn withdraw(&self, host: &Host, monitor: &mut Monitor) -> Result<()> {
        let sets = monitor.execute("query-fdsets", json!({}), None)?;
        for set in sets.as_array().into_iter().flatten() {
            let fds = set["fds"].as_array().into_iter().flatten();
            let mut marks = fds.filter_map(|fd| fd["opaque"].as_str());
            if let (true, Some(id)) = (
                marks.any(|mark| mark == self.mark()),
                set["fdset-id"].as_u64(),
            ) {
                monitor.execute("remove-fd", json!({ "fdset-id": id }), None)?;
            }
        }
        (host.note)(self.devid, false)
    }

    fn mark(&self) -> String {
        format!("stub-devid:{}", self.devid)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::sync::{Arc, Mutex};
    use std::thread;

    use serde_json::Value;

    use super::*;
    use crate::monitor::testing::{hear, negotiate, say};

    #[test]
    fn drives_are_known_by_their_ids() {
        let arguments = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let both = arguments(
            "-drive file=/dev/xvda,if=ide,index=0,media=disk,format=host_device \
             -drive if=none,readonly=on,id=ide-5632,file=/dev/xvdc,format=host_device \
             -device ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0 \
             -drive if=none,readonly=on,id=ide-5696 -drive if=none,id=ide-x",
        );
        assert_eq!(drives(&both), [5632, 5696]);
        assert_eq!(
            monitor(&both),
            ["-qmp", "unix:/run/cdrom.qmp,server=on,wait=off"]
        );
        let none = arguments("-drive file=/dev/xvda,if=ide -device ide-cd,id=ide-5632");
        assert_eq!(drives(&none), [0; 0]);
        assert!(monitor(&none).is_empty());
    }

    /// A host with one drive, and what was said about it.
    struct Bench {
        dir: tempfile::TempDir,
        notes: Arc<Mutex<Vec<bool>>>,
    }

    impl Bench {
        fn new() -> (Self, Host) {
            let dir = tempfile::tempdir().expect("a directory");
            let notes: Arc<Mutex<Vec<bool>>> = Arc::default();
            let noted = Arc::clone(&notes);
            let host = Host {
                devices: dir.path().join("devices"),
                special: dir.path().join("dev"),
                note: Box::new(move |devid, offered| {
                    assert_eq!(devid, 5632);
                    noted.lock().expect("notes").push(offered);
                    Ok(())
                }),
            };
            fs::create_dir(&host.special).expect("a directory");
            fs::write(host.special.join("xvdc"), "the medium").expect("a disk");
            (Self { dir, notes }, host)
        }

        fn device(&self) -> PathBuf {
            self.dir.path().join("devices/vbd-5632")
        }

        fn connect(&self, sequence: &str) {
            let block = self.device().join("block/xvdc");
            fs::create_dir_all(&block).expect("a directory");
            fs::write(block.join("diskseq"), sequence).expect("a number");
        }

        fn take(&self) {
            fs::remove_dir_all(self.device()).expect("a device");
        }

        fn notes(&self) -> Vec<bool> {
            std::mem::take(&mut self.notes.lock().expect("notes"))
        }
    }

    /// A QEMU with sets of descriptors; ends with its client. Refuses the first `refuses` descriptors.
    fn qemu(mut refuses: u32) -> (Monitor, Arc<Mutex<Vec<String>>>) {
        let (ours, mut theirs) = UnixStream::pair().expect("socket pair");
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let telling = Arc::clone(&told);
        thread::spawn(move || {
            negotiate(&mut theirs);
            let mut sets: Vec<(u64, String)> = vec![(7, "stub-devid:56320".into())];
            while let Some((command, fd)) = hear(&mut theirs) {
                let name = command["execute"].as_str().expect("a name");
                let arguments = &command["arguments"];
                let answer = match name {
                    "query-fdsets" => sets
                        .iter()
                        .map(|(id, text)| json!({"fdset-id": id, "fds": [{"fd": 9, "opaque": text}]}))
                        .collect(),
                    "remove-fd" => {
                        sets.retain(|(id, _)| arguments["fdset-id"] != *id);
                        json!({})
                    }
                    _ => {
                        let mut content = String::new();
                        let mut file = File::from(fd.expect("a descriptor"));
                        file.read_to_string(&mut content).expect("readable");
                        assert_eq!(content, "the medium");
                        let text = arguments["opaque"].as_str().expect("text");
                        if refuses == 0 {
                            sets.push((sets.len() as u64 + 20, text.into()));
                        }
                        Value::Null
                    }
                };
                if name != "query-fdsets" {
                    telling
                        .lock()
                        .expect("list")
                        .push(format!("{name} {arguments}"));
                }
                if answer.is_null() && refuses > 0 {
                    refuses -= 1;
                    say(
                        &mut theirs,
                        &json!({"error": {"desc": "no"}, "id": command["id"]}),
                    );
                } else {
                    say(&mut theirs, &json!({"return": answer, "id": command["id"]}));
                }
            }
        });
        (Monitor::over(ours).expect("negotiated"), told)
    }

    fn taken(told: &Arc<Mutex<Vec<String>>>) -> Vec<String> {
        std::mem::take(&mut told.lock().expect("list"))
    }

    const ADD: &str = "add-fd {\"opaque\":\"stub-devid:5632\"}";
    const REMOVE: &str = "remove-fd {\"fdset-id\":21}";

    #[test]
    fn each_disk_is_offered_once_and_withdrawn_when_it_has_gone() {
        let (bench, host) = Bench::new();
        let (mut monitor, told) = qemu(0);
        let mut drive = Drive::new(5632);
        let mut settle = || drive.settle(&host, &mut monitor).expect("settled");

        settle();
        assert_eq!(look(&host.devices, 5632), Seen::Gone);
        fs::create_dir_all(bench.device()).expect("a device");
        settle();
        assert_eq!(look(&host.devices, 5632), Seen::Between);
        assert_eq!((taken(&told), bench.notes()), (vec![], vec![]));

        bench.connect("4");
        settle();
        settle();
        assert_eq!(taken(&told), [ADD]);
        assert_eq!(bench.notes(), [false, true]);
        // It closes first, and is gone later.
        fs::remove_dir_all(bench.device().join("block")).expect("a disk");
        settle();
        assert_eq!((taken(&told), bench.notes()), (vec![], vec![]));
        bench.take();
        settle();
        settle();
        assert_eq!(taken(&told), [REMOVE]);
        assert_eq!(bench.notes(), [false]);
        // Another one in its place that nobody saw come.
        bench.connect("5");
        settle();
        bench.take();
        bench.connect("6");
        settle();
        assert_eq!(taken(&told), [ADD, REMOVE, ADD]);
        assert_eq!(bench.notes(), [false, true, false, true]);
    }

    #[test]
    fn what_qemu_refuses_is_offered_again() {
        let (bench, host) = Bench::new();
        let (mut monitor, told) = qemu(2);
        let mut drive = Drive::new(5632);
        bench.connect("1");
        for _ in 0..2 {
            let error = drive.settle(&host, &mut monitor).expect_err("refused");
            assert_eq!(error.to_string(), "QEMU refuses add-fd: no");
            monitor.check().expect("the connection holds");
        }
        drive.settle(&host, &mut monitor).expect("taken");
        assert_eq!(taken(&told), [ADD, ADD, ADD]);
        assert_eq!(bench.notes(), [false, false, false, true]);
    }
}
