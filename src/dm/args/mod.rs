//! QEMU's command line, as a pure function of a guest's configuration.
//!
//! The order of arguments is the C library's: QEMU gives out PCI slots in the order of `-device`, so a guest's hardware
//! would move if it changed.

mod disks;
mod display;
mod machine;
mod nics;
#[cfg(test)]
mod tests;
mod traditional;

pub use disks::{cdrom_id, qemu_format};
pub(crate) use machine::serial_ports;

use std::collections::HashMap;

use crate::release;
use crate::types::{
    ChannelConnection, DeviceModelVersion, DomainBuildInfo, DomainBuildInfoHvm, DomainBuildInfoU,
    DomainConfig,
};
use crate::{Domid, Error, Result, qmp};

pub(in crate::dm) use display::vnc;

/// How much a QEMU may write to stderr, in bytes, before its output is dropped (XSA-180).
const CONSOLE_LIMIT: &str = "1048576";

/// The consoles of a stub domain: 0 to 2 are log, save and restore, from 3 on they are the guest's serial ports.
pub const FIRST_SERIAL_CONSOLE: usize = 3;

/// What the device model's program is called on a command line that a stub domain will read.
const STUBDOM_PROGRAM: &str = "stubdom-dm";

/// A saved device model, and how this QEMU gets at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Restore {
    /// Nothing to restore.
    #[default]
    No,
    /// From this descriptor, which the spawned QEMU inherits.
    Fd(i32),
    /// The stub domain finds it on its restore console.
    Stubdom,
    /// From this file (qemu-xen-traditional).
    File(String),
}

/// Everything but the configuration that the command line depends on.
#[derive(Default)]
pub struct Environment<'a> {
    /// The guest.
    pub domid: Domid,
    /// A saved device model to start from.
    pub restore: Restore,
    /// The descriptor of a QMP socket that is bound already; QEMU then starts stopped.
    pub monitor_fd: Option<i32>,
    /// The user that QEMU changes to.
    pub run_as: Option<&'a str>,
    /// An empty directory that QEMU changes its root to when it is restricted.
    pub chroot: &'a str,
    /// Whether the administrator has set `XEN_QEMU_CONSOLE_LIMIT`.
    pub console_limit_set: bool,
    /// Whether one of the guest's PCI devices is an Intel graphics card.
    pub igd: bool,
    /// The socket in the stub domain on which its QEMU serves the screen, where it has one.
    pub screen: Option<&'a str>,
    /// The files or block devices that hotplug scripts made of disks, by the disk's name.
    pub script_targets: HashMap<String, String>,
}

/// A program, its arguments and what is added to its environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The program; for a stub domain only a name.
    pub program: String,
    /// The arguments after the program.
    pub args: Vec<String>,
    /// Added to the caller's environment.
    pub env: Vec<(String, String)>,
    /// What the configuration asks for and the guest does not get.
    pub warnings: Vec<String>,
}

impl CommandLine {
    fn arg(&mut self, arg: impl Into<String>) {
        self.args.push(arg.into());
    }

    fn pair(&mut self, option: &str, value: impl Into<String>) {
        self.args.push(option.into());
        self.args.push(value.into());
    }

    fn env(&mut self, name: &str, value: impl Into<String>) {
        self.env.push((name.into(), value.into()));
    }

    fn extend(&mut self, args: &[String]) {
        self.args.extend_from_slice(args);
    }
}

/// What the parts of the command line are made from.
struct Input<'a> {
    config: &'a DomainConfig,
    build: &'a DomainBuildInfo,
    env: &'a Environment<'a>,
    stubdom: bool,
}

impl<'a> Input<'a> {
    fn hvm(&self) -> Option<&'a DomainBuildInfoHvm> {
        hvm(self.build)
    }

    fn domid(&self) -> Domid {
        self.env.domid
    }

    fn invalid(&self, what: impl Into<String>) -> Error {
        Error::inval(what).domain(self.domid())
    }
}

/// The HVM part of a build configuration.
pub(crate) fn hvm(build: &DomainBuildInfo) -> Option<&DomainBuildInfoHvm> {
    match &build.u {
        DomainBuildInfoU::Hvm(hvm) => Some(hvm),
        _ => None,
    }
}

/// Whether a boolean with a default was set; defaults are filled in before a device model starts.
pub(in crate::dm) fn is(value: Option<bool>) -> bool {
    value == Some(true)
}

/// The command line for the guest's device model; `program` is not used for a stub domain.
pub fn build(program: &str, config: &DomainConfig, env: &Environment<'_>) -> Result<CommandLine> {
    let build = &config.b_info;
    let stubdom = is(build.device_model_stubdomain);
    let mut line = CommandLine {
        program: (if stubdom { STUBDOM_PROGRAM } else { program }).into(),
        ..CommandLine::default()
    };
    if !env.console_limit_set && !release::QEMU_9 {
        line.env("XEN_QEMU_CONSOLE_LIMIT", CONSOLE_LIMIT);
    }
    let input = Input {
        config,
        build,
        env,
        stubdom,
    };
    match build.device_model_version {
        DeviceModelVersion::QemuXen => qemu_xen(&input, &mut line)?,
        DeviceModelVersion::QemuXenTraditional => traditional::build(&input, &mut line)?,
        other => {
            return Err(input.invalid(format!("device_model_version {} cannot run", other.name())));
        }
    }
    Ok(line)
}

