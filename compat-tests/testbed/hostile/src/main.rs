//! A stub domain that was taken over: first process of the Linux stub domain's image, for the test bed alone.
//!
//! It reports QEMU as running, or not, as the part asks that it plays. The part is in the kernel's command line
//! (`part=NAME`) or, later, in the store node `part`, which dom0 writes.

mod carry;
mod qmp;
mod rings;
mod screen;

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use xenlight_stubdom_agent::error::Result;
use xenlight_stubdom_agent::store::Store;
use xenlight_stubdom_agent::{modules, offer, sys};

/// What makes a terminal do things, and a reader see things.
pub(crate) const FOOL: &str = "\x1b[2J\x1b]0;fooled\x07\r\n\u{9b}31m\u{202e}";
/// xenstored takes no more from a domain: its quota is 2048 bytes for a whole node.
const LARGEST: usize = 1800;
const SOCKET: &str = "/run/hostile.qmp";

fn main() {
    for (kind, dir) in [("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys")] {
        let _ = sys::mount(kind, dir, "");
    }
    if let Ok(log) = OpenOptions::new().read(true).write(true).open("/dev/hvc0") {
        sys::replace_stdio(&log);
    }
    if let Err(error) = play() {
        println!("hostile: {error}");
    }
    loop {
        std::thread::park();
    }
}

fn play() -> Result<()> {
    let mut store = Store::open()?;
    let target = store.read("target")?;
    let nodes = format!("device-model/{target}");
    let part = std::env::var("part").unwrap_or_default();
    println!("hostile: domain {target}, part '{part}'");
    modules::load("base")?;
    match part.as_str() {
        "liar" => lie(&mut store, &nodes),
        "flood" => flood(&mut store, &nodes),
        _ => serve(&mut store, &target, &nodes),
    }
}

/// Rubbish where the state should be, then a reason for the failure that is rubbish, too.
fn lie(store: &mut Store, nodes: &str) -> Result<()> {
    let long = FOOL.repeat(2000);
    for value in [
        &long.as_bytes()[..LARGEST],
        b"",
        b"runnin",
        b"running\0",
        b"\xff\xfe",
    ] {
        store.write(&format!("{nodes}/state"), value)?;
        store.write(&format!("{nodes}/state/running"), b"running")?;
        std::thread::sleep(Duration::from_millis(50));
    }
    store.write(&format!("{nodes}/error"), &long.as_bytes()[..LARGEST])?;
    store.write(&format!("{nodes}/state"), b"error")
}

/// Never says that QEMU runs, and makes as much noise about it as it can.
fn flood(store: &mut Store, nodes: &str) -> Result<()> {
    make_noise(std::io::stdout());
    let mut count: u64 = 0;
    loop {
        count += 1;
        store.write(
            &format!("{nodes}/state"),
            format!("starting {count}").as_bytes(),
        )?;
        // More nodes than its quota allows.
        let _ = store.write(&format!("{nodes}/n{count}"), b"x");
    }
}

static NOISY: AtomicBool = AtomicBool::new(false);

/// Fills what a console is connected to, as long as it shall be noisy.
fn make_noise(mut console: impl Write + Send + 'static) {
    NOISY.store(true, Relaxed);
    let line = format!("{FOOL}{}\n", "x".repeat(200));
    std::thread::spawn(move || {
        while NOISY.load(Relaxed) {
            if console.write_all(line.as_bytes()).is_err() {
                break;
            }
        }
    });
}

/// Fills the log, and the file that a saved state goes to.
fn fill_files() {
    make_noise(std::io::stdout());
    match OpenOptions::new().write(true).open("/dev/hvc1") {
        Ok(console) => make_noise(console),
        Err(error) => println!("hostile: no second console: {error}"),
    }
}

/// Says that QEMU runs, and serves QMP and a screen as the node `part` tells.
fn serve(store: &mut Store, target: &str, nodes: &str) -> Result<()> {
    qmp::listen(SOCKET)?;
    let server = offer::qmp(target)?;
    std::thread::spawn(move || println!("hostile: QMP: {:?}", carry::run(server, SOCKET)));
    let server = offer::screen(target)?;
    let mut parts = Store::open()?;
    let tell = move || parts.read("part").unwrap_or_default();
    std::thread::spawn(move || println!("hostile: screen: {:?}", screen::run(server, tell)));
    store.write(&format!("{nodes}/state"), b"running")?;
    println!("hostile: serving");
    let mut console = None;
    let deadline = Instant::now() + Duration::from_secs(600);
    while Instant::now() < deadline {
        match store.read("part").as_deref() {
            Ok("fill") if !NOISY.load(Relaxed) => fill_files(),
            Ok("fill") => {}
            Ok("console") => {
                let console = match &mut console {
                    Some(console) => console,
                    none => {
                        let offered = none.insert(rings::Console::offer(store, 1)?);
                        println!("hostile: another console");
                        offered
                    }
                };
                console.lie(Duration::from_millis(100));
                continue;
            }
            Ok("wreck") => {
                wreck(store, nodes);
                println!("hostile: wrecked");
                make_noise(std::io::stdout());
                return Ok(());
            }
            _ => NOISY.store(false, Relaxed),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Spoils every node that it may write: its reports and the frontends of its devices.
fn wreck(store: &mut Store, nodes: &str) {
    let fool = FOOL.repeat(2000);
    let fool = &fool.as_bytes()[..LARGEST];
    for kind in store.list("device").unwrap_or_default() {
        for device in store.list(&format!("device/{kind}")).unwrap_or_default() {
            let frontend = format!("device/{kind}/{device}");
            for name in [
                "state",
                "backend",
                "backend-id",
                "ring-ref",
                "event-channel",
                "tty",
            ] {
                let _ = store.write(&format!("{frontend}/{name}"), fool);
            }
        }
    }
    for name in [
        "state",
        "error",
        "command",
        "parameter",
        "qmp-vchan",
        "vnc-vchan",
    ] {
        let _ = store.write(&format!("{nodes}/{name}"), fool);
        let _ = store.write(&format!("{nodes}/{name}/below/{name}"), fool);
    }
    for path in [
        "name",
        "target",
        "vm",
        "image/device-model-pid",
        "device/vbd/99999/state",
    ] {
        let _ = store.write(path, fool);
    }
}
