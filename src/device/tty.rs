//! Where the terminals of consoles are, and the programs that show a console or a screen.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};

use super::guest::Guest;
use super::kind::DeviceKind;
use super::record;
use crate::engine::{Command, Op};
use crate::paths::XEN_BINDIR;
use crate::store::{Tx, layout};
use crate::types::{ConsoleType, DomainType};
use crate::{Code, DOM0, Domid, Error, Result};

/// The stub domain's console that carries its guest's first serial port.
pub const STUBDOM_SERIAL: u32 = 3;
/// How long xenconsoled may take to open a terminal.
const TTY_READY: Duration = Duration::from_secs(10);
/// VNC display 0.
const VNC_BASE_PORT: u32 = 5900;

/// One console of one domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The domain that has it.
    pub domid: Domid,
    /// Its number among those of its type.
    pub number: u32,
    /// Paravirtual or emulated.
    pub type_: ConsoleType,
}

impl Address {
    /// The node that names the terminal; the guest may read it, not write it.
    fn node(&self) -> Result<String> {
        match self.type_ {
            ConsoleType::Serial => Ok(layout::serial_tty(self.domid, self.number)),
            ConsoleType::Pv => Ok(layout::console_tty(self.domid, self.number)),
            other => {
                let what = format!("consoles of type {} have no terminal", other.name());
                Err(Error::inval(what).domain(self.domid))
            }
        }
    }
}

/// The console that a user of `domid` means: the serial port of an HVM guest (which its stub domain may carry), the
/// first console of others.
pub async fn primary(op: &Op, domid: Domid) -> Result<Address> {
    if let Some(stubdom) = record::stubdom_of(&op.store()?, domid).await? {
        return Ok(Address {
            domid: stubdom,
            number: STUBDOM_SERIAL,
            type_: ConsoleType::Pv,
        });
    }
    let guest = Guest::read(op, domid).await;
    let type_ = match guest.map_err(|error| error.code_as(Code::Inval))?.type_ {
        DomainType::Hvm => ConsoleType::Serial,
        _ => ConsoleType::Pv,
    };
    let number = 0;
    Ok(Address {
        domid,
        number,
        type_,
    })
}

/// The terminal of a console, for instance `/dev/pts/3`.
pub async fn path(op: &Op, console: Address) -> Result<String> {
    let node = console.node()?;
    let device = match (console.type_, i32::try_from(console.number)) {
        (ConsoleType::Pv, Ok(number)) => {
            record::one(&op.store()?, console.domid, DeviceKind::Console, number).await?
        }
        // QEMU in dom0 serves emulated ports.
        _ => None,
    };
    let server = device.map_or(DOM0, |device| device.backend_domid);
    let path = named_by(op, &node, console.domid, server).await;
    match path.map_err(|error| error.domain(console.domid))? {
        Some(path) if !path.is_empty() => Ok(path),
        _ => Err(Error::fail(format!("{node} names no terminal"))
            .hint("is xenconsoled running?")
            .domain(console.domid)),
    }
}

/// What dom0, or the domain that serves the console, wrote into a node of a directory that belongs to `guest`. The guest
/// cannot write there, but it can delete the node with its directory and make another one (XSA-175), whose value programs
/// of dom0 would open. A server must name a terminal, and no other file.
pub(super) async fn named_by(
    op: &Op,
    node: &str,
    guest: Domid,
    server: Domid,
) -> Result<Option<String>> {
    let read = |tx: Tx| async move {
        let Some(perms) = tx.get_perms(node).await? else {
            return Ok(None);
        };
        let owner = perms.owner();
        let bad = |what: String| Error::fail(format!("{node} was made by domain {owner}, {what}"));
        if owner != DOM0 && (owner != server || owner == guest) {
            return Err(bad("it names no terminal".into()));
        }
        match tx.read_str(node).await? {
            Some(path) if owner != DOM0 && !path.is_empty() && !is_terminal(&path) => {
                Err(bad(format!("{path:?} is no terminal")))
            }
            path => Ok(path),
        }
    };
    op.store()?.transaction(read).await
}

