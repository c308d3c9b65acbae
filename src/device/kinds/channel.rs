//! Channels: consoles with a name, which QEMU connects to a terminal or a socket.
//!
//! Callers number their channels from 0 (xl), from 1, or not at all; their consoles are numbered from 1 in any case,
//! because console 0 is the guest's first console. The C library takes the caller's number for both and so drops the
//! first channel of every xl configuration.

use super::console::Console;
use crate::device::guest::Guest;
use crate::device::kind::{Device, DeviceKind};
use crate::device::nodes::Nodes;
use crate::device::record::Record;
use crate::device::traits::{Devices, Kind, Listed, Step, When};
use crate::device::tty;
use crate::device::view::{View, info};
use crate::log::Logger;
use crate::types::{
    ChannelConnection, Channelinfo, ChannelinfoPty, ChannelinfoU, DeviceChannel,
    DeviceChannelSocket, DeviceChannelU, DomainConfig,
};
use crate::{Code, Domid, Error, Result};

/// A channel of a new domain, and the number of the console that it becomes.
struct Channel<'a> {
    config: &'a mut DeviceChannel,
    console: i32,
}

impl Channel<'_> {
    fn console(&self) -> Result<Console> {
        // QEMU's command line names the character device after the caller's number.
        let devid = self.config.devid;
        let error = |what: &str| Error::inval(format!("channel {devid} has no {what}"));
        let name = self.config.name.clone().ok_or_else(|| error("name"))?;
        let (connection, output, path) = match &self.config.u {
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
            ..Console::ioemu(self.console, self.config.backend_domid, Some(output))
        })
    }
}

impl Kind for Channel<'_> {
    fn backend_domain(&mut self) -> (Option<&str>, &mut Domid) {
        let config = &mut *self.config;
        (config.backend_domname.as_deref(), &mut config.backend_domid)
    }

    fn numbered(&mut self) -> Option<(DeviceKind, &mut i32)> {
        None
    }

    fn set_defaults(&mut self, log: &Logger, guest: &Guest, when: When) -> Result<()> {
        if self.config.devid == -1 {
            self.config.devid = self.console;
        }
        self.console()?.set_defaults(log, guest, when)
    }

    fn device(&self, domid: Domid) -> Result<Device> {
        self.console()?.device(domid)
    }

    fn nodes(&self, device: &Device, guest: &Guest) -> Result<Nodes> {
        self.console()?.nodes(device, guest)
    }
}

impl Listed for DeviceChannel {
    const KIND: DeviceKind = DeviceKind::Console;
    const NAME: &'static str = "channel";
    const STEP: Step = Step::Announced;

    type Info = Channelinfo;

    fn list(config: &DomainConfig) -> &Vec<Self> {
        &config.channels
    }

    fn list_mut(config: &mut DomainConfig) -> &mut Vec<Self> {
        &mut config.channels
    }

    fn devices(config: &mut DomainConfig) -> Devices<'_> {
        let channels = config.channels.iter_mut().zip(1..);
        channels
            .map(|(config, console)| Box::new(Channel { config, console }) as Box<dyn Kind>)
            .collect()
    }

    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
    }

    fn needs_qemu(&self, me: Domid) -> bool {
        self.backend_domid == me
    }

    /// The console one above its number.
    fn on_record(&self) -> Result<(DeviceKind, i32)> {
        let console = self.devid.checked_add(1).filter(|number| *number > 0);
        let none = || Error::fail(format!("there is no channel {}", self.devid));
        Ok((Self::KIND, console.ok_or_else(none)?))
    }

    fn read(record: &Record) -> Result<Self> {
        let u = match record.required("connection")? {
            "pty" => DeviceChannelU::Pty,
            "socket" => DeviceChannelU::Socket(DeviceChannelSocket {
                path: record.owned("path"),
            }),
            _ => {
                return Err(record
                    .bad("has a connection nobody knows")
                    .code_as(Code::Inval));
            }
        };
        Ok(Self {
            name: record.owned("name"),
            u,
            ..Self::default()
        })
    }

    /// Channels are the consoles with a name. They are numbered from 0 in the order of the store, whichever consoles they are.
    fn read_all(records: &[Record]) -> Result<Vec<Self>> {
        let named = records
            .iter()
            .filter(|console| console.text("name").is_some());
        named
            .zip(0..)
            .map(|(console, devid)| {
                let channel = Self::read(console)?;
                Ok(Self { devid, ..channel })
            })
            .collect()
    }

    async fn info(&self, view: &View<'_>) -> Result<Channelinfo> {
        let u = match self.connection() {
            ChannelConnection::Pty => ChannelinfoU::Pty(ChannelinfoPty {
                path: Some(terminal(view).await?),
            }),
            other => ChannelinfoU::init(other),
        };
        Ok(info!(
            view,
            Channelinfo {
                devid: self.devid,
                evtch: view.number("port").await?,
                rref: view.number("ring-ref").await?,
                u,
            }
        ))
    }
}

/// The terminal of a channel; a path that leads nowhere when the guest deleted the node.
async fn terminal(view: &View<'_>) -> Result<String> {
    let device = view.device;
    let path = format!("{}/tty", device.frontend());
    let tty = tty::named_by(view.op, &path, device.domid, device.backend_domid).await?;
    Ok(tty.unwrap_or_else(|| "/NO-SUCH-PATH".to_owned()))
}

/// What makes QEMU's console backend use the character device that its command line defines for a channel.
fn chardev_output(devid: i32) -> String {
    format!("chardev:libxl-channel{devid}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::tests::sample::{self, Sample};
    use crate::types::DomainType;

    /// The console of a new domain's `number`-th channel.
    fn console(config: &mut DeviceChannel, number: i32) -> Result<Console> {
        let mut channel = Channel {
            config,
            console: number,
        };
        let guest = Guest {
            domid: 1,
            type_: DomainType::Pv,
            protocol: None,
        };
        channel.set_defaults(&Logger::silent(), &guest, When::Creation)?;
        channel.console()
    }

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
    #[test]
    fn a_channel_keeps_its_place_in_the_list() {
        let record = |devid, nodes: &[(&str, &str)]| {
            Record::of(Device::plain(3, DeviceKind::Console, devid, 0), nodes)
        };
        let nodes = [("name", "a"), ("connection", "socket"), ("path", "/run/a")];
        let nameless = record(7, &[]);
        let found =
            DeviceChannel::read_all(&[record(2, &nodes), nameless, record(9, &nodes)]).unwrap();
        let numbers: Vec<_> = found.iter().map(|channel| channel.devid).collect();
        assert_eq!(numbers, [0, 1]);
        let path = Some("/run/a".to_owned());
        assert_eq!(
            found[0].u,
            DeviceChannelU::Socket(DeviceChannelSocket { path })
        );
        let bad = record(1, &[("name", "a"), ("connection", "tcp")]);
        let bad = DeviceChannel::read_all(&[bad]).unwrap_err();
        assert_eq!(bad.code(), Code::Inval);
    }

    impl Sample for DeviceChannel {
        fn sample() -> Self {
            Self {
                backend_domid: sample::SERVER,
                devid: 0,
                name: Some("org.example.agent".into()),
                u: DeviceChannelU::Socket(DeviceChannelSocket {
                    path: Some("/run/agent".into()),
                }),
                ..Self::default()
            }
        }

        fn spoil(&mut self) {
            self.name = Some("org.example.other".into());
        }

        fn recorded(self) -> Self {
            Self {
                backend_domid: 0,
                ..self
            }
        }
    }
}
