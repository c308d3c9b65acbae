//! A driver domain, number 3, that serves devices of guest 7.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread::JoinHandle;

use super::*;
use crate::device::tests::lifecycle::Script;
use crate::engine::testing::{Bench, until};
use crate::store::fake::Fault;

const ME: &str = "/local/domain/3";
/// A number of one test of one run: scripts of a device are looked for all over the machine.
fn number(test: u32) -> u32 {
    std::process::id() % 1_000_000 * 100 + test
}

/// The program under test, in a thread.
struct Devd {
    bench: Bench,
    qemu: Place,
    running: Option<JoinHandle<Result<()>>>,
}

impl Devd {
    fn stopped() -> Self {
        let bench = Bench::new();
        bench.store.set("domid", "3");
        Self {
            bench,
            qemu: Place::default(),
            running: None,
        }
    }

    fn start(&mut self, limits: Limits) {
        let (ctx, qemu) = (self.bench.ctx.clone(), self.qemu.clone());
        let serve = move || ctx.block_on(async move |op: &Op| serve_with(op, qemu, limits).await);
        self.running = Some(std::thread::spawn(serve));
        until("the watch is set", || self.bench.store.watches() > 0);
    }

    fn running() -> Self {
        let mut devd = Self::stopped();
        devd.start(LIMITS);
        devd
    }

    fn stop(&mut self) {
        self.bench.ctx.abort(None).unwrap();
        let outcome = self.running.take().unwrap().join().unwrap();
        assert_eq!(outcome.unwrap_err().code(), Code::Aborted);
    }

    /// What dom0 writes for a device, and the state that its backend is in.
    fn place(&self, kind: &str, devid: u32, script: &str, state: &str) -> String {
        let directory = format!("{ME}/backend/{kind}/7/{devid}");
        let set =
            |key: &str, value: &str| self.bench.store.set(&format!("{directory}/{key}"), value);
        set("script", script);
        set("type", "vif");
        set("online", "1");
        set("state", state);
        directory
    }

    fn set(&self, directory: &str, key: &str, value: &str) {
        self.bench.store.set(&format!("{directory}/{key}"), value);
    }

    /// Dom0 takes a device away, and its backend follows.
    fn close(&self, directory: &str) {
        self.set(directory, "online", "0");
        self.set(directory, "state", "5");
        self.set(directory, "state", "6");
    }

    fn has(&self, path: &str) -> bool {
        self.bench.store.get(path).is_some()
    }

    fn gone(&self, directory: &str) {
        until(&format!("{directory} goes"), || !self.has(directory));
    }

    fn says(&self, text: &str) -> usize {
        let lines = self.bench.lines.lock().unwrap();
        lines.iter().filter(|line| line.contains(text)).count()
    }
}

impl Drop for Devd {
    fn drop(&mut self) {
        if self.running.is_some() && !std::thread::panicking() {
            self.stop();
        }
    }
}

#[allow(dead_code, reason = "it must only compile")]
fn it_can_move_between_threads(op: &Op) {
    fn send(_: impl Send) {}
    send(serve(op));
}

fn path(script: &Script) -> String {
    script.0.join("script").display().to_string()
}

fn recording(name: &str) -> Script {
    Script::new(name, "echo \"$* $XENBUS_TYPE $XENBUS_PATH $vif\" >>log")
}

#[test]
fn a_disk_comes_and_goes_with_its_script() {
    let devd = Devd::running();
    let (script, devid) = (recording("devd-vbd"), number(0));
    let disk = devd.place("vbd", devid, &path(&script), "1");
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(script.log(), "", "the backend is not ready");
    devd.set(&disk, "state", "2");
    until("the script runs", || !script.log().is_empty());
    assert_eq!(script.log(), format!("add vbd backend/vbd/7/{devid} \n"));
    // The frontend's driver is loaded anew: the device stays.
    devd.set(&disk, "state", "4");
    devd.set(&disk, "state", "6");
    devd.set(&disk, "state", "2");
    devd.set(&disk, "state", "4");
    devd.set(ME, "libxl/7/left", "by somebody");
    devd.close(&disk);
    devd.gone(&disk);
    let removed = format!("remove vbd backend/vbd/7/{devid} ");
    assert_eq!(script.log().lines().nth(1), Some(&*removed));
    assert_eq!(script.log().lines().count(), 2);
    until("the guest is forgotten", || {
        !devd.has(&format!("{ME}/libxl/7"))
    });
    // Without its devices there are no parents either.
    assert!(!devd.has(&format!("{ME}/backend")));
}

