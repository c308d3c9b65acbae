//! Hotplug scripts: the host's own programs that attach a backend to a file, a volume or a bridge.

use std::path::Path;
use std::time::Duration;

use super::kind::{Device, DeviceKind};
use super::record::stubdom_of;
use super::running::{self, Recorded};
use crate::engine::{Command, ExitStatus, Op};
use crate::log::Level;
use crate::paths::XEN_SCRIPTDIR;
use crate::sys::{faults, standard};
use crate::types::NicType;
use crate::{Code, DOM0, Error, Result, log_line};

/// A script that takes longer is killed.
const LIMIT: Duration = Duration::from_secs(40);
/// How much of a script's own explanation is quoted.
const QUOTE: usize = 512;

/// What a script is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The device appears.
    Add,
    /// The device goes away.
    Remove,
}

/// What the toolstack recorded about a device's script.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Absolute path of the script.
    pub script: Option<String>,
    /// Whether a network interface has an emulated twin.
    pub nic_type: Option<NicType>,
    /// The gateway device of a routed network interface.
    pub gatewaydev: Option<String>,
    /// Whether QEMU, and so the emulated twin, runs in a stub domain.
    pub stubdom: bool,
}

/// One run of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Absolute path.
    pub program: String,
    /// Arguments after the program's name.
    pub args: Vec<&'static str>,
    /// Variables set on top of the library's own environment.
    pub env: Vec<(&'static str, String)>,
}

/// A script's absolute path; relative names are those of the host's script directory.
pub(super) fn script_path(script: &str) -> String {
    if script.starts_with('/') {
        script.to_owned()
    } else {
        format!("{XEN_SCRIPTDIR}/{script}")
    }
}

/// The runs that `action` on `device` takes, in order; none for most kinds.
pub(super) fn runs(device: &Device, action: Action, facts: &Facts) -> Result<Vec<Run>> {
    match device.backend_kind {
        DeviceKind::Vbd => {
            let verb = match action {
                Action::Add => "add",
                Action::Remove => "remove",
            };
            Ok(vec![run(device, facts, vec![verb], Vec::new())?])
        }
        DeviceKind::Vif => nic_runs(device, action, facts),
        _ => Ok(Vec::new()),
    }
}

fn nic_runs(device: &Device, action: Action, facts: &Facts) -> Result<Vec<Run>> {
    let name = nic_name(device.domid, device.devid);
    let emulated = match facts.nic_type {
        Some(NicType::VifIoemu) => true,
        Some(NicType::Vif) => false,
        _ => {
            let what = format!(
                "{} does not say what type of interface it is",
                device.record()
            );
            return Err(Error::fail(what).domain(device.domid));
        }
    };
    let mut env = vec![("netdev", facts.gatewaydev.clone().unwrap_or_default())];
    if emulated {
        env.push(("INTERFACE", format!("{name}-emu")));
    }
    env.push(("vif", name));
    let (vif, tap) = match action {
        Action::Add => ("online", "add"),
        Action::Remove => ("offline", "remove"),
    };
    let mut runs = vec![run(device, facts, vec![vif, "type_if=vif"], env.clone())?];
    if emulated && !facts.stubdom {
        runs.push(run(device, facts, vec![tap, "type_if=tap"], env)?);
    }
    Ok(runs)
}

/// The name that netback gives to the host's end of a network interface; the emulated twin appends `-emu`.
pub fn nic_name(domid: crate::Domid, devid: i32) -> String {
    format!("vif{domid}.{devid}")
}

