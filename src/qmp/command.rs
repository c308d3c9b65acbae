//! The commands that the toolstack gives, with what it believes of their answers.

use std::os::fd::BorrowedFd;

use serde_json::{Map, Value};

use super::Client;
use crate::{Code, Error, Result};

/// The longest text taken from an answer into xenstore; names of terminals and addresses are far shorter.
const MAX_TEXT: usize = 1024;

/// The most sets of descriptors that a QEMU may list. It has one for each medium and each saved state.
const MAX_FDSETS: usize = 64;

/// A character device of QEMU, as `query-chardev` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chardev {
    /// The name it has inside QEMU, such as `serial0`.
    pub label: String,
    /// What is behind it, such as `pty:/dev/pts/3`.
    pub filename: String,
}

/// Where QEMU's VNC server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VncServer {
    /// Address, numeric.
    pub host: String,
    /// TCP port, or the path of a socket.
    pub service: String,
}

impl Client {
    /// The state of the virtual machine, such as `prelaunch`, `running` or `paused`.
    pub async fn query_status(&mut self) -> Result<String> {
        let answer = self.execute("query-status", None).await?;
        self.text(&answer, "query-status", "status")
    }

    /// All character devices.
    pub async fn query_chardev(&mut self) -> Result<Vec<Chardev>> {
        let answer = self.execute("query-chardev", None).await?;
        let list = answer
            .as_array()
            .ok_or_else(|| self.unexpected("query-chardev", "a list"))?;
        list.iter()
            .map(|entry| {
                Ok(Chardev {
                    label: self.text(entry, "query-chardev", "label")?,
                    filename: self.text(entry, "query-chardev", "filename")?,
                })
            })
            .collect()
    }

    /// The VNC server, if there is one.
    pub async fn query_vnc(&mut self) -> Result<Option<VncServer>> {
        let answer = self.execute("query-vnc", None).await?;
        let enabled = answer.get("enabled").and_then(Value::as_bool);
        if !enabled.ok_or_else(|| self.unexpected("query-vnc", "enabled"))? {
            return Ok(None);
        }
        Ok(Some(VncServer {
            host: self.text(&answer, "query-vnc", "host")?,
            service: self.text(&answer, "query-vnc", "service")?,
        }))
    }

    /// Sets the password that VNC clients must give.
    pub async fn change_vnc_password(&mut self, password: &str) -> Result<()> {
        let arguments = object([("password", password.into())]);
        self.execute("change-vnc-password", Some(arguments))
            .await
            .map(drop)
    }

    /// Lets the emulated devices run.
    pub async fn cont(&mut self) -> Result<()> {
        self.execute("cont", None).await.map(drop)
    }

    /// Stops the emulated devices.
    pub async fn stop(&mut self) -> Result<()> {
        self.execute("stop", None).await.map(drop)
    }

    /// Writes the state of the emulated devices to `path`, of a guest that does not go on here.
    pub async fn save_devices(&mut self, path: &str) -> Result<()> {
        let arguments = object([("filename", path.into()), ("live", false.into())]);
        let saved = self.execute("xen-save-devices-state", Some(arguments));
        saved.await.map(drop)
    }

    /// The numbers of the vCPUs that QEMU has, plugged in later or from the start. `query-cpus` is for QEMU before 2.12.
    pub async fn query_cpus(&mut self) -> Result<Vec<usize>> {
        match self.execute("query-cpus-fast", None).await {
            Err(error) if error.code() == Code::QmpCommandNotFound => {
                let answer = self.execute("query-cpus", None).await?;
                self.numbers(&answer, "query-cpus", "CPU")
            }
            answer => self.numbers(&answer?, "query-cpus-fast", "cpu-index"),
        }
    }

    /// Runs a command of QEMU's human monitor; gives what it would print.
    pub async fn human_monitor_command(&mut self, command: &str) -> Result<String> {
        let arguments = object([("command-line", command.into())]);
        let answer = self
            .execute("human-monitor-command", Some(arguments))
            .await?;
        match answer {
            Value::String(text) => Ok(text),
            _ => Err(self.unexpected("human-monitor-command", "text")),
        }
    }

    /// Unplugs the device `id`. The guest has to agree, which may take its time.
    pub async fn device_del(&mut self, id: &str) -> Result<()> {
        let arguments = object([("id", id.into())]);
        self.execute("device_del", Some(arguments)).await.map(drop)
    }