#[test]
fn a_nic_comes_and_goes_with_its_script() {
    let devd = Devd::running();
    let (script, devid) = (recording("devd-vif"), number(1));
    let nic = devd.place("vif", devid, &path(&script), "2");
    until("the script runs", || !script.log().is_empty());
    devd.close(&nic);
    devd.gone(&nic);
    let line = |verb| format!("{verb} type_if=vif vif backend/vif/7/{devid} vif7.{devid}\n");
    assert_eq!(script.log(), line("online") + &line("offline"));
}

#[test]
fn dom0_removes_the_parents_that_are_its_own() {
    let devd = Devd::running();
    let parent = format!("{ME}/backend/pvcalls/7");
    devd.bench.store.deny_removal(&parent);
    let device = devd.place("pvcalls", number(2), "", "4");
    devd.close(&device);
    devd.gone(&device);
    assert!(devd.has(&parent));
    assert_eq!(devd.says("Error"), 0);
}

#[test]
fn a_script_that_hangs_keeps_nobody_waiting_and_ends_with_the_program() {
    let mut devd = Devd::running();
    let (script, hung) = (
        recording("devd-quick"),
        Script::new("devd-hung", "echo $$ >pid; sleep 1000"),
    );
    devd.place("vbd", number(3), &path(&hung), "2");
    let pid = || fs::read_to_string(hung.0.join("pid")).unwrap_or_default();
    until("one hangs", || pid().ends_with('\n'));
    let disk = devd.place("vbd", number(4), &path(&script), "2");
    until("the other one connects", || !script.log().is_empty());
    devd.close(&disk);
    devd.gone(&disk);
    devd.stop();
    assert!(has_ended(&format!("/proc/{}", pid().trim())));
}

#[test]
fn a_device_of_another_run_is_not_connected_again_and_can_go() {
    let mut devd = Devd::stopped();
    let script = recording("devd-again");
    let connected = devd.place("vbd", number(5), &path(&script), "4");
    let closed = devd.place("vbd", number(6), &path(&script), "6");
    devd.set(&closed, "online", "0");
    let waiting = devd.place("vbd", number(7), &path(&script), "2");
    devd.start(LIMITS);
    devd.gone(&closed);
    until("one is connected", || script.log().contains("add"));
    devd.close(&connected);
    devd.gone(&connected);
    let mut lines: Vec<_> = script.log().lines().map(str::to_owned).collect();
    lines.sort();
    let line = |verb, test| format!("{verb} vbd backend/vbd/7/{} ", number(test));
    assert_eq!(
        lines,
        [line("add", 7), line("remove", 5), line("remove", 6)]
    );
    assert!(devd.has(&waiting));
    assert_eq!(devd.says("does not get ready"), 0);
}

#[test]
fn a_backend_that_is_not_ready_is_named_and_may_still_be() {
    let mut devd = Devd::stopped();
    devd.start(Limits {
        ready: Duration::from_millis(20),
        ..LIMITS
    });
    let script = recording("devd-late");
    let disk = devd.place("vbd", number(8), &path(&script), "1");
    until("it is named", || devd.says("does not get ready") == 1);
    devd.set(&disk, "state", "2");
    until("the script runs", || !script.log().is_empty());
    assert_eq!(devd.says("does not get ready"), 1);
}

#[test]
fn nonsense_runs_nothing() {
    let devd = Devd::running();
    let script = recording("devd-nonsense");
    let (store, program) = (&devd.bench.store, path(&script));
    for directory in [
        "nosuch/7/1",
        "vbd/7x/1",
        "vbd/07/1",
        "vbd/32752/1",
        "vbd/7/-1",
        "vbd/7/99999999999",
        "vbd/7",
        "vbd/7/1/2",
    ] {
        for (key, value) in [("script", &*program), ("online", "1"), ("state", "2")] {
            store.set(&format!("{ME}/backend/{directory}/{key}"), value);
        }
    }
    store.set(&format!("{ME}/backend/state"), "2");
    // A script that is no absolute path, none at all, and states that are none.
    devd.place("vbd", number(9), "block", "2");
    devd.place("vbd", number(10), "", "2");
    devd.place("vbd", number(11), &program, "22");
    devd.place("vbd", number(12), &program, "\u{ff}");
    until("two are named", || {
        devd.says("names no hotplug script") == 2
    });
    let last = devd.place("vbd", number(13), &program, "2");
    until("what is none of these is served", || {
        !script.log().is_empty()
    });
    assert_eq!(script.log().lines().count(), 1);
    assert!(devd.has(&last));
}

