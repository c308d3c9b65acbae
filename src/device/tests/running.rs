//! Scripts that outlive their toolstack.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use super::guest_of;
use super::lifecycle::{Backend, Script, left, run};
use crate::device::kind::Device;
use crate::device::{Force, When, add, place, remove, running};
use crate::engine::testing::{Bench, until};
use crate::sys::elsewhere;
use crate::types::{DeviceDisk, DiskFormat, DomainType};
use crate::{Code, Domid};

/// A bound for what takes a moment.
const SOON: Duration = Duration::from_secs(20);

/// Adds a disk in another process, and kills that when the script has begun.
fn toolstack_killed_in(script: &Script, domid: Domid) {
    let words = format!("{domid} {}", script.0.display());
    let mut toolstack = elsewhere::command(module_path!(), &words).spawn().unwrap();
    until("the script begins", || script.log().contains("add begun"));
    toolstack.kill().unwrap();
    toolstack.wait().unwrap();
}

#[test]
#[ignore = "other tests run it"]
fn in_a_process_of_its_own() {
    let part = elsewhere::part();
    let (domid, dir) = part.split_once(' ').unwrap();
    let domid: Domid = domid.parse().unwrap();
    let bench = Bench::new();
    let _backend = Backend::start(&bench.store, backends(domid));
    let mut disk = disk(&dir_script(dir));
    let guest = guest_of(domid, DomainType::Pv);
    let added = run(&bench, async |op| {
        add(op, &guest, &mut disk, When::Creation).await
    });
    added.unwrap();
}

fn dir_script(dir: &str) -> String {
    format!("{dir}/script")
}

fn disk(script: &str) -> DeviceDisk {
    DeviceDisk {
        vdev: Some("xvda".into()),
        pdev_path: Some("/dev/vg/disk".into()),
        format: DiskFormat::Raw,
        script: Some(script.into()),
        ..DeviceDisk::default()
    }
}

/// A domain of one test of one run: what runs for it is found all over the machine.
fn guest(test: u32) -> Domid {
    100 + std::process::id() % 7000 * 4 + test
}

fn backends(domid: Domid) -> &'static [&'static str] {
    let backend = format!("/local/domain/0/backend/vbd/{domid}/51712");
    vec![&*backend.leak()].leak()
}

/// The nodes of the disk, as the killed toolstack wrote them.
fn placed(bench: &Bench, script: &Script, domid: Domid) -> Device {
    let mut disk = disk(&dir_script(&script.0.display().to_string()));
    let guest = guest_of(domid, DomainType::Pv);
    run(bench, async |op| {
        place(op, &guest, &mut disk, When::Creation).await
    })
    .unwrap()
}

fn records(domid: Domid) -> usize {
    let before = format!("userdata-l.{domid}.");
    let entries = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&before))
        .count()
}

fn alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    let state = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.trim_start().to_owned());
    state.is_some_and(|state| !state.starts_with(['Z', 'X']))
}

/// As a script of the C library: no record, the same environment.
fn without_record(script: &Script, domid: Domid) -> Child {
    Command::new(script.0.join("script"))
        .arg("add")
        .env("XENBUS_PATH", format!("backend/vbd/{domid}/51712"))
        .spawn()
        .unwrap()
}

#[test]
fn all_that_a_script_started_ends_before_its_device_goes() {
    let domid = guest(0);
    // The last to write is a child that neither names the script nor has it as its parent.
    let script = Script::new(
        "outlives",
        "echo \"$1 begun\" >>log
         [ $1 = remove ] || sh -c 'sleep 1; echo late >>log' &
         sleep 0.3; echo \"$1 done\" >>log",
    );
    toolstack_killed_in(&script, domid);
    let bench = Bench::new();
    let _backend = Backend::start(&bench.store, backends(domid));
    let device = placed(&bench, &script, domid);
    run(&bench, async |op| remove(op, &device, Force::On).await).unwrap();
    let expected = "add begun\nadd done\nlate\nremove begun\nremove done\n";
    assert_eq!(script.log(), expected);
    assert_eq!(left(&bench, "vbd"), Vec::<String>::new());
    assert_eq!(records(domid), 0);
}

#[test]
fn a_script_without_a_record_is_waited_for() {
    let domid = guest(1);
    let script = Script::new(
        "foreign",
        "echo \"$1 begun\" >>log; sleep 0.5; echo \"$1 done\" >>log",
    );
    let mut foreign = without_record(&script, domid);
    until("the script begins", || script.log().contains("add begun"));
    let bench = Bench::new();
    let _backend = Backend::start(&bench.store, backends(domid));
    let device = placed(&bench, &script, domid);
    run(&bench, async |op| remove(op, &device, Force::On).await).unwrap();
    foreign.wait().unwrap();
    let expected = "add begun\nadd done\nremove begun\nremove done\n";
    assert_eq!(script.log(), expected);
}

#[test]
fn a_script_that_hangs_is_killed_with_its_children_but_not_with_what_it_leaves_running() {
    let domid = guest(2);
    let script = Script::new(
        "hangs",
        "sleep 1000 & echo $! >child
         setsid sleep 1000 & echo $! >daemon
         echo $$ >self; echo \"$1 begun\" >>log; wait",
    );
    toolstack_killed_in(&script, domid);
    let pid = |name: &str| fs::read_to_string(script.0.join(name)).unwrap();
    let (own, child, daemon) = (pid("self"), pid("child"), pid("daemon"));
    let bench = Bench::new();
    let device = placed(&bench, &script, domid);
    // Nobody is killed before the time.
    let patient = run(&bench, async |op| {
        let waits = running::none(op, &device, None, SOON);
        op.timeout(Duration::from_millis(300), "the script", waits)
            .await
    });
    assert_eq!(patient.unwrap_err().code(), Code::Timedout);
    assert!(alive(&own) && alive(&child) && alive(&daemon));
    run(&bench, async |op| {
        running::none(op, &device, None, Duration::ZERO).await
    })
    .unwrap();
    assert!(!alive(&own) && !alive(&child) && alive(&daemon));
    let pid = rustix::process::Pid::from_raw(daemon.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    until("the daemon ends", || !alive(&daemon));
    run(&bench, async |op| {
        running::none(op, &device, None, SOON).await
    })
    .unwrap();
    assert_eq!(records(domid), 0);
}

#[test]
fn an_abort_ends_all_that_a_script_started() {
    let domid = guest(3);
    let script = Script::new(
        "aborted",
        "[ $1 = remove ] && exit
         sleep 1000 & echo $! >child; echo \"$1 begun\" >>log; wait",
    );
    let bench = Bench::new();
    let _backend = Backend::start(&bench.store, backends(domid));
    let ctx = bench.ctx.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            until("the script begins", || script.log().contains("add begun"));
            ctx.abort(None).unwrap();
        });
        let mut disk = disk(&dir_script(&script.0.display().to_string()));
        let guest = guest_of(domid, DomainType::Pv);
        let added = run(&bench, async |op| {
            add(op, &guest, &mut disk, When::Creation).await
        });
        assert_eq!(added.unwrap_err().code(), Code::Aborted);
    });
    let child = fs::read_to_string(script.0.join("child")).unwrap();
    assert!(!alive(&child));
    assert_eq!(records(domid), 0);
    assert!(Path::new(&script.0).exists());
}
