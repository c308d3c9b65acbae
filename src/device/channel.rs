//! Channels: consoles with a name, which QEMU connects to a terminal or a socket.
//!
//! Callers number their channels from 0 (xl), from 1, or not at all; their consoles are numbered from 1 in any case,
//! because console 0 is the guest's first console. The C library takes the caller's number for both and so drops the
//! first channel of every xl configuration.

use super::console::Console;
use super::guest;
use crate::engine::Op;
use crate::types::{DeviceChannel, DeviceChannelU};
use crate::{Error, Result};

/// Turns a channel into console `number` of its guest (the first channel is console 1).
pub async fn console_of_channel(
    op: &Op,
    channel: &mut DeviceChannel,
    number: i32,
) -> Result<Console> {
    if let Some(name) = channel.backend_domname.as_deref() {
        channel.backend_domid = guest::domid_of(op, name).await?;
    }
    console(channel, number)
}

fn console(channel: &mut DeviceChannel, number: i32) -> Result<Console> {
    if channel.devid == -1 {
        channel.devid = number;
    }
    // QEMU's command line names the character device after the caller's number.
    let devid = channel.devid;
    let error = |what: &str| Error::inval(format!("channel {devid} has no {what}"));
    let name = channel.name.clone().ok_or_else(|| error("name"))?;
    let (connection, output, path) = match &channel.u {
        DeviceChannelU::Unknown => {
            return Err(error("connection").hint("use connection=pty or connection=socket"));
        }
        DeviceChannelU::Pty => ("pty", "pty".to_owned(), None),
        DeviceChannelU::Socket(socket) => {
            let path = socket.path.clone().ok_or_else(|| error("path"))?;
            ("socket", chardev_output(devid), Some(path))
        }
    };
    Ok(Console {
        name: Some(name),
        connection: Some(connection.to_owned()),
        path,
        ..Console::ioemu(number, channel.backend_domid, Some(output))
    })
}

/// What makes QEMU's console backend use the character device that its command line defines for a channel.
fn chardev_output(devid: i32) -> String {
    format!("chardev:libxl-channel{devid}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::DeviceChannelSocket;

    fn channel(u: DeviceChannelU) -> DeviceChannel {
        DeviceChannel {
            name: Some("org.example.agent".into()),
            u,
            ..DeviceChannel::default()
        }
    }

    #[test]
    fn a_socket_goes_through_a_character_device() {
        let socket = DeviceChannelSocket {
            path: Some("/run/agent.sock".into()),
        };
        let mut channel = channel(DeviceChannelU::Socket(socket));
        let console = console(&mut channel, 2).unwrap();
        assert_eq!(channel.devid, 2);
        assert_eq!(console.devid, 2);
        assert_eq!(console.output.as_deref(), Some("chardev:libxl-channel2"));
        assert_eq!(console.path.as_deref(), Some("/run/agent.sock"));
        assert_eq!(console.connection.as_deref(), Some("socket"));
    }

    #[test]
    fn xls_first_channel_does_not_become_the_first_console() {
        let mut first = channel(DeviceChannelU::Pty);
        first.devid = 0;
        assert_eq!(console(&mut first, 1).unwrap().devid, 1);
        assert_eq!(first.devid, 0);
    }

    #[test]
    fn what_is_missing_is_named() {
        let unknown = console(&mut channel(DeviceChannelU::Unknown), 1).unwrap_err();
        assert!(unknown.to_string().contains("channel 1 has no connection"));
        let pathless = DeviceChannelU::Socket(DeviceChannelSocket { path: None });
        assert!(console(&mut channel(pathless), 1).is_err());
        let mut nameless = channel(DeviceChannelU::Pty);
        nameless.name = None;
        assert!(console(&mut nameless, 1).is_err());
    }
}
