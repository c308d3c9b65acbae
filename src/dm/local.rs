//! The QEMU in dom0: device model of an HVM guest, or backend of a PV guest's disks, consoles and framebuffers.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use super::args::{self, CommandLine, Environment, Restore};
use super::process::{self, Helper};
use super::{START_TIMEOUT, graphics, limit, logfile, restrict, user};
use crate::device::{self, Kind};
use crate::engine::{Command, Op, Rollback};
use crate::log::Level;
use crate::paths::{QEMU, QEMU_TRADITIONAL, XEN_LOGDIR};
use crate::qmp;
use crate::store::{Batch, layout};
use crate::types::{DeviceDisk, DeviceModelVersion, DomainConfig};
use crate::{Boxed, Code, DOM0, Domid, Error, Result, log_line};

/// How long QEMU may take to answer the questions that follow its start.
const QUESTIONS_TIMEOUT: Duration = Duration::from_secs(10);

/// More serial ports than any machine of QEMU's has.
const MOST_PORTS: u32 = 64;

/// The number under which QEMU finds the state to restore from.
const RESTORE_FD: i32 = 3;

/// The number under which a restricted QEMU finds its QMP socket.
const MONITOR_FD: i32 = 4;

/// A domain that gets a QEMU in dom0.
#[derive(Clone, Copy)]
pub(super) struct Local<'a> {
    pub(super) domid: Domid,
    pub(super) config: &'a DomainConfig,
    pub(super) saved_state: Option<&'a Path>,
    /// How large its files may become, in bytes.
    pub(super) file_limit: Option<u64>,
}

/// Starts QEMU, waits until it runs, and asks it what the toolstack wants to know.
pub(super) async fn spawn(op: &Op, local: Local<'_>) -> Result<()> {
    let outcome = op
        .with_rollback(|undo| async move {
            start(op, &undo, local).await?;
            if local.config.b_info.device_model_version == DeviceModelVersion::QemuXen {
                questions(op, local).await?;
            }
            Ok(())
        })
        .await;
    if let Some(state) = local.saved_state {
        // The state has been read, or is of no more use.
        fs::remove_file(state).map_err(|error| {
            let what = format!("cannot remove the device model's state {}", state.display());
            Error::io(what, &error).domain(local.domid)
        })?;
    }
    outcome
}

async fn start(op: &Op, undo: &Rollback, local: Local<'_>) -> Result<()> {
    let Local { domid, config, .. } = local;
    let build = &config.b_info;
    let program = program(config)?;
    process::check_executable(&program, "device model", domid)?;
    let restricted = args::is(build.dm_restrict);
    let run_as = user::of(&user::HOST, domid, config).map_err(|error| error.domain(domid))?;
    let state = open_state(local)?;
    let environment = Environment {
        domid,
        restore: match (&state, build.device_model_version, local.saved_state) {
            (Some(_), DeviceModelVersion::QemuXen, _) => Restore::Fd(RESTORE_FD),
            (_, _, Some(path)) => Restore::File(path.display().to_string()),
            _ => Restore::No,
        },
        monitor_fd: restricted.then_some(MONITOR_FD),
        run_as: run_as.as_ref().map(|user| user.name.as_str()),
        chroot: &restrict::root_directory(domid),
        console_limit_set: std::env::var_os("XEN_QEMU_CONSOLE_LIMIT").is_some(),
        igd: graphics::has_igd(&config.pcidevs),
        screen: None,
        script_targets: script_targets(op, domid, &config.disks).await?,
    };
    let line = args::build(&program, config, &environment)?;
    for warning in &line.warnings {
        log_line!(op.log(), Level::Warn, domid, "{warning}");
    }

    let name = config.c_info.name.as_deref().unwrap_or_default();
    let log_name = format!("qemu-dm-{name}");
    let log = logfile::open(&log_name).map_err(|error| error.domain(domid))?;

    undo.push(format!("take down the device model of domain {domid}"), {
        move |op: Op| async move { super::destroy::local(&op, domid).await }
    });
    prepare_store(op, local, run_as.as_ref()).await?;
    trace(op, domid, &line);
    let mut command = command(&line, log, state)?;
    command.limits.extend(local.file_limit.map(limit::of_files));
    if restricted {
        restrict::make_root(domid)?;
        restrict::confine(&mut command, &config.disks);
        let socket = restrict::listen_for_qmp(domid)?;
        command.fds.push((MONITOR_FD, socket));
    }
    let helper = Helper {
        domid,
        what: "device model",
        pid_path: layout::dm_pid(domid),
        state_path: layout::dm_state(DOM0, domid),
        log: format!("{XEN_LOGDIR}/{log_name}.log"),
    };
    let ready: Boxed<'_, Result<()>> = if restricted {
        Box::pin(answers(op, local))
    } else {
        Box::pin(helper.running(op))
    };
    helper.start(op, command, START_TIMEOUT, ready).await
}