fn run(
    device: &Device,
    facts: &Facts,
    args: Vec<&'static str>,
    extra: Vec<(&'static str, String)>,
) -> Result<Run> {
    let script = facts.script.clone().filter(|s| Path::new(s).is_absolute());
    let program = script.ok_or_else(|| {
        Error::fail(format!("{} names no hotplug script", device.record())).domain(device.domid)
    })?;
    let mut env = vec![
        ("script", program.clone()),
        ("XENBUS_TYPE", device.backend_kind.name().to_owned()),
        ("XENBUS_PATH", running::xenbus_path(device)),
        ("XENBUS_BASE_PATH", "backend".to_owned()),
    ];
    env.extend(extra);
    Ok(Run { program, args, env })
}

/// Runs the scripts of `action` on `device`, which this domain serves.
pub(super) async fn run_all(op: &Op, device: &Device, action: Action) -> Result<()> {
    if !has_scripts(device.backend_kind) {
        return Ok(());
    }
    let facts = facts(op, device).await?;
    let runs = runs(device, action, &facts)?;
    execute(op, device, action, &runs).await
}

/// Where the toolstack's words about a device's scripts are read. Dom0 has its own record; a driver domain cannot see that, and
/// has the backend's directory, which belongs to it.
async fn directory(op: &Op, device: &Device) -> Result<String> {
    Ok(match op.own_domid().await? {
        DOM0 => device.record(),
        _ => device.backend(),
    })
}

/// What the hotplug scripts of `device` need to know.
async fn facts(op: &Op, device: &Device) -> Result<Facts> {
    let (store, directory) = (op.store()?, directory(op, device).await?);
    let mut facts = Facts {
        script: store.read_str(&format!("{directory}/script")).await?,
        ..Facts::default()
    };
    if device.backend_kind == DeviceKind::Vif {
        let nic_type = store.read_str(&format!("{directory}/type")).await?;
        facts.nic_type = nic_type.as_deref().and_then(NicType::from_name);
        let gatewaydev = format!("{directory}/gatewaydev");
        facts.gatewaydev = store.read_str(&gatewaydev).await?;
        // A driver domain may not ask, and its C library takes that for a no.
        let in_dom0 = op.own_domid().await? == DOM0;
        facts.stubdom = in_dom0 && stubdom_of(&store, device.domid).await?.is_some();
    }
    Ok(facts)
}

/// Runs the scripts of `action`. Adding stops at the first failure; removing logs failures, goes on, and returns the
/// first.
async fn execute(op: &Op, device: &Device, action: Action, runs: &[Run]) -> Result<()> {
    let mut outcome = Ok(());
    for run in runs {
        let Err(error) = execute_one(op, device, run).await else {
            continue;
        };
        if action == Action::Add || error.code() == Code::Aborted {
            return Err(error);
        }
        op.log().failure(&error);
        if outcome.is_ok() {
            outcome = Err(error);
        }
    }
    outcome
}

async fn execute_one(op: &Op, device: &Device, run: &Run) -> Result<()> {
    let what = format!("{} {}", run.program, run.args.join(" "));
    log_line!(
        op.log(),
        Level::Debug,
        device.domid,
        "hotplug script: {what}"
    );
    let mut command = Command::new(&run.program).args(&run.args);
    for (name, value) in &run.env {
        command = command.env(*name, value);
    }
    // What a script prints belongs into the log, not between the lines of a caller's own output.
    let stderr = standard::error();
    command.stdout = Some(stderr.map_err(|e| Error::io("cannot duplicate standard error", &e))?);
    let recorded = Recorded::new(op, device, &mut command).await?;
    let mut child = match op.spawn(command) {
        Ok(child) => child,
        Err(error) => {
            recorded.ended();
            return Err(error);
        }
    };
    let work = async {
        faults::point("script", format_args!("{what}"))
            .map_err(|error| Error::io("waiting for a script", &error))?;
        child.wait().await
    };
    let status = match op.timeout(LIMIT, &what, work).await {
        Ok(status) => {
            recorded.ended();
            status
        }
        Err(error) => {
            child.kill(libc::SIGKILL)?;
            // With what it has started.
            if let Err(error) = running::none(&op.shielded(), device, None, Duration::ZERO).await {
                op.log().failure(&error);
            }
            let error = match error.code() {
                Code::Timedout => Error::new(
                    Code::Timedout,
                    format!(
                        "{what} did not finish in {} s and was killed",
                        LIMIT.as_secs()
                    ),
                ),
                _ => error,
            };
            return Err(error.domain(device.domid));
        }
    };
    if status.success() {
        return Ok(());
    }
    let mut text = format!("{what} for {} failed ({})", device.backend(), ended(status));
    if let Some(reason) = reason(op, device).await {
        text.push_str(&format!(": {reason}"));
    }
    Err(Error::fail(text).domain(device.domid))
}

/// Waits for scripts of `device` that still run, of a toolstack that was killed or of another that is at work.
pub(super) async fn settle(op: &Op, device: &Device) -> Result<()> {
    if !has_scripts(device.backend_kind) || device.backend_domid != op.own_domid().await? {
        return Ok(());
    }
    let program = format!("{}/script", directory(op, device).await?);
    let program = op.store()?.read_str(&program).await?;
    running::none(op, device, program.as_deref(), LIMIT).await
}

/// Whether devices with such a backend have scripts.
pub(super) fn has_scripts(backend_kind: DeviceKind) -> bool {
    matches!(backend_kind, DeviceKind::Vbd | DeviceKind::Vif)
}

/// What the script itself left in the store about its failure; shown, never acted on.
async fn reason(op: &Op, device: &Device) -> Option<String> {
    let path = format!("{}/hotplug-error", device.backend());
    let text = op.store().ok()?.read(&path).await.ok()??;
    Some(printable(&text))
}

fn ended(status: ExitStatus) -> String {
    match status {
        ExitStatus::Exited(code) => format!("exit status {code}"),
        ExitStatus::Signaled(signal) => format!("signal {signal}"),
        ExitStatus::Gone => "nobody knows how".to_owned(),
    }
}

fn printable(text: &[u8]) -> String {
    let cut = &text[..text.len().min(QUOTE)];
    let shown = String::from_utf8_lossy(cut);
    let clean = shown.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.collect::<String>().trim().to_owned()
}

#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzing_script_words(text: &[u8]) {
    assert!(!printable(text).contains(char::is_control));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nic(nic_type: NicType, stubdom: bool) -> (Device, Facts) {
        let facts = Facts {
            script: Some("/scripts/vif-bridge".into()),
            nic_type: Some(nic_type),
            gatewaydev: None,
            stubdom,
        };
        (Device::plain(7, DeviceKind::Vif, 0, 0), facts)
    }

    #[test]
    fn a_block_script_gets_its_path_and_four_variables() {
        let device = Device::plain(7, DeviceKind::Vbd, 51712, 0);
        let facts = Facts {
            script: Some("/scripts/block".into()),
            ..Facts::default()
        };
        let runs = runs(&device, Action::Add, &facts).unwrap();
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0].program, "/scripts/block");
        assert_eq!(runs[0].args, ["add"]);
        let env = [
            ("script", "/scripts/block"),
            ("XENBUS_TYPE", "vbd"),
            ("XENBUS_PATH", "backend/vbd/7/51712"),
            ("XENBUS_BASE_PATH", "backend"),
        ];
        assert_eq!(runs[0].env, env.map(|(k, v)| (k, v.to_owned())));
    }

    #[test]
    fn an_emulated_nic_needs_a_second_run_unless_qemu_is_elsewhere() {
        let (device, facts) = nic(NicType::VifIoemu, false);
        let both = runs(&device, Action::Add, &facts).unwrap();
        let args: Vec<_> = both.iter().map(|r| r.args.clone()).collect();
        assert_eq!(args, [["online", "type_if=vif"], ["add", "type_if=tap"]]);
        let extra = [
            ("netdev", ""),
            ("INTERFACE", "vif7.0-emu"),
            ("vif", "vif7.0"),
        ];
        assert_eq!(both[1].env[4..], extra.map(|(k, v)| (k, v.to_owned())));

        let (device, facts) = nic(NicType::VifIoemu, true);
        let first = runs(&device, Action::Remove, &facts).unwrap();
        assert_eq!(first.len(), 1);
        assert_eq!(first[0].args, ["offline", "type_if=vif"]);

        let (device, facts) = nic(NicType::Vif, false);
        let plain = runs(&device, Action::Remove, &facts).unwrap();
        assert_eq!(plain.len(), 1);
        assert!(plain[0].env.iter().all(|(name, _)| *name != "INTERFACE"));
    }

    #[test]
    fn other_kinds_have_no_script_and_a_bad_path_is_refused() {
        let qdisk = Device {
            backend_kind: DeviceKind::Qdisk,
            ..Device::plain(7, DeviceKind::Vbd, 51712, 0)
        };
        assert!(
            runs(&qdisk, Action::Add, &Facts::default())
                .unwrap()
                .is_empty()
        );
        let vbd = Device::plain(7, DeviceKind::Vbd, 51712, 0);
        assert!(runs(&vbd, Action::Add, &Facts::default()).is_err());
        let relative = Facts {
            script: Some("block".into()),
            ..Facts::default()
        };
        assert!(runs(&vbd, Action::Add, &relative).is_err());
        let (device, mut facts) = nic(NicType::Vif, false);
        facts.nic_type = None;
        assert!(runs(&device, Action::Add, &facts).is_err());
    }

    #[test]
    fn a_reason_is_cut_and_cleaned() {
        assert_eq!(printable(b"no\nbridge\x1b[2J\0"), "no bridge [2J");
        assert_eq!(printable(&[b'x'; 5000]).len(), QUOTE);
        assert_eq!(printable(b"\xff\xfe"), "\u{fffd}\u{fffd}");
    }
}