#[test]
fn devices_beyond_the_limit_are_left_alone() {
    let mut devd = Devd::stopped();
    devd.start(Limits {
        devices: 2,
        ..LIMITS
    });
    let script = recording("devd-limit");
    let place = |test| devd.place("vbd", number(test), &path(&script), "2");
    let (first, _) = (place(14), place(15));
    until("two are connected", || script.log().lines().count() == 2);
    place(16);
    until("the limit is named", || {
        devd.says("more than 2 devices") == 1
    });
    devd.close(&first);
    devd.gone(&first);
    place(17);
    until("there is a place", || script.log().lines().count() == 4);
    assert!(!script.log().contains(&format!("/{} ", number(16))));
}

#[test]
fn scripts_beyond_the_limit_wait_for_a_place() {
    let mut devd = Devd::stopped();
    devd.start(Limits {
        scripts: 1,
        ..LIMITS
    });
    let script = Script::new(
        "devd-place",
        "echo \"$XENBUS_PATH \" >>log; until [ -e go ]; do sleep 0.02; done",
    );
    let place = |test| devd.place("vbd", number(test), &path(&script), "2");
    place(30);
    until("one runs", || !script.log().is_empty());
    let disks = [31, 32].map(place);
    // The first of them does not want its place any more when there is one.
    devd.set(&disks[0], "state", "4");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(script.log().lines().count(), 1);
    fs::write(script.0.join("go"), "").unwrap();
    until("another runs", || script.log().lines().count() == 2);
    assert!(script.log().contains(&format!("/{} ", number(32))));
}

#[test]
fn a_backend_that_vanishes_is_forgotten() {
    let mut devd = Devd::stopped();
    devd.start(Limits {
        devices: 1,
        ..LIMITS
    });
    let script = recording("devd-vanishes");
    for test in [18, 19] {
        let disk = devd.place("vbd", number(test), &path(&script), "2");
        until("it is connected", || {
            script.log().contains(&format!("/{} ", number(test)))
        });
        devd.bench.store.remove(&disk);
        let gone = format!("{disk} is gone");
        until("it is forgotten", || devd.says(&gone) == 1);
    }
    // The second found a place, and nothing could be run for the first.
    assert_eq!(script.log().lines().count(), 2);
}

#[test]
fn a_thousand_rounds_leave_nothing() {
    let devd = Devd::stopped();
    let bench = &devd.bench;
    let ended = bench.ctx.block_on(async |op: &Op| {
        let watch = op.watch(&layout::backends(3)).await?;
        let mut driver = Driver::new(op, 3, Place::default(), LIMITS);
        let rounds = async {
            for round in 0..1000_u32 {
                let device = devd.place("pvcalls", number(round % 7), "", "4");
                devd.close(&device);
                while devd.has(&device) {
                    op.sleep(Duration::from_millis(1)).await?;
                }
            }
            Err::<(), _>(Error::fail("all of them"))
        };
        let end = first(driver.follow(&watch), rounds).await.unwrap_err();
        assert_eq!(end.to_string(), "all of them");
        // The last one's end may not have been seen.
        driver.changed(&layout::backends(3)).await;
        assert!(driver.devices.is_empty());
        Ok((driver.jobs, driver.guests, driver.queue.len()))
    });
    let (jobs, guests, queue) = ended.unwrap();
    assert_eq!((jobs.len(), guests.len(), queue), (0, 0, 0));
    until("the watch ends", || bench.store.watches() == 0);
}

#[test]
fn what_fails_once_leaves_nothing() {
    let [read, start, end, remove] = [2, 6, 7, 13];
    let devd = Devd::running();
    let script = recording("devd-once");
    for (test, kind) in [(26, read), (27, start), (28, end), (29, remove)] {
        let disk = devd.place("vbd", number(test), &path(&script), "2");
        let line = |verb| format!("{verb} vbd backend/vbd/7/{} ", number(test));
        until("it is connected", || script.log().contains(&line("add")));
        devd.bench.store.fault(kind, Fault::Error("ENOSPC"));
        devd.close(&disk);
        devd.gone(&disk);
        assert!(script.log().contains(&line("remove")));
    }
    assert_eq!(devd.says("No space left"), 4);
}

