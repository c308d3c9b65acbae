//! What the toolstack asks for: one JSON object on standard input. It comes from root's own library, so that it is checked for
//! mistakes and not for malice.

use std::io::Read;
use std::path::PathBuf;

use serde::Deserialize;

use crate::error::{Error, Result};

/// Everything about the stub domain that its server has to know.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The stub domain.
    pub stubdom: u16,
    /// The guest whose QEMU runs in it.
    pub guest: u16,
    /// Who to be once everything is open.
    pub user: User,
    /// The stub domain's consoles.
    pub consoles: Vec<Console>,
    /// Where QMP is served.
    pub qmp: PathBuf,
    /// The guest's screen, where it is to have one.
    pub screen: Option<Screen>,
}

/// A user without privileges.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Its number, not 0.
    pub uid: u32,
    /// Its group, not 0.
    pub gid: u32,
}

/// A console.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Console {
    /// Its number in the stub domain.
    pub number: u8,
    /// The event channel of the first one, which the toolstack made; the others' are in xenstore once their frontend is there.
    pub port: Option<u32>,
    /// The guest's serial port that it carries.
    pub serial: Option<u8>,
    /// Where it ends.
    pub end: End,
}

/// Where a console ends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
pub enum End {
    /// Nowhere: what comes is thrown away.
    Null,
    /// A file that is appended to.
    File {
        /// Its path.
        path: PathBuf,
        /// What was in it goes away.
        truncate: bool,
        /// How many bytes it may have.
        limit: u64,
        /// What is in it when it is full is kept as `PATH.1`; otherwise nothing more goes in.
        rotate: bool,
    },
    /// A file whose bytes the stub domain gets; what it sends is thrown away.
    Source {
        /// Its path.
        path: PathBuf,
    },
    /// A new terminal, whose name is written to xenstore.
    Pty,
    /// A terminal, pipe or other special file, read and written; or the two pipes `PATH.in` and `PATH.out`.
    Device {
        /// Its path.
        path: PathBuf,
    },
    /// A TCP connection.
    Tcp {
        /// The host's name or address.
        host: String,
        /// The port.
        port: u16,
        /// Others connect here; otherwise one connection is made at the start.
        server: bool,
    },
    /// A UNIX connection.
    Unix {
        /// The socket's path.
        path: PathBuf,
        /// Others connect here; otherwise one connection is made at the start.
        server: bool,
    },
}

/// Where the screen is shown.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Screen {
    /// The address that viewers connect to, or `unix:PATH`.
    pub host: String,
    /// The number that is added to 5900.
    pub display: u16,
    /// Another number may be taken when that one is in use.
    pub unused: bool,
    /// What viewers have to know.
    pub password: Option<String>,
}

/// More of it than any guest's configuration can make.
const LONGEST: u64 = 1 << 20;

impl Config {
    /// Reads it from `input` to the end.
    pub fn read(input: impl Read) -> Result<Self> {
        let mut text = String::new();
        input
            .take(LONGEST)
            .read_to_string(&mut text)
            .map_err(|error| Error::io("read the configuration", error))?;
        let config: Self = serde_json::from_str(&text)
            .map_err(|error| Error::new(format!("the configuration makes no sense: {error}")))?;
        if config.user.uid == 0 || config.user.gid == 0 {
            return Err(Error::new("the configuration names root as the user"));
        }
        if config.consoles.iter().any(|console| console.number > 9) {
            // Linux takes the last digit for the terminal's number.
            return Err(Error::new("a stub domain has ten consoles at most"));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{
        "stubdom": 6, "guest": 5, "user": { "uid": 65534, "gid": 65534 }, "qmp": "/run/qmp",
        "consoles": [
            { "number": 0, "port": 2, "serial": null,
              "end": { "kind": "file", "path": "/log", "truncate": false, "limit": 1000, "rotate": true } },
            { "number": 2, "port": null, "serial": null, "end": { "kind": "null" } },
            { "number": 3, "port": null, "serial": 0, "end": { "kind": "pty" } },
            { "number": 4, "port": null, "serial": 1, "end": { "kind": "tcp", "host": "::1", "port": 99, "server": true } }
        ],
        "screen": { "host": "127.0.0.1", "display": 1, "unused": true, "password": "secret" }
    }"#;

    #[test]
    fn a_whole_configuration_is_read() {
        let config = Config::read(WHOLE.as_bytes()).unwrap();
        assert_eq!((config.stubdom, config.guest), (6, 5));
        assert_eq!(config.consoles[0].port, Some(2));
        assert!(matches!(
            &config.consoles[0].end,
            End::File {
                limit: 1000,
                rotate: true,
                ..
            }
        ));
        assert!(matches!(
            &config.consoles[3].end,
            End::Tcp {
                port: 99,
                server: true,
                ..
            }
        ));
        assert_eq!(config.screen.unwrap().password.as_deref(), Some("secret"));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for (right, wrong) in [
            ("\"stubdom\": 6", "\"stubdom\": 65536"),
            ("\"stubdom\": 6", "\"stubdom\": 6, \"other\": 1"),
            ("\"uid\": 65534", "\"uid\": 0"),
            ("\"gid\": 65534", "\"gid\": 0"),
            ("\"number\": 2", "\"number\": 10"),
            ("\"kind\": \"pty\"", "\"kind\": \"tty\""),
            ("\"qmp\": \"/run/qmp\",", ""),
        ] {
            assert!(WHOLE.contains(right), "{right}");
            let text = WHOLE.replacen(right, wrong, 1);
            assert!(Config::read(text.as_bytes()).is_err(), "{wrong}");
        }
    }
}
