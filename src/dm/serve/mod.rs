//! The one process in dom0 that a stub domain needs, where QEMU and a QMP proxy were two: `xenlight-serve` carries its consoles,
//! its QMP and the guest's screen (docs/stub-domain.md).
//!
//! What it is to do stands in xenstore, in the part that only dom0 reads, so that anybody can start it again.

mod ends;
mod keep;

pub use keep::keep;
use serde_json::{Value, json};

use super::attendant::Attendant;
use super::{Pair, args, is_linux, limit, process, user};
use crate::device::Console;
use crate::engine::{Op, Rollback};
use crate::paths::STUBDOM_SERVER;
use crate::release;
use crate::store::layout;
use crate::types::{DomainConfig, VncInfo};
use crate::{Domid, Error, Result, qmp};

/// Set to anything but nothing: QEMU and the proxy serve stub domains, as with the C library.
const OLD_WAY: &str = "XENLIGHT_STUBDOM_QEMU";

/// The most that a message to xenstored has room for, beside the path.
const LONGEST: usize = 4000;

/// The user of those hosts that have none for QEMU.
const NOBODY: (u32, u32) = (65534, 65534);

/// The consoles' numbers end here: Linux takes the last digit for the terminal's number.
const MOST_CONSOLES: usize = 10;

/// Why a guest's stub domain cannot be served by the process of this project, so that QEMU and the proxy do it; nothing where it
/// can.
pub(super) fn why_not(config: &DomainConfig) -> Option<String> {
    if !is_linux(config) {
        return Some("a MiniOS stub domain has a framebuffer, which QEMU shows".into());
    }
    if old_way_is_asked() {
        return Some(format!("{OLD_WAY} is set"));
    }
    if let Err(error) = process::check_executable(STUBDOM_SERVER, "server of stub domains", 0) {
        return Some(error.to_string());
    }
    let ports = args::hvm(&config.b_info)
        .map(args::serial_ports)
        .unwrap_or_default();
    if ports.len() + args::FIRST_SERIAL_CONSOLE > MOST_CONSOLES {
        return Some(format!("{} serial ports are too many", ports.len()));
    }
    let unknown = ports.iter().find(|port| ends::of_word(port).is_none())?;
    Some(format!("only QEMU knows serial={unknown:?}"))
}

fn old_way_is_asked() -> bool {
    std::env::var_os(OLD_WAY).is_some_and(|value| !value.is_empty())
}

/// Why a guest's Linux stub domain would wait in vain for somebody to serve it; nothing where that is served, or where somebody
/// wants to see it fail.
pub(super) fn nobody_else(config: &DomainConfig) -> Option<String> {
    let asked = release::QEMU_SERVES_STUB_DOMAINS || !is_linux(config) || old_way_is_asked();
    (!asked).then(|| why_not(config)).flatten()
}

/// Starts the process for a stub domain whose nodes are there and that does not run yet, and waits until it serves.
pub(super) async fn start(
    op: &Op,
    undo: &Rollback,
    pair: Pair<'_>,
    config: &DomainConfig,
    consoles: &[Console],
) -> Result<()> {
    let task = task(pair, config, consoles)
        .map_err(|error| error.domain(pair.guest))?
        .to_string();
    if task.len() > LONGEST {
        let what = "the paths of its serial ports are too long for xenstore";
        return Err(Error::inval(what).domain(pair.guest));
    }
    op.store()?
        .write(&layout::stubdom_server(pair.stubdom), &task)
        .await?;
    run(op, undo, pair).await
}

/// Whether the stub domain is served so.
pub(super) async fn is_used(op: &Op, stubdom: Domid) -> Result<bool> {
    let task = op.store()?.read(&layout::stubdom_server(stubdom)).await?;
    Ok(task.is_some())
}

