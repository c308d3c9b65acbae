//! The commands that the toolstack gives, with what it believes of their answers.

use serde_json::{Map, Value};

use super::Client;
use crate::{Code, Error, Result};

/// The longest text taken from an answer into xenstore; names of terminals and addresses are far shorter.
const MAX_TEXT: usize = 1024;

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