/// Whether a path has the form of a pseudo-terminal's. Programs of dom0 open what has.
pub fn is_terminal(path: &str) -> bool {
    let number = path
        .strip_prefix("/dev/pts/")
        .and_then(layout::parse_number);
    number.is_some()
}

/// Waits until xenconsoled has opened the terminal of the domain's first console.
pub async fn wait_for_primary(op: &Op, domid: Domid) -> Result<String> {
    let node = layout::console_tty(domid, 0);
    let watch = op.watch(&node).await?;
    let what = format!("waiting for the console's terminal in {node}");
    let wait = op.timeout(TTY_READY, &what, async {
        loop {
            watch.changed().await?;
            match op.store()?.read_str(&node).await? {
                Some(path) if !path.is_empty() => return Ok(path),
                Some(_) => {}
                None => return Err(Error::fail(format!("{node} was removed"))),
            }
        }
    });
    wait.await
        .map_err(|error| error.hint("is xenconsoled running?").domain(domid))
}

/// The program that connects the caller's terminal to a console; it tells `notify_fd` when it has, and ends at the character
/// `escape` instead of its own.
pub fn client(console: Address, notify_fd: Option<i32>, escape: Option<&[u8]>) -> Result<Command> {
    let type_ = match console.type_ {
        ConsoleType::Pv => "pv",
        ConsoleType::Serial => "serial",
        ConsoleType::Vuart => "vuart",
        ConsoleType::Unknown => {
            return Err(Error::fail("the console's type is unknown").domain(console.domid));
        }
    };
    let mut command = Command::new(format!("{XEN_BINDIR}/xenconsole"))
        .arg(console.domid.to_string())
        .arg("--num")
        .arg(console.number.to_string())
        .args(["--type", type_]);
    if let Some(fd) = notify_fd {
        command = command.arg("--start-notify-fd").arg(fd.to_string());
    }
    if let Some(escape) = escape {
        command = command.arg("--escape").arg(OsStr::from_bytes(escape));
    }
    Ok(command)
}

/// A viewer for the domain's screen, and what it shall read the password from, if it is to be given one.
pub async fn viewer(op: &Op, domid: Domid, autopass: bool) -> Result<(Command, Option<OwnedFd>)> {
    let store = op.store()?;
    let node = |key: &str| format!("{}/{key}", layout::console(domid));
    let port = store.read_str(&node("vnc-port")).await?;
    let port = port
        .as_deref()
        .and_then(layout::parse_number)
        .ok_or_else(|| {
            Error::fail(format!("{} names no port", node("vnc-port")))
                .hint("the domain has no VNC screen, or QEMU runs in a stub domain")
                .domain(domid)
        })?;
    let listen = store.read_str(&node("vnc-listen")).await?;
    let password = match autopass {
        true => store.read_str(&node("vnc-pass")).await?,
        false => None,
    };
    let program = std::env::var_os("VNCVIEWER").unwrap_or_else(|| OsString::from("vncviewer"));
    let mut command = Command::new(program).arg(display(listen.as_deref(), port));
    let Some(password) = password else {
        return Ok((command, None));
    };
    command = command.arg("-autopass");
    let file = in_memory(password.as_bytes())
        .map_err(|error| Error::io("cannot put the VNC password aside", &error).domain(domid))?;
    Ok((command, Some(file)))
}

