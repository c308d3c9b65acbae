//! First process of the stub domain. It prepares the domain for QEMU (modules, disks, network,
//! consoles), starts QEMU with the arguments that the toolstack left in xenstore, and then carries
//! QMP and the screen between the toolstack and QEMU until QEMU ends. Once QEMU runs, only its own end ends the domain.
//!
//! What goes wrong is said in one line on the first console, which the toolstack keeps as the
//! device model's log, and in the store node `device-model/TARGET/error`.
//!
//! A library, so that test programs in a stub domain have its parts: what is public is what they use.

mod arguments;
mod cdrom;
mod child;
mod confine;
mod console;
pub mod error;
mod memory;
pub mod modules;
mod monitor;
mod network;
pub mod offer;
pub mod qmp;
mod relay;
mod retry;
mod save;
mod screen;
pub mod store;
pub mod sys;
mod words;

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::child::Watched;
use crate::console::say;
use crate::error::{Error, Result};
use crate::store::Store;
use crate::words::Words;

/// Where QEMU serves QMP inside the stub domain.
const QEMU_SOCKET: &str = "/run/qemu.qmp";
/// The toolstack's limit for the whole start is 30 s; a missing device should be named before that.
const DEVICE_TIMEOUT: Duration = Duration::from_secs(10);
/// Where to look when a disk does not come.
const BLOCK_HINT: &str = "its backend did not connect; see dom0's kernel log and xen-hotplug.log";
/// For the log to take why the domain ends.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What the domain runs first, and all that it runs beside QEMU; ends the domain.
pub fn first_process() -> ! {
    let prepared = prepare_filesystems();
    console::open();
    let mut target = None;
    let outcome = prepared.and_then(|()| run(&mut target));
    let reason = match outcome {
        Ok(()) => sys::ShutdownReason::PowerOff,
        Err(_) => sys::ShutdownReason::Crash,
    };
    // Words are lost rather than that the domain stays without a QEMU because nobody takes them.
    let (told, end) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        tell(outcome, target.as_deref());
        drop(told);
    });
    let _ = end.recv_timeout(LAST_WORDS);
    sys::shut_down(reason)
}

fn tell(outcome: Result<()>, target: Option<&str>) {
    match outcome {
        Ok(()) => say("QEMU ended on request; powering off"),
        Err(error) => {
            // The log first: the toolstack takes the domain down when it reads the node.
            say(&format!("error: {error}"));
            if let Some(target) = target {
                report(target, &error);
            }
        }
    }
    console::drain();
}

/// Leaves the reason where the toolstack can read it. Best effort: the domain is about to end.
fn report(target: &str, error: &Error) {
    if let Ok(mut store) = Store::open() {
        let base = format!("device-model/{target}");
        let _ = store.write(&format!("{base}/error"), error.to_string().as_bytes());
        let _ = store.write(&format!("{base}/state"), b"error");
    }
}

fn prepare_filesystems() -> Result<()> {
    // QEMU's sockets, its saved state and the pictures of its screens are all that it can make.
    let run = format!("mode=0700,uid={0},gid={0}", confine::QEMU);
    for (kind, dir, options) in [
        ("devtmpfs", "/dev", ""),
        ("proc", "/proc", ""),
        ("sysfs", "/sys", ""),
        ("tmpfs", "/run", &run),
    ] {
        sys::mount(kind, dir, options)
            .map_err(|source| Error::io(format!("mount {kind} on {dir}"), source))?;
    }
    Ok(())
}

fn run(target: &mut Option<String>) -> Result<()> {
    let mut store = Store::open()?;
    // The order is about time: block and network backends answer while the rest goes on.
    let has_disks = store
        .list("device")
        .is_ok_and(|kinds| kinds.iter().any(|kind| kind == "vbd"));
    if has_disks {
        modules::load("disk")?;
    }
    let target: &str = target.insert(read_target(&mut store)?);
    let mut arguments = Arguments::read(&mut store, target)?;
    // A medium may come later.
    if !has_disks && cdrom::is_wanted(arguments.list()) {
        modules::load("disk")?;
    }
    let taps = arguments.taps();
    if !taps.is_empty() {
        modules::load("network")?;
        confine::give_tun()?;
    }
    memory::promise_any()?;
    modules::load("base")?;
    memory::remove(Path::new(modules::DIR));
    confine::give_devices()?;
    for disk in arguments.disks() {
        await_path(&disk, BLOCK_HINT)?;
        confine::give(&disk)?;
    }
    for tap in &taps {
        network::bridge_tap(tap, DEVICE_TIMEOUT)?;
    }
    for serial in arguments.serials() {
        console::await_open(&serial, DEVICE_TIMEOUT)?;
        confine::give(&serial)?;
    }
    let incoming = arguments.take_incoming()?;

    let qemu = start_qemu(&arguments)?;
    drop(incoming);
    memory::settle(target, qemu.id());
    cdrom::serve(target, arguments.list());
    say(&format!(
        "QEMU started for domain {target} at {:.2} s ({} disks, {} NICs{})",
        sys::uptime().as_secs_f64(),
        arguments.disks().len(),
        taps.len(),
        if arguments.is_restore() {
            ", restoring"
        } else {
            ""
        }
    ));
    if let Some(socket) = arguments.screen() {
        screen::serve(target, socket);
    }
    relay::run(QEMU_SOCKET, qemu, || offer::qmp(target))
}

fn read_target(store: &mut Store) -> Result<String> {
    let target = store.read("target").map_err(|source| {
        Error::new(format!(
            "no node 'target' ({source}): this image is only of use as a guest's stub domain"
        ))
    })?;
    match target.parse::<u16>() {
        Ok(_) => Ok(target),
        Err(_) => Err(Error::new(format!(
            "node 'target' holds '{target}', not a domain id"
        ))),
    }
}

fn await_path(path: &Path, hint: &str) -> Result<()> {
    let deadline = Instant::now() + DEVICE_TIMEOUT;
    while !path.exists() {
        if Instant::now() > deadline {
            return Err(Error::new(format!(
                "{} did not appear within {} s: {hint}",
                path.display(),
                DEVICE_TIMEOUT.as_secs()
            )));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Starts QEMU as a user of its own, behind its filter.
fn start_qemu(arguments: &Arguments) -> Result<Watched> {
    let failed = |source| Error::io("start /bin/qemu", source);
    let (heard, said) = std::io::pipe().map_err(failed)?;
    let mut command = Command::new("/bin/qemu");
    command
        .args(["-L", "/usr/share/qemu", "-qmp"])
        .arg(format!("unix:{QEMU_SOCKET},server=on,wait=off"))
        .args(cdrom::monitor(arguments.list()))
        .args(arguments.list())
        // A QEMU since 9.2 keeps pictures in files without a name, where it may not have memory without one.
        .env("TMPDIR", "/run")
        .stdin(Stdio::null())
        .stdout(said.try_clone().map_err(failed)?)
        .stderr(said);
    confine::confine(&mut command)?;
    let child = command.spawn().map_err(|source| {
        let hint = match source.raw_os_error() {
            Some(libc::ENOMEM) => "; try a larger stubdomain_memory",
            _ => "",
        };
        Error::new(format!("cannot start /bin/qemu: {source}{hint}"))
    })?;
    // The command has the pipe's other end; with it there would be no end.
    drop(command);
    let words = Words::pass_on(heard, std::io::stdout()).map_err(failed)?;
    Ok(Watched::new(child, Some(words)))
}

/// Opens a file for reading, naming it in the error.
fn open(path: &str) -> Result<File> {
    File::open(path).map_err(|source| Error::io(format!("open {path}"), source))
}
