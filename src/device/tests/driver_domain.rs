//! Devices that another domain serves, as dom0 sees them and as that domain does; some of those domains lie.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::guest_of;
use super::lifecycle::{Script, left, run};
use crate::device::kind::{Device, DeviceKind};
use crate::device::state::{self, XenbusState};
use crate::device::{Force, When, add, place, remove, serve};
use crate::engine::testing::Bench;
use crate::types::{DeviceDisk, DiskBackend, DomainType};
use crate::{Code, Domid};

const DRIVER: Domid = 3;
const BACKEND: &str = "/local/domain/3/backend/vbd/7/51712";
/// The same guest's, of dom0's own.
const OTHER: &str = "/local/domain/0/backend/vbd/7/51728";

fn disk(script: &Script) -> DeviceDisk {
    DeviceDisk {
        backend_domid: DRIVER,
        backend: DiskBackend::Phy,
        ..script.disk("xvda")
    }
}

/// Runs `body` while a driver domain does `step` again and again.
fn beside<T>(bench: &Bench, step: impl Fn(&Bench) + Sync, body: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                step(bench);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let result = body();
        over.store(true, Ordering::Relaxed);
        result
    })
}

fn state_of(bench: &Bench) -> Option<Vec<u8>> {
    bench.store.get(&format!("{BACKEND}/state"))
}

/// What a driver domain does with a device: its kernel follows the handshake, and `xl devd` removes what is closed.
fn honest(bench: &Bench) {
    match state_of(bench).as_deref() {
        Some(b"1") => bench.store.set(&format!("{BACKEND}/state"), "2"),
        Some(b"5") => bench.store.set(&format!("{BACKEND}/state"), "6"),
        Some(b"6") => bench.store.remove(BACKEND),
        _ => {}
    }
}

#[test]
fn scripts_are_left_to_the_domain_that_serves() {
    let bench = Bench::new();
    let script = Script::new("driver-dom0", "echo \"$1\" >>log");
    let (guest, mut disk) = (guest_of(7, DomainType::Pv), disk(&script));
    beside(&bench, honest, || {
        let added = run(&bench, async |op| {
            add(op, &guest, &mut disk, When::Hotplug).await
        });
        let device = added.unwrap();
        assert_eq!(state_of(&bench).unwrap(), b"2");
        run(&bench, async |op| remove(op, &device, Force::Auto).await).unwrap();
    });
    assert_eq!(script.log(), "");
    assert_eq!(left(&bench, "vbd"), Vec::<String>::new());
}

#[test]
fn a_driver_domain_takes_away_what_is_its_own() {
    let bench = Bench::new();
    bench.store.set("domid", DRIVER.to_string());
    let script = Script::new("driver-own", "");
    let (guest, mut disk) = (guest_of(7, DomainType::Pv), disk(&script));
    run(&bench, async |op| {
        let device = place(op, &guest, &mut disk, When::Creation).await?;
        serve::erase(op, &device).await
    })
    .unwrap();
    assert!(
        bench
            .store
            .get("/local/domain/7/device/vbd/51712/backend")
            .is_some()
    );
    assert!(
        bench
            .store
            .get("/libxl/7/device/vbd/51712/backend")
            .is_some()
    );
    assert_eq!(left(&bench, "/local/domain/3/"), Vec::<String>::new());

    // Another one's backend is not.
    let foreign = Device::plain(7, DeviceKind::Vbd, 51728, 0);
    bench.store.set(OTHER, "");
    run(&bench, async |op| serve::erase(op, &foreign).await).unwrap();
    assert!(bench.store.get(OTHER).is_some());
}

#[test]
fn the_frontend_of_a_backend_is_guessed_and_its_path_is_strict() {
    for (kind, frontend) in [
        ("vbd", "vbd"),
        ("qdisk", "vbd"),
        ("vinput", "vkbd"),
        ("9pfs", "9pfs"),
    ] {
        let path = format!("/local/domain/3/backend/{kind}/7/5");
        let device = serve::at(DRIVER, &path).unwrap();
        assert_eq!((device.kind.name(), device.backend()), (frontend, path));
    }
    assert_eq!(serve::at(4, BACKEND), None, "another domain's");
    assert_eq!(
        serve::at(DRIVER, "/local/domain/3/backend/vbd/32752/51712"),
        None
    );
    assert_eq!(
        serve::at(DRIVER, "/local/domain/3/backend/vbd/7/51712/state"),
        None
    );
}

#[test]
fn states_that_are_none_count_for_nothing() {
    let bench = Bench::new();
    let lies = ["", "22", "2\0", " 2", "-2", "two"].map(str::to_owned);
    let long = "2".repeat(4000);
    let turn = AtomicBool::new(false);
    let lie = |bench: &Bench| {
        let long_one = turn.fetch_xor(true, Ordering::Relaxed);
        for value in &lies {
            bench.store.set(
                &format!("{BACKEND}/state"),
                if long_one { &long } else { value },
            );
        }
    };
    lie(&bench);
    let waited = beside(&bench, lie, || {
        run(&bench, async |op| {
            let limit = Duration::from_millis(200);
            state::wait(op, BACKEND, XenbusState::InitWait, limit).await
        })
    });
    let error = waited.unwrap_err();
    assert_eq!(error.code(), Code::Timedout);
    assert!(error.to_string().contains("it is at no state"), "{error}");
}

#[test]
fn a_driver_domain_that_drops_its_device_ends_the_addition_and_nothing_else() {
    let bench = Bench::new();
    let script = Script::new("driver-drops", "");
    let (guest, mut disk) = (guest_of(7, DomainType::Pv), disk(&script));
    bench.store.set(&format!("{OTHER}/state"), "4");
    // First it makes a mess of it, and then again while that is cleaned up.
    let drop = |bench: &Bench| {
        if state_of(bench).is_some() {
            for number in 0..500 {
                let lie = format!("{BACKEND}/lie-{number}/physical-device-path");
                bench.store.set(&lie, "/etc/shadow".repeat(300));
            }
            bench.store.remove(BACKEND);
        }
    };
    let added = beside(&bench, drop, || {
        run(&bench, async |op| {
            add(op, &guest, &mut disk, When::Hotplug).await
        })
    });
    let error = added.unwrap_err();
    assert_eq!(error.code(), Code::Inval, "{error}");
    assert_eq!(left(&bench, "/vbd/7/51712"), Vec::<String>::new());
    assert_eq!(left(&bench, "/libxl/7"), Vec::<String>::new());
    assert_eq!(bench.store.get(&format!("{OTHER}/state")).unwrap(), b"4");
}