/// Waits until a restricted QEMU, which xenstore hears nothing of, answers over QMP.
async fn answers(op: &Op, local: Local<'_>) -> Result<()> {
    let status = qmp::Client::connect(op, local.domid)
        .await?
        .query_status()
        .await?;
    let expected = match local.saved_state {
        None => "prelaunch",
        Some(_) => "paused",
    };
    if status == expected {
        return Ok(());
    }
    let what = format!("QEMU says that it is {status:?}, not {expected:?}");
    Err(Error::new(Code::NotReady, what))
}

/// The program: the configuration's, or the host's for the version.
pub(super) fn program(config: &DomainConfig) -> Result<String> {
    let build = &config.b_info;
    match (&build.device_model, build.device_model_version) {
        (Some(program), _) => Ok(program.clone()),
        (None, DeviceModelVersion::QemuXen) => Ok(QEMU.into()),
        (None, DeviceModelVersion::QemuXenTraditional) => Ok(QEMU_TRADITIONAL.into()),
        (None, other) => {
            let what = format!("device_model_version {} cannot run", other.name());
            Err(Error::inval(what))
        }
    }
}

fn open_state(local: Local<'_>) -> Result<Option<File>> {
    let Some(path) = local.saved_state else {
        return Ok(None);
    };
    let file = File::open(path).map_err(|error| {
        let what = format!("cannot open the device model's state {}", path.display());
        Error::io(what, &error).domain(local.domid)
    })?;
    Ok(Some(file))
}

/// What this domain's hotplug scripts made of those disks that have one and that QEMU does not open itself. A driver domain
/// would name files of its own there, or files of dom0's.
async fn script_targets(
    op: &Op,
    domid: Domid,
    disks: &[DeviceDisk],
) -> Result<HashMap<String, String>> {
    let mut targets = HashMap::new();
    let scripts = disks.iter().filter(|disk| disk.script.is_some());
    for disk in scripts.filter(|disk| disk.backend_domid == DOM0) {
        let (Some(vdev), Ok(device)) = (&disk.vdev, disk.device(domid)) else {
            continue;
        };
        let path = format!("{}/physical-device-path", device.backend());
        if let Some(target) = op.store()?.read_str(&path).await? {
            targets.insert(vdev.clone(), target);
        }
    }
    Ok(targets)
}