    /// Whether a device with one of these ids is on a PCI bus of QEMU's.
    pub async fn has_pci_device(&mut self, ids: &[String]) -> Result<bool> {
        const COMMAND: &str = "query-pci";
        let answer = self.execute(COMMAND, None).await?;
        let buses = answer.as_array();
        for bus in buses.ok_or_else(|| self.unexpected(COMMAND, "a list"))? {
            let devices = bus.get("devices").and_then(Value::as_array);
            for device in devices.ok_or_else(|| self.unexpected(COMMAND, "devices"))? {
                let id = device.get("qdev_id").and_then(Value::as_str);
                let id = id.ok_or_else(|| self.unexpected(COMMAND, "qdev_id"))?;
                if ids.iter().any(|wanted| wanted == id) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Takes the medium out of the drive that is the device `id`, and leaves its tray open. Refused while the guest has
    /// locked the drive: then it is asked to let go.
    pub async fn eject(&mut self, id: &str) -> Result<()> {
        let arguments = object([("id", id.into())]);
        self.execute("eject", Some(arguments)).await.map(drop)
    }

    /// Puts what is at `path` into the drive that is the device `id`, in the format that QEMU calls `format`, and closes its
    /// tray.
    pub async fn change_medium(&mut self, id: &str, path: &str, format: &str) -> Result<()> {
        let arguments = object([
            ("id", id.into()),
            ("filename", path.into()),
            ("format", format.into()),
        ]);
        self.execute("blockdev-change-medium", Some(arguments))
            .await
            .map(drop)
    }

    /// Gives QEMU a descriptor, in a new set whose number this returns: QEMU opens it as `/dev/fdset/N`. `opaque` is for
    /// people.
    pub async fn add_fd(&mut self, fd: BorrowedFd<'_>, opaque: &str) -> Result<u32> {
        let arguments = object([("opaque", opaque.into())]);
        let answer = self.execute_with_fd("add-fd", Some(arguments), fd).await?;
        self.fdset_id(&answer, "add-fd")
    }

    /// The sets of descriptors in which one was added with this text.
    pub async fn fdsets_of(&mut self, opaque: &str) -> Result<Vec<u32>> {
        const COMMAND: &str = "query-fdsets";
        let answer = self.execute(COMMAND, None).await?;
        let sets = answer
            .as_array()
            .filter(|sets| sets.len() <= MAX_FDSETS)
            .ok_or_else(|| self.unexpected(COMMAND, "a list"))?;
        let mut found = Vec::new();
        for set in sets {
            let id = self.fdset_id(set, COMMAND)?;
            let fds = set.get("fds").and_then(Value::as_array);
            let fds = fds.ok_or_else(|| self.unexpected(COMMAND, "fds"))?;
            let is_it = |fd: &Value| fd.get("opaque").and_then(Value::as_str) == Some(opaque);
            if fds.iter().any(is_it) {
                found.push(id);
            }
        }
        Ok(found)
    }

    /// Closes all descriptors of a set; those that QEMU opened from it are its own.
    pub async fn remove_fdset(&mut self, id: u32) -> Result<()> {
        let arguments = object([("fdset-id", id.into())]);
        self.execute("remove-fd", Some(arguments)).await.map(drop)
    }

    fn fdset_id(&self, value: &Value, command: &str) -> Result<u32> {
        let id = value.get("fdset-id").and_then(Value::as_u64);
        id.and_then(|id| u32::try_from(id).ok())
            .ok_or_else(|| self.unexpected(command, "fdset-id"))
    }

    fn numbers(&self, list: &Value, command: &str, member: &str) -> Result<Vec<usize>> {
        let list = list
            .as_array()
            .ok_or_else(|| self.unexpected(command, "a list"))?;
        list.iter()
            .map(|entry| {
                let number = entry.get(member).and_then(Value::as_u64);
                number
                    .and_then(|number| usize::try_from(number).ok())
                    .ok_or_else(|| self.unexpected(command, member))
            })
            .collect()
    }

    fn text(&self, value: &Value, command: &str, member: &str) -> Result<String> {
        let text = value.get(member).and_then(Value::as_str);
        text.filter(|text| text.len() <= MAX_TEXT && !text.contains(char::is_control))
            .map(str::to_owned)
            .ok_or_else(|| self.unexpected(command, member))
    }

    fn unexpected(&self, command: &str, what: &str) -> Error {
        let what = format!(
            "QEMU's answer to {command} lacks {what}, or has it in a form that cannot be used"
        );
        Error::new(Code::QemuApi, what).domain(self.domid())
    }
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