/// The command line of the QEMU that serves a domain's disks and consoles without being its device model.
pub fn qdisk_backend(program: &str, domid: Domid, console_limit_set: bool) -> CommandLine {
    let mut line = CommandLine {
        program: program.into(),
        ..CommandLine::default()
    };
    line.pair("-xen-domid", domid.to_string());
    line.arg("-xen-attach");
    line.pair("-name", format!("domain-{domid}"));
    line.arg("-nographic");
    line.pair("-M", "xenpv");
    for port in ["-monitor", "-serial", "-parallel"] {
        line.pair(port, "/dev/null");
    }
    if !console_limit_set && !release::QEMU_9 {
        line.env("XEN_QEMU_CONSOLE_LIMIT", CONSOLE_LIMIT);
    }
    line
}

fn qemu_xen(input: &Input<'_>, line: &mut CommandLine) -> Result<()> {
    line.pair("-xen-domid", input.domid().to_string());
    line.arg("-no-shutdown");
    monitors(input, line);
    channels(input, line)?;
    // Nothing but what Xen can serve, and nothing from configuration files of the host.
    line.arg("-nodefaults");
    line.arg("-no-user-config");
    if input.hvm().is_none() {
        line.arg("-xen-attach");
    }
    if let Some(name) = &input.config.c_info.name {
        line.pair("-name", name);
    }
    display::screens(input, line)?;
    match input.hvm() {
        Some(hvm) => {
            machine::direct_boot(input, line);
            disks::scsi_controller(input, line);
            machine::serial(input, hvm, line)?;
            display::cards(input, hvm, line)?;
            machine::boot_order(hvm, line);
            machine::usb(input, hvm, line)?;
            machine::sound(input, hvm, line)?;
            machine::acpi_and_vcpus(input, hvm, line);
            nics::nics(input, line);
        }
        None => display::nographic_without_screen(input, line),
    }
    restrict(input, line);
    match &input.env.restore {
        Restore::No => {}
        Restore::Fd(fd) => line.pair("-incoming", format!("fd:{fd}")),
        Restore::Stubdom => line.pair("-incoming", "$STUBDOM_RESTORE_INCOMING_ARG"),
        Restore::File(path) => {
            return Err(input.invalid(format!("QEMU cannot restore from the name {path}")));
        }
    }
    line.extend(&input.build.extra);
    machine::machine(input, line)?;
    if let Some(hvm) = input.hvm() {
        line.env("XEN_DOMAIN_ID", input.domid().to_string());
        disks::disks(input, hvm, line)?;
        machine::vendor_device(hvm, line);
        if let Some(user) = input.env.run_as {
            match release::QEMU_9 {
                true => line.pair("-run-with", format!("user={user}")),
                false => line.pair("-runas", user),
            }
        }
    }
    Ok(())
}

/// A stub domain's init adds its own monitor, for the proxy.
fn monitors(input: &Input<'_>, line: &mut CommandLine) {
    if input.stubdom {
        return;
    }
    match input.env.monitor_fd {
        Some(fd) => {
            line.pair(
                "-chardev",
                format!("socket,id=libxl-cmd,fd={fd},server=on,wait=off"),
            );
            // Readiness is asked over QMP then, not told through xenstore.
            line.arg("-S");
        }
        None => line.pair(
            "-chardev",
            format!(
                "socket,id=libxl-cmd,path={},server=on,wait=off",
                qmp::socket_path(input.domid())
            ),
        ),
    }
    line.pair("-mon", "chardev=libxl-cmd,mode=control");
    line.pair(
        "-chardev",
        format!(
            "socket,id=libxenstat-cmd,path={},server=on,wait=off",
            qmp::statistics_socket_path(input.domid())
        ),
    );
    line.pair("-mon", "chardev=libxenstat-cmd,mode=control");
}

fn channels(input: &Input<'_>, line: &mut CommandLine) -> Result<()> {
    use crate::types::DeviceChannelU;
    for channel in &input.config.channels {
        let devid = channel.devid;
        let chardev = match &channel.u {
            DeviceChannelU::Pty => format!("pty,id=libxl-channel{devid}"),
            DeviceChannelU::Socket(socket) => {
                let path = socket
                    .path
                    .as_deref()
                    .ok_or_else(|| input.invalid(format!("channel {devid} has no socket path")))?;
                format!("socket,id=libxl-channel{devid},path={path},server=on,wait=off")
            }
            DeviceChannelU::Unknown => {
                let name = ChannelConnection::Unknown.name();
                return Err(input.invalid(format!("channel {devid} has the connection {name}")));
            }
        };
        line.pair("-chardev", chardev);
    }
    Ok(())
}

fn restrict(input: &Input<'_>, line: &mut CommandLine) {
    if is(input.build.dm_restrict) {
        line.arg("-xen-domid-restrict");
        match release::QEMU_9 {
            true => line.pair("-run-with", format!("chroot={}", input.env.chroot)),
            false => line.pair("-chroot", input.env.chroot),
        }
    }
}

/// Kilobytes in megabytes, rounded up.
fn megabytes(kilobytes: u64) -> u64 {
    kilobytes.div_ceil(1024)
}