/// A QEMU that only runs.
fn qemu(devd: &mut Devd) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("qemu");
    // Started by name, the shell has the command line that is looked for.
    fs::write(
        &program,
        "#!/bin/sh\necho \"$*\" >>\"${0%/*}/log\"\nwhile :; do sleep 0.05; done\n",
    )
    .unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    devd.qemu = Place {
        program: program.display().to_string(),
        logs: directory.path().to_owned(),
    };
    directory
}

const PID: &str = "/local/domain/3/libxl/7/qdisk-backend-pid";
const STATE: &str = "/local/domain/3/device-model/7/state";

/// Whether a process is gone, or only not collected yet.
fn has_ended(process: &str) -> bool {
    fs::read(format!("{process}/cmdline")).is_ok_and(|line| line.is_empty())
        || !fs::exists(process).unwrap()
}

fn started(devd: &Devd) -> String {
    until("QEMU is on record", || devd.has(PID));
    let pid = String::from_utf8(devd.bench.store.get(PID).unwrap()).unwrap();
    let line = format!("/proc/{pid}/cmdline");
    until("QEMU runs", || {
        fs::read(&line).is_ok_and(|line| line.windows(9).any(|word| word == b"-monitor\0"))
    });
    devd.bench.store.set(STATE, "running");
    format!("/proc/{pid}")
}

#[test]
fn the_disks_of_a_guest_share_one_qemu_which_ends_with_the_last() {
    let mut devd = Devd::stopped();
    let place = qemu(&mut devd);
    // What a guest of the same number left.
    devd.bench.store.set(STATE, "running");
    devd.start(LIMITS);
    let first = devd.place("qdisk", number(20), "", "1");
    let process = started(&devd);
    let second = devd.place("qdisk", number(21), "", "1");
    devd.close(&first);
    devd.gone(&first);
    assert!(!has_ended(&process));
    let log = || fs::read_to_string(place.path().join("log")).unwrap_or_default();
    until("QEMU has begun", || log().ends_with('\n'));
    assert_eq!(
        log(),
        "-xen-domid 7 -xen-attach -name domain-7 -nographic -M xenpv -monitor /dev/null -serial /dev/null -parallel /dev/null\n"
    );
    assert!(fs::exists(place.path().join("qdisk-7.log")).unwrap());
    // It goes on without this program, and is found again.
    devd.stop();
    devd.start(LIMITS);
    devd.close(&second);
    devd.gone(&second);
    assert!(has_ended(&process), "QEMU has let go before the nodes go");
    until("its nodes go", || {
        !devd.has(PID) && !devd.has("/local/domain/3/device-model/7")
    });
    assert_eq!(log().lines().count(), 1);
}

#[test]
fn shared_directories_count_where_that_qemu_serves_them() {
    let of = |kind| serve::at(3, &format!("{ME}/backend/{kind}/7/0")).unwrap();
    assert_eq!(takes_qemu(&of("9pfs")), cfg!(since_4_20));
    assert!(takes_qemu(&of("qdisk")));
    assert!(!takes_qemu(&of("vkbd")));
}

#[test]
fn a_qemu_that_removes_its_own_backend_ends_as_well() {
    let mut devd = Devd::stopped();
    let _place = qemu(&mut devd);
    devd.start(LIMITS);
    let disk = devd.place("qdisk", number(22), "", "1");
    let process = started(&devd);
    devd.bench.store.remove(&disk);
    until("QEMU ends", || has_ended(&process));
    until("its nodes go", || !devd.has(PID));
}

#[test]
fn a_qemu_that_is_about_to_start_ends_with_the_program() {
    let mut devd = Devd::stopped();
    let _place = qemu(&mut devd);
    devd.start(LIMITS);
    devd.place("qdisk", number(23), "", "1");
    until("QEMU is on record", || devd.has(PID));
    let pid = String::from_utf8(devd.bench.store.get(PID).unwrap()).unwrap();
    devd.stop();
    until("QEMU ends", || has_ended(&format!("/proc/{pid}")));
    assert!(!devd.has(PID));
}

#[test]
fn a_guest_whose_qemu_cannot_start_can_go() {
    let mut devd = Devd::stopped();
    devd.qemu.program = "/nonexistent/qemu".into();
    devd.start(LIMITS);
    let disk = devd.place("qdisk", number(24), "", "1");
    until("that is said", || devd.says("cannot be executed") == 1);
    devd.close(&disk);
    devd.gone(&disk);
    // Another try is due.
    devd.place("qdisk", number(25), "", "1");
    until("that is said", || devd.says("cannot be executed") == 2);
}