/// Everything in xenstore that QEMU and hvmloader look for, or that ends QEMU later.
async fn prepare_store(op: &Op, local: Local<'_>, run_as: Option<&user::RunAs>) -> Result<()> {
    let Local { domid, config, .. } = local;
    let build = &config.b_info;
    let mut batch = Batch::new();
    let traditional = build.device_model_version == DeviceModelVersion::QemuXenTraditional;
    if let Some(hvm) = args::hvm(build) {
        batch.write(
            format!("{}/bios", layout::hvmloader(domid)),
            hvm.bios.name(),
        );
        allow_memory_relocate(&mut batch, domid, config);
    }
    // A state left by another domain of this number would look like readiness. The rest may be the QMP proxy's, which starts
    // at the same time.
    let dm = layout::dm(DOM0, domid);
    batch.rm(layout::dm_state(DOM0, domid)).mkdir(&dm);
    if let Some(hvm) = args::hvm(build).filter(|_| traditional) {
        let disable = if args::is(hvm.xen_platform_pci) {
            "0"
        } else {
            "1"
        };
        batch.write(format!("{dm}/disable_pf"), disable);
    }
    if let Some(uid) = run_as.and_then(|user| user.kill_uid) {
        batch.write(layout::dm_kill_uid(domid), uid.to_string());
    }
    let store = op.store()?;
    if let Some(password) = args::vnc(config).and_then(|vnc| vnc.passwd.as_ref()) {
        // Only qemu-xen-traditional reads it there, but others show it.
        if let Some(vm) = store.read_str(&layout::vm_link(domid)).await? {
            batch.write(format!("{vm}/vncpasswd"), password);
        }
    }
    store.apply(&batch).await.map_err(|e| e.domain(domid))
}

/// Notes whether hvmloader may move memory to make the hole for devices larger; only the old device model could follow.
pub(crate) fn allow_memory_relocate(batch: &mut Batch, domid: Domid, config: &DomainConfig) {
    let build = &config.b_info;
    let allowed = build.device_model_version == DeviceModelVersion::QemuXenTraditional
        && build.vnuma_nodes.is_empty();
    batch.write(
        format!("{}/allow-memory-relocate", layout::hvmloader(domid)),
        if allowed { "1" } else { "0" },
    );
}

pub(super) fn trace(op: &Op, domid: Domid, line: &CommandLine) {
    let log = op.log();
    log_line!(log, Level::Debug, domid, "starting {} with:", line.program);
    for arg in &line.args {
        log_line!(log, Level::Debug, domid, "  {arg}");
    }
    for (name, value) in &line.env {
        log_line!(log, Level::Debug, domid, "  {name}={value} (environment)");
    }
}

pub(super) fn command(line: &CommandLine, log: File, state: Option<File>) -> Result<Command> {
    let copy = log
        .try_clone()
        .map_err(|error| Error::io("cannot share the log file", &error))?;
    let mut command = Command::new(&line.program).args(&line.args);
    for (name, value) in &line.env {
        command = command.env(name, value);
    }
    command.stdout = Some(OwnedFd::from(copy));
    command.stderr = Some(OwnedFd::from(log));
    if let Some(state) = state {
        command.fds.push((RESTORE_FD, OwnedFd::from(state)));
    }
    command.setsid = true;
    command.double_fork = true;
    Ok(command)
}

/// Asks QEMU for its terminals and its VNC port, publishes them, and sets the VNC password.
async fn questions(op: &Op, local: Local<'_>) -> Result<()> {
    let domid = local.domid;
    let asking = async {
        let mut client = qmp::Client::connect(op, domid).await?;
        let mut batch = Batch::new();
        for chardev in client.query_chardev().await? {
            if let Some((port, tty)) = serial_terminal(&chardev)? {
                batch.write(layout::serial_tty(domid, port), tty);
            }
        }
        if let Some(vnc) = args::vnc(local.config) {
            let console = layout::console(domid);
            if let Some(server) = client.query_vnc().await? {
                batch.write(format!("{console}/vnc-listen"), &server.host);
                batch.write(format!("{console}/vnc-port"), &server.service);
            }
            if let Some(password) = vnc.passwd.as_deref().filter(|p| !p.is_empty()) {
                client.change_vnc_password(password).await?;
                batch.write(format!("{console}/vnc-pass"), password);
            }
        }
        drop(client);
        op.store()?.apply(&batch).await
    };
    op.timeout(QUESTIONS_TIMEOUT, "asking the device model", asking)
        .await
        .map_err(|error| error.domain(domid))
}

