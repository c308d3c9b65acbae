//! The QEMU machine protocol: one locked connection per conversation, typed commands, bounded answers.

mod client;
mod command;
pub mod message;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde_json::Value;

pub use client::Client;
pub use command::{Chardev, VncServer};

use crate::paths::{XEN_RUNDIR, XEN_STATEDIR};
use crate::types::Uuid;
use crate::{Domid, Error, Result};

/// The socket on which a domain's QEMU, or the proxy to it, talks to the toolstack.
pub fn socket_path(domid: Domid) -> String {
    format!("{XEN_RUNDIR}/qmp-libxl-{domid}")
}

/// The socket on which a domain's QEMU talks to programs that gather statistics.
pub fn statistics_socket_path(domid: Domid) -> String {
    format!("{XEN_RUNDIR}/qmp-libxenstat-{domid}")
}

/// Removes the sockets on which a domain's QEMU, or the proxy to it, talked.
pub fn remove_sockets(domid: Domid) -> Result<()> {
    let mut outcome = Ok(());
    for path in [socket_path(domid), statistics_socket_path(domid)] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                let failed = Error::io(format_args!("cannot remove {path}"), &error);
                outcome = outcome.and(Err(failed.domain(domid)));
            }
            _ => {}
        }
    }
    outcome
}

/// QEMU, and the proxy to a stub domain's QEMU, serve one client at a time; this is the lock that all toolstack
/// processes take around a conversation, the C library's among them.
fn lock_path(domid: Domid, uuid: Uuid) -> PathBuf {
    PathBuf::from(format!(
        "{XEN_STATEDIR}/userdata-l.{domid}.{uuid}.qmp-socket-lock"
    ))
}

/// QEMU's version as its greeting says it; 0 where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The 7 of 7.2.15.
    pub major: u32,
    /// The 2 of 7.2.15.
    pub minor: u32,
    /// The 15 of 7.2.15.
    pub micro: u32,
}

impl Version {
    fn of_greeting(greeting: &Value) -> Self {
        let qemu = &greeting["version"]["qemu"];
        let part = |name: &str| {
            let number = qemu[name].as_u64().unwrap_or(0);
            u32::try_from(number).unwrap_or(0)
        };
        Self {
            major: part("major"),
            minor: part("minor"),
            micro: part("micro"),
        }
    }
}

/// Every command, one after the other, against the other end of `stream`.
#[cfg(feature = "fuzzing")]
pub(crate) async fn fuzzing(
    op: &crate::engine::Op,
    stream: std::os::unix::net::UnixStream,
) -> crate::Result<()> {
    let mut client = Client::converse(op, 7, stream).await?;
    drop(client.query_status().await);
    drop(client.query_chardev().await);
    drop(client.query_vnc().await);
    drop(client.query_cpus().await);
    drop(client.fdsets_of("stub-devid:5632").await);
    drop(client.has_pci_device(&["pci-pt-00_00.0".to_owned()]).await);
    drop(client.human_monitor_command("info").await);
    client.cont().await
}