/// Starts the process of a stub domain, also again, and waits until it serves.
pub(super) async fn run(op: &Op, undo: &Rollback, pair: Pair<'_>) -> Result<()> {
    process::check_executable(STUBDOM_SERVER, "server of stub domains", pair.guest)?;
    let server = Attendant {
        what: "server of the stub domain",
        undo: format!("take down the server of stub domain {}", pair.stubdom),
        program: STUBDOM_SERVER,
        args: vec!["-xen-domid".to_owned(), pair.stubdom.to_string()],
        log: "qemu-dm",
        file_limit: None,
    };
    server.start(op, undo, pair).await
}

/// What the process reads (stubdom/serve/src/config.rs).
fn task(pair: Pair<'_>, config: &DomainConfig, consoles: &[Console]) -> Result<Value> {
    let user = user::unprivileged(&user::HOST, pair.stubdom)?;
    let (uid, gid) = user.map_or(NOBODY, |user| (user.uid, user.gid));
    let state = limit::of_state(config.b_info.video_memkb);
    let consoles: Vec<Value> = consoles
        .iter()
        .map(|console| {
            let number = usize::try_from(console.devid).unwrap_or_default();
            let serial = number.checked_sub(args::FIRST_SERIAL_CONSOLE);
            json!({ "number": number, "serial": serial, "end": end(number, console, state) })
        })
        .collect();
    Ok(json!({
        "stubdom": pair.stubdom,
        "guest": pair.guest,
        "user": { "uid": uid, "gid": gid },
        "consoles": consoles,
        "qmp": qmp::socket_path(pair.guest),
        "screen": args::vnc(config).map(screen).transpose()?,
    }))
}

/// The log, the state on its way out and in, and the serial ports.
fn end(number: usize, console: &Console, state: u64) -> Value {
    let Some(output) = &console.output else {
        return ends::null();
    };
    let path = output.split_once(':').map_or("", |(_, path)| path);
    match number {
        0 => ends::log(path, false),
        1 => ends::state(path, state),
        2 => ends::source(path),
        _ => ends::of_word(output).unwrap_or_else(ends::null),
    }
}