/// The number and terminal of an emulated serial port that has one.
fn serial_terminal(chardev: &qmp::Chardev) -> Result<Option<(u32, &str)>> {
    let Some(number) = chardev.label.strip_prefix("serial") else {
        return Ok(None);
    };
    let port = layout::parse_number(number).ok_or_else(|| {
        let what = format!("QEMU calls a serial port {:?}", chardev.label);
        Error::new(Code::QemuApi, what)
    })?;
    let Some(tty) = chardev.filename.strip_prefix("pty:") else {
        return Ok(None);
    };
    // Programs of dom0 will open it, and a QEMU that somebody took over may name any file.
    if port >= MOST_PORTS || !device::tty::is_terminal(tty) {
        let what = format!("QEMU says that serial port {port} is at {tty:?}");
        return Err(Error::new(Code::QemuApi, what));
    }
    Ok(Some((port, tty)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Bench;
    use crate::types::DiskBackend;

    #[test]
    fn what_the_proxy_says_survives_the_start_and_the_end_of_the_qemu_beside_it() {
        let bench = Bench::new();
        let (state, proxy) = (layout::dm_state(DOM0, 5), layout::qmp_proxy_state(5));
        bench.store.set(&state, "running");
        bench.store.set(&proxy, "running");
        let config = DomainConfig::default();
        let local = Local {
            domid: 5,
            config: &config,
            saved_state: None,
            file_limit: None,
        };
        let run = |end| {
            bench.ctx.block_on(async |op: &Op| match end {
                false => prepare_store(op, local, None).await,
                true => super::super::destroy::remove_nodes(op, 5).await,
            })
        };
        run(false).unwrap();
        assert_eq!(bench.store.get(&state), None);
        assert!(bench.store.get(&proxy).is_some());
        run(true).unwrap();
        assert!(bench.store.get(&proxy).is_some());
        bench.store.remove(&proxy);
        run(true).unwrap();
        assert_eq!(bench.store.get(&layout::dm(DOM0, 5)), None);
    }

    fn chardev(label: &str, filename: &str) -> qmp::Chardev {
        qmp::Chardev {
            label: label.into(),
            filename: filename.into(),
        }
    }

    #[test]
    fn a_driver_domain_names_no_file_of_dom0() {
        let bench = Bench::new();
        let disk = |vdev: &str, backend_domid| DeviceDisk {
            vdev: Some(vdev.into()),
            script: Some("block-iscsi".into()),
            backend: DiskBackend::Phy,
            backend_domid,
            ..DeviceDisk::default()
        };
        let disks = [disk("xvda", DOM0), disk("xvdb", 3)];
        for (backend, target) in [
            ("0/backend/vbd/7/51712", "/dev/sdx"),
            ("3/backend/vbd/7/51728", "/etc/shadow"),
        ] {
            let node = format!("/local/domain/{backend}/physical-device-path");
            bench.store.set(&node, target);
        }
        let targets = bench
            .ctx
            .block_on(async |op| script_targets(op, 7, &disks).await)
            .unwrap();
        let expected = HashMap::from([("xvda".to_owned(), "/dev/sdx".to_owned())]);
        assert_eq!(targets, expected);
    }

    #[test]
    fn only_serial_ports_with_a_terminal_are_published() {
        let terminal = |label, filename| {
            let found = chardev(label, filename);
            serial_terminal(&found)
                .unwrap()
                .map(|(port, tty)| (port, tty.to_owned()))
        };
        let expected = Some((1, "/dev/pts/4".to_owned()));
        assert_eq!(terminal("serial1", "pty:/dev/pts/4"), expected);
        assert_eq!(terminal("serial0", "file"), None);
        assert_eq!(terminal("libxl-cmd", "unix:/x"), None);
        let odd = chardev("serial0x", "pty:/dev/pts/4");
        assert_eq!(serial_terminal(&odd).unwrap_err().code(), Code::QemuApi);
        for (label, filename) in [
            ("serial0", "pty:/etc/shadow"),
            ("serial0", "pty:/dev/pts/../sda"),
            ("serial0", "pty:"),
            ("serial64", "pty:/dev/pts/4"),
        ] {
            let error = serial_terminal(&chardev(label, filename)).unwrap_err();
            assert_eq!(error.code(), Code::QemuApi, "{filename}");
        }
    }
}
