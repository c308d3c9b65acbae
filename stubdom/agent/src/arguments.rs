//! QEMU's arguments as the toolstack wrote them, and what they ask of this domain.

use std::fs::File;
use std::path::PathBuf;

use crate::console;
use crate::error::{Error, Result};
use crate::store::Store;

/// What libxl writes where a restored QEMU is to find its state: the third console.
const INCOMING: &str = "$STUBDOM_RESTORE_INCOMING_ARG";
const INCOMING_CONSOLE: &str = "/dev/hvc2";

/// A network interface of QEMU and the device of this domain it belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tap {
    /// The id in `device/vif/ID`, taken from the netdev's id (`netID`).
    pub(crate) devid: u32,
    pub(crate) name: String,
}

pub(crate) struct Arguments {
    list: Vec<String>,
    restore: bool,
}

impl Arguments {
    /// Reads `VM/image/dm-argv/NNN` of the target in order.
    pub(crate) fn read(store: &mut Store, target: &str) -> Result<Self> {
        let vm = store.read(&format!("/local/domain/{target}/vm"));
        let vm = vm.map_err(|source| {
            Error::new(format!(
                "guest {target} cannot be found ({source}): has it been destroyed?"
            ))
        })?;
        let dir = format!("{vm}/image/dm-argv");
        // Where it is for a QEMU of Xen's old kind, the toolstack writes other nodes.
        let none = |source: String| {
            Error::new(format!(
                "the toolstack wrote no arguments for QEMU ({source}): is device_model_version \"qemu-xen\"?"
            ))
        };
        let names = store
            .list(&dir)
            .map_err(|source| none(source.to_string()))?;
        if names.is_empty() {
            return Err(none(format!("{dir} is empty")));
        }
        let paths: Vec<String> = names.iter().map(|name| format!("{dir}/{name}")).collect();
        Ok(Self::new(store.read_all(&paths)?))
    }

    fn new(list: Vec<String>) -> Self {
        let restore = list.iter().any(|argument| argument == INCOMING);
        Self { list, restore }
    }

    pub(crate) fn list(&self) -> &[String] {
        &self.list
    }

    pub(crate) fn is_restore(&self) -> bool {
        self.restore
    }

    /// Opens the console that carries the state and puts its descriptor into the arguments. The
    /// descriptor stays open across exec; drop the file once QEMU runs.
    pub(crate) fn take_incoming(&mut self) -> Result<Option<File>> {
        let Some(argument) = self.list.iter_mut().find(|argument| *argument == INCOMING) else {
            return Ok(None);
        };
        let (file, descriptor) = console::open_incoming(INCOMING_CONSOLE)?;
        *argument = format!("fd:{descriptor}");
        Ok(Some(file))
    }

    /// The block devices that drives name.
    pub(crate) fn disks(&self) -> Vec<PathBuf> {
        self.values_of("-drive")
            .flat_map(|value| value.split(','))
            .filter_map(|option| option.strip_prefix("file="))
            .filter(|path| path.starts_with("/dev/xvd"))
            .map(PathBuf::from)
            .collect()
    }

    /// The consoles behind emulated serial ports.
    pub(crate) fn serials(&self) -> Vec<PathBuf> {
        self.values_of("-serial")
            .filter(|path| path.starts_with("/dev/hvc"))
            .map(PathBuf::from)
            .collect()
    }

    pub(crate) fn taps(&self) -> Vec<Tap> {
        self.values_of("-netdev").filter_map(parse_tap).collect()
    }

    /// The UNIX socket on which QEMU is to serve its screen.
    pub(crate) fn screen(&self) -> Option<PathBuf> {
        self.values_of("-vnc")
            .filter_map(|value| value.split(',').next()?.strip_prefix("unix:"))
            .find(|path| path.starts_with('/'))
            .map(PathBuf::from)
    }

    fn values_of(&self, option: &str) -> impl Iterator<Item = &str> {
        self.list
            .windows(2)
            .filter(move |pair| pair[0] == option)
            .map(|pair| pair[1].as_str())
    }
}

fn parse_tap(netdev: &str) -> Option<Tap> {
    let value = |key: &str| {
        netdev
            .split(',')
            .find_map(|option| option.strip_prefix(key)?.strip_prefix('='))
    };
    (value("type")? == "tap").then_some(())?;
    Some(Tap {
        devid: value("id")?.strip_prefix("net")?.parse().ok()?,
        name: value("ifname")?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str) -> Arguments {
        Arguments::new(text.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn finds_the_devices_that_libxl_asks_for() {
        let arguments = arguments(
            "-serial /dev/hvc3 -device rtl8139,id=nic1,netdev=net1,mac=00:16:3e:00:00:01 \
             -netdev type=tap,id=net1,ifname=vif3.1-emu,br=xenbr0,script=no,downscript=no \
             -drive file=/dev/xvda,if=ide,index=0,media=disk,format=host_device,cache=writeback \
             -drive if=none,readonly=on,id=ide-5632,file=/dev/xvdc,format=host_device \
             -drive if=none,readonly=on,id=ide-832",
        );
        assert_eq!(
            arguments.disks(),
            [PathBuf::from("/dev/xvda"), PathBuf::from("/dev/xvdc")]
        );
        assert_eq!(arguments.serials(), [PathBuf::from("/dev/hvc3")]);
        assert_eq!(
            arguments.taps(),
            [Tap {
                devid: 1,
                name: "vif3.1-emu".to_owned()
            }]
        );
        assert!(!arguments.is_restore());
    }

    #[test]
    fn a_netdev_that_is_no_tap_needs_nothing() {
        assert!(arguments("-netdev type=user,id=net0").taps().is_empty());
        assert!(arguments("-net none").taps().is_empty());
    }

    #[test]
    fn only_a_screen_on_a_socket_in_here_is_carried_out() {
        for (text, path) in [
            ("-vnc unix:/run/qemu.vnc", Some("/run/qemu.vnc")),
            (
                "-vnc unix:/run/qemu.vnc,share=ignore -k de",
                Some("/run/qemu.vnc"),
            ),
            ("-vnc none", None),
            ("-vnc 127.0.0.1:0,to=99", None),
            ("-vnc unix:run/qemu.vnc", None),
            ("-serial unix:/run/x", None),
        ] {
            assert_eq!(arguments(text).screen(), path.map(PathBuf::from), "{text}");
        }
    }

    #[test]
    fn a_restore_is_recognised() {
        assert!(arguments("-incoming $STUBDOM_RESTORE_INCOMING_ARG").is_restore());
    }
}