/// A file without a name that holds `bytes`, to be read from the start.
fn in_memory(bytes: &[u8]) -> std::io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("vncautopass", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

/// Replaces this process by `command`; returns only when that fails.
pub fn exec(command: &Command, stdin: Option<OwnedFd>) -> Error {
    let mut process = std::process::Command::new(&command.program);
    process.args(&command.args);
    if let Some(stdin) = stdin {
        process.stdin(stdin);
    }
    let error = process.exec();
    let program = Path::new(&command.program).display();
    Error::io(format!("cannot run {program}"), &error)
}

/// `host:display` as VNC viewers take it.
fn display(listen: Option<&str>, port: u32) -> String {
    let number = i64::from(port) - i64::from(VNC_BASE_PORT);
    format!("{}:{number}", listen.unwrap_or("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Bench;
    use crate::store::Perms;

    fn words(command: &Command) -> Vec<&str> {
        let program = std::iter::once(&command.program);
        let words = program
            .chain(&command.args)
            .map(|word| word.to_str().unwrap());
        words.collect()
    }

    #[test]
    fn the_console_client_is_told_which_console() {
        let console = Address {
            domid: 9,
            number: 3,
            type_: ConsoleType::Pv,
        };
        let plain = client(console, None, None).unwrap();
        let xenconsole = &*format!("{XEN_BINDIR}/xenconsole");
        assert_eq!(
            words(&plain),
            [xenconsole, "9", "--num", "3", "--type", "pv"]
        );
        let told = client(console, Some(5), None).unwrap();
        assert_eq!(words(&told)[6..], ["--start-notify-fd", "5"]);
        let other = client(console, None, Some(b"q")).unwrap();
        assert_eq!(words(&other)[6..], ["--escape", "q"]);
        let unknown = Address {
            type_: ConsoleType::Unknown,
            ..console
        };
        assert!(client(unknown, None, None).is_err());
        assert!(unknown.node().is_err());
    }

    #[test]
    fn nodes_of_terminals() {
        let node = |number, type_| {
            let domid = 9;
            Address {
                domid,
                number,
                type_,
            }
            .node()
            .unwrap()
        };
        assert_eq!(node(0, ConsoleType::Pv), "/local/domain/9/console/tty");
        assert_eq!(
            node(3, ConsoleType::Pv),
            "/local/domain/9/device/console/3/tty"
        );
        assert_eq!(node(0, ConsoleType::Serial), "/local/domain/9/serial/0/tty");
    }

    #[test]
    fn a_terminal_that_the_guest_names_is_refused() {
        let bench = Bench::new();
        let console = Address {
            domid: 9,
            number: 3,
            type_: ConsoleType::Pv,
        };
        let node = console.node().unwrap();
        let read = || bench.ctx.block_on(async |op| path(op, console).await);
        bench.store.set(&node, "/dev/pts/4");
        assert_eq!(read().unwrap(), "/dev/pts/4");
        bench
            .ctx
            .block_on(async |op| {
                let guests = Perms::owner_only(9);
                op.store()?.set_perms(&node, &guests).await
            })
            .unwrap();
        let error = read().unwrap_err();
        assert!(error.to_string().contains("made by domain 9"), "{error}");
        // Not even when the guest is on record as its own server.
        let server = |domid: u32| {
            let path = format!("/local/domain/{domid}/backend/console/9/3");
            bench.store.set("/libxl/9/device/console/3/backend", path);
        };
        server(9);
        assert!(read().is_err());
    }

    #[test]
    fn the_domain_that_serves_a_console_names_its_terminal() {
        let bench = Bench::new();
        let set = |path: &str, value: &str| bench.store.set(path, value);
        for (number, node) in [
            (0, "/local/domain/9/console/tty"),
            (3, "/local/domain/9/device/console/3/tty"),
        ] {
            let console = Address {
                domid: 9,
                number,
                type_: ConsoleType::Pv,
            };
            let read = || bench.ctx.block_on(async |op| path(op, console).await);
            set(
                &format!("/libxl/9/device/console/{number}/backend"),
                &format!("/local/domain/4/backend/console/9/{number}"),
            );
            let owned_by = |domid| {
                let perms = Perms::owner_only(domid);
                let give = bench
                    .ctx
                    .block_on(async |op| op.store()?.set_perms(node, &perms).await);
                give.unwrap();
            };
            set(node, "/dev/pts/7");
            owned_by(4);
            assert_eq!(read().unwrap(), "/dev/pts/7");
            owned_by(5);
            assert!(read().is_err(), "domain 5 has nothing to do with it");
            owned_by(4);
            for file in ["/etc/shadow", "/dev/pts/../sda", "/dev/pts/", "/dev/pts/1x"] {
                set(node, file);
                let error = read().unwrap_err();
                assert!(error.to_string().contains("is no terminal"), "{error}");
            }
            set(node, "");
            let error = read().unwrap_err();
            assert!(error.to_string().contains("names no terminal"), "{error}");
        }
    }

    #[test]
    fn a_vnc_port_becomes_a_display() {
        assert_eq!(display(None, 5901), "localhost:1");
        assert_eq!(display(Some("0.0.0.0"), 5900), "0.0.0.0:0");
    }
}