/// Where viewers connect: an address may bring its own display, then no other may be given.
fn screen(vnc: &VncInfo) -> Result<Value> {
    let listen = vnc.listen.as_deref().unwrap_or("127.0.0.1");
    let (host, display) = match listen.rsplit_once(':') {
        _ if listen.starts_with("unix:") => (listen, 0),
        Some((host, own)) if !host.contains(':') || host.ends_with(']') => {
            if vnc.display != 0 {
                let what = format!(
                    "vncdisplay={} is set, but vnclisten={listen:?} names a display too",
                    vnc.display
                );
                return Err(Error::inval(what));
            }
            let own = own.parse::<i32>();
            (
                host,
                own.map_err(|_| Error::inval(format!("vnclisten={listen:?} names no display")))?,
            )
        }
        _ => (listen, vnc.display),
    };
    let port = u16::try_from(display)
        .ok()
        .filter(|display| *display < u16::MAX - 5900);
    let display = port.ok_or_else(|| Error::inval(format!("there is no VNC display {display}")))?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let password = vnc
        .passwd
        .as_deref()
        .filter(|password| !password.is_empty());
    Ok(json!({
        "host": host,
        "display": display,
        "unused": args::is(vnc.findunused),
        "password": password,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{DeviceModelVersion, DomainBuildInfoHvm, DomainBuildInfoU};

    fn guest(hvm: DomainBuildInfoHvm) -> DomainConfig {
        let mut config = DomainConfig::default();
        config.b_info.u = DomainBuildInfoU::Hvm(hvm);
        config.b_info.device_model_version = DeviceModelVersion::QemuXen;
        config
    }

    #[test]
    fn a_task_says_it_all() {
        let mut hvm = DomainBuildInfoHvm {
            serial_list: vec!["pty".into(), "file:/tmp/b".into()],
            ..Default::default()
        };
        hvm.vnc.enable = Some(true);
        hvm.vnc.display = 3;
        hvm.vnc.passwd = Some(String::new());
        let console =
            |devid, output: Option<&str>| Console::ioemu(devid, 0, output.map(str::to_owned));
        let consoles = [
            console(0, Some("file:/log/a:b")),
            console(1, Some("file:/state")),
            console(2, None),
            console(3, Some("pty")),
            console(4, Some("file:/tmp/b")),
        ];
        let pair = Pair {
            stubdom: 6,
            guest: 5,
            name: "g-dm",
        };
        let task = task(pair, &guest(hvm), &consoles).unwrap();
        assert_eq!((&task["stubdom"], &task["guest"]), (&json!(6), &json!(5)));
        assert_ne!(task["user"]["uid"], 0);
        let kinds: Vec<&Value> = task["consoles"].as_array().unwrap().iter().collect();
        assert_eq!(kinds[0]["end"]["path"], "/log/a:b");
        assert_eq!(kinds[0]["end"]["truncate"], false);
        assert_eq!(kinds[1]["end"]["rotate"], false);
        assert_eq!(kinds[2]["end"], json!({ "kind": "null" }));
        assert_eq!(
            (&kinds[3]["serial"], &kinds[3]["end"]["kind"]),
            (&json!(0), &json!("pty"))
        );
        assert_eq!(
            (&kinds[4]["serial"], &kinds[4]["end"]["truncate"]),
            (&json!(1), &json!(true))
        );
        assert_eq!(
            task["screen"],
            json!({ "host": "127.0.0.1", "display": 3, "unused": false, "password": null })
        );
        let restored = end(2, &console(2, Some("pipe:/state/qemu-resume.5")), 0);
        assert_eq!(
            restored,
            json!({ "kind": "source", "path": "/state/qemu-resume.5" })
        );
    }

    #[test]
    fn addresses_of_screens() {
        let at = |listen: &str, display| {
            let vnc = VncInfo {
                listen: Some(listen.into()),
                display,
                ..VncInfo::default()
            };
            screen(&vnc).map(|screen| {
                (
                    screen["host"].as_str().unwrap().to_owned(),
                    screen["display"].clone(),
                )
            })
        };
        for (listen, display, host, shown) in [
            ("0.0.0.0", 2, "0.0.0.0", 2),
            ("0.0.0.0:4", 0, "0.0.0.0", 4),
            ("::1", 2, "::1", 2),
            ("[::1]:4", 0, "::1", 4),
            ("unix:/run/g.vnc", 0, "unix:/run/g.vnc", 0),
        ] {
            assert_eq!(
                at(listen, display).unwrap(),
                (host.to_owned(), json!(shown)),
                "{listen}"
            );
        }
        let beyond = at("0.0.0.0:70000", 0).unwrap_err().to_string();
        assert_eq!(beyond, "there is no VNC display 70000");
        for (listen, display) in [
            ("0.0.0.0:4", 2),
            ("0.0.0.0:x", 0),
            ("0.0.0.0", -1),
            ("0.0.0.0", 65535),
        ] {
            assert!(at(listen, display).is_err(), "{listen} {display}");
        }
    }

    #[test]
    fn what_the_server_cannot_do_is_found_early() {
        let with = |serial: &[&str]| {
            let serial_list = serial.iter().map(|&word| word.to_owned()).collect();
            why_not(&guest(DomainBuildInfoHvm {
                serial_list,
                ..Default::default()
            }))
        };
        // Where the program is not installed, that is the reason for all.
        let installed = with(&["pty"]).is_none();
        for (serial, word) in [
            (&["telnet::5,server"][..], "telnet"),
            (&["pty"; 8][..], "too many"),
        ] {
            let reason = with(serial).unwrap();
            assert!(!installed || reason.contains(word), "{reason}");
        }
        let mut minios = guest(DomainBuildInfoHvm::default());
        minios.b_info.device_model_version = DeviceModelVersion::QemuXenTraditional;
        assert!(why_not(&minios).unwrap().contains("MiniOS"));
    }
}
