//! What goes over a QMP connection, without the connection: lines, their limits, and what they mean.
//!
//! QEMU may be compromised, and behind a proxy it is a stub domain that speaks; so a line is bounded in size and depth
//! and every member is checked before it is used.

use serde_json::{Map, Value};

use super::Version;
use crate::types::json::Shape;
use crate::{Code, Error, Result};

/// The most that may be waiting for its line end, in bytes (the C library's limit).
pub const MAX_BUFFERED: usize = 1 << 20;

/// The deepest nesting of arrays and objects in one message; QEMU's own answers stay below ten.
pub const MAX_DEPTH: usize = 64;

/// The most values in one message. A small object takes hundreds of times the memory of its text; the longest answers,
/// those about each of many vCPUs, stay below two thousand.
pub const MAX_VALUES: usize = 20_000;

/// The most that is kept of QEMU's own words about a failure, in characters.
const MAX_WORDS: usize = 1000;

const LINE_END: &[u8] = b"\r\n";

/// Cuts a stream of bytes into lines that end with CR LF.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Up to here no line end was found, so that an endless line is not searched again and again.
    searched: usize,
}

impl Framer {
    /// Adds received bytes; [`Code::Bufferfull`] when a line does not end within [`MAX_BUFFERED`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() > MAX_BUFFERED && self.find_end().is_none() {
            return Err(Error::new(
                Code::Bufferfull,
                format!("QEMU sent a message of more than {MAX_BUFFERED} bytes"),
            ));
        }
        Ok(())
    }

    /// Takes the next whole line, without its end.
    pub fn next_line(&mut self) -> Option<Vec<u8>> {
        let Some(end) = self.find_end() else {
            self.searched = self.buffer.len().saturating_sub(1);
            return None;
        };
        // A copy, so that a short line does not keep the room of a long buffer.
        let line = self.buffer[..end].to_vec();
        self.buffer.drain(..end + LINE_END.len());
        self.searched = 0;
        Some(line)
    }

    fn find_end(&self) -> Option<usize> {
        self.buffer[self.searched..]
            .windows(LINE_END.len())
            .position(|window| window == LINE_END)
            .map(|at| at + self.searched)
    }
}

/// One message from QEMU.
#[derive(Debug, PartialEq)]
pub enum Message {
    /// The first message of a connection.
    Greeting(Version),
    /// The command with this id succeeded.
    Return {
        /// Which command.
        id: i64,
        /// What it returned.
        value: Value,
    },
    /// QEMU refused something; without an id it could not even read the command.
    Error {
        /// Which command.
        id: Option<i64>,
        /// QEMU's error class, such as `GenericError`.
        class: String,
        /// QEMU's own words.
        desc: String,
    },
    /// Something happened that nobody asked about.
    Event,
}

impl Message {
    /// Reads one line; anything but a well-formed message is [`Code::ProtocolErrorQmp`].
    pub fn parse(line: &[u8]) -> Result<Self> {
        check_shape(line)?;
        let value: Value = serde_json::from_slice(line)
            .map_err(|error| protocol(format!("QEMU sent what is not JSON: {error}")))?;
        let Value::Object(mut members) = value else {
            return Err(protocol("QEMU sent JSON that is not an object"));
        };
        if let Some(greeting) = members.get("QMP") {
            return Ok(Self::Greeting(Version::of_greeting(greeting)));
        }
        if let Some(value) = members.remove("return") {
            let id = members.get("id").and_then(Value::as_i64);
            let id = id.ok_or_else(|| protocol("QEMU answered without saying which command"))?;
            return Ok(Self::Return { id, value });
        }
        if let Some(error) = members.get("error") {
            return Ok(Self::Error {
                id: members.get("id").and_then(Value::as_i64),
                class: words(error, "class")?,
                desc: words(error, "desc")?,
            });
        }
        if members.contains_key("event") {
            return Ok(Self::Event);
        }
        Err(protocol("QEMU sent a message of unknown kind"))
    }
}

/// Reads the line of a greeting, which may begin with the rest of another line; [`Code::ProtocolErrorQmp`] when it is none.
pub fn greeting(line: &[u8]) -> Result<Version> {
    const BEGINNING: &[u8] = b"{\"QMP\"";
    let begins = |at: &[u8]| at == BEGINNING;
    let start = line.windows(BEGINNING.len()).rposition(begins);
    match Message::parse(&line[start.unwrap_or(0)..])? {
        Message::Greeting(version) => Ok(version),
        _ => Err(protocol("QEMU did not greet first")),
    }
}

/// One command as it goes to QEMU, line end included.
pub fn command_line(name: &str, id: i64, arguments: Option<&Map<String, Value>>) -> Vec<u8> {
    let mut members = Map::new();
    members.insert("execute".into(), name.into());
    members.insert("id".into(), id.into());
    if let Some(arguments) = arguments {
        members.insert("arguments".into(), Value::Object(arguments.clone()));
    }
    let mut line = Value::Object(members).to_string().into_bytes();
    line.extend_from_slice(LINE_END);
    line
}

/// QEMU broke the protocol.
pub(super) fn protocol(what: impl Into<String>) -> Error {
    Error::new(Code::ProtocolErrorQmp, what)
}

/// The status for an error class of QEMU.
pub fn code_of_class(class: &str) -> Code {
    match class.to_ascii_lowercase().as_str() {
        "genericerror" => Code::QmpGenericError,
        "commandnotfound" => Code::QmpCommandNotFound,
        "devicenotactive" => Code::QmpDeviceNotActive,
        "devicenotfound" => Code::QmpDeviceNotFound,
        _ => Code::UnknownQmpError,
    }
}

/// A text of a failure, cut where it is longer than any that a person would read.
fn words(value: &Value, member: &str) -> Result<String> {
    value
        .get(member)
        .and_then(Value::as_str)
        .map(|text| text.chars().take(MAX_WORDS).collect())
        .ok_or_else(|| protocol(format!("QEMU sent an error without {member:?}")))
}

/// Looks at the whole line before anything is built from it.
fn check_shape(line: &[u8]) -> Result<()> {
    let shape = Shape::of(line);
    if shape.depth > MAX_DEPTH {
        return Err(protocol(format!(
            "QEMU sent JSON nested deeper than {MAX_DEPTH}"
        )));
    }
    if shape.values > MAX_VALUES {
        return Err(protocol(format!(
            "QEMU sent a message of more than {MAX_VALUES} values"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_come_out_whole_whatever_the_pieces() {
        let mut framer = Framer::default();
        framer.push(b"{\"a\":1}\r").unwrap();
        assert_eq!(framer.next_line(), None);
        framer.push(b"\n{\"b\"").unwrap();
        assert_eq!(framer.next_line().unwrap(), b"{\"a\":1}");
        assert_eq!(framer.next_line(), None);
        framer.push(b":2}\r\n\r\n").unwrap();
        assert_eq!(framer.next_line().unwrap(), b"{\"b\":2}");
        assert_eq!(framer.next_line().unwrap(), b"");
        assert_eq!(framer.next_line(), None);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut framer = Framer::default();
        let chunk = [b' '; 4096];
        let mut refused = None;
        for count in 0..400 {
            if let Err(error) = framer.push(&chunk) {
                refused = Some((count, error.code()));
                break;
            }
            assert_eq!(framer.next_line(), None);
        }
        assert_eq!(refused, Some((256, Code::Bufferfull)));
    }

    #[test]
    fn greeting_return_error_event() {
        let greeting = br#"{"QMP": {"version": {"qemu": {"micro": 15, "minor": 2, "major": 7},
            "package": "Debian"}, "capabilities": ["oob"]}}"#;
        let version = Version {
            major: 7,
            minor: 2,
            micro: 15,
        };
        assert_eq!(
            Message::parse(greeting).unwrap(),
            Message::Greeting(version)
        );
        assert_eq!(
            Message::parse(br#"{"return": {"status": "prelaunch"}, "id": 7}"#).unwrap(),
            Message::Return {
                id: 7,
                value: json!({"status": "prelaunch"})
            }
        );
        assert_eq!(
            Message::parse(br#"{"id": 7, "error": {"class": "CommandNotFound", "desc": "no"}}"#)
                .unwrap(),
            Message::Error {
                id: Some(7),
                class: "CommandNotFound".into(),
                desc: "no".into()
            }
        );
        let event = br#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "RESUME"}"#;
        assert_eq!(Message::parse(event).unwrap(), Message::Event);
    }

    #[test]
    fn nonsense_is_a_protocol_error() {
        for line in [
            &b""[..],
            b"{",
            b"[]",
            b"null",
            b"{}",
            b"\xff\xfe",
            br#"{"return": {}}"#,
            br#"{"return": {}, "id": "7"}"#,
            br#"{"error": {"class": 3, "desc": "x"}, "id": 1}"#,
            br#"{"error": {"class": "GenericError"}, "id": 1}"#,
            br#"{"return": {}, "id": 1} {"return": {}, "id": 1}"#,
        ] {
            let error = Message::parse(line).unwrap_err();
            let text = String::from_utf8_lossy(line);
            assert_eq!(error.code(), Code::ProtocolErrorQmp, "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded_but_brackets_in_strings_do_not_count() {
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!("{{\"id\": 1, \"return\": {open}{close}}}")
        };
        assert!(Message::parse(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
        let error = Message::parse(nested(MAX_DEPTH).as_bytes()).unwrap_err();
        assert_eq!(error.code(), Code::ProtocolErrorQmp);
        let million = "[".repeat(1_000_000);
        assert!(Message::parse(million.as_bytes()).is_err());
        let text = format!("{{\"id\": 1, \"return\": \"\\\"{}\"}}", "[".repeat(500));
        assert!(Message::parse(text.as_bytes()).is_ok());
    }

    #[test]
    fn a_short_text_cannot_become_much_memory() {
        let many = |count: usize| {
            let objects = vec![r#"{"":0}"#; count].join(",");
            Message::parse(format!(r#"{{"id": 1, "return": [{objects}]}}"#).as_bytes())
        };
        assert!(many(MAX_VALUES / 2 - 2).is_ok());
        let error = many(MAX_VALUES / 2).unwrap_err();
        assert_eq!(error.code(), Code::ProtocolErrorQmp);
        let commas = format!("{{\"id\": 1, \"return\": \"{}\"}}", ",".repeat(900_000));
        assert!(Message::parse(commas.as_bytes()).is_ok());
    }

    #[test]
    fn qemus_words_are_cut() {
        let long = "é".repeat(500_000);
        let line =
            format!(r#"{{"id": 1, "error": {{"class": "GenericError", "desc": "{long}"}}}}"#);
        let Message::Error { desc, .. } = Message::parse(line.as_bytes()).unwrap() else {
            panic!("it is an error");
        };
        assert_eq!(desc, "é".repeat(MAX_WORDS));
    }

    #[test]
    fn a_command_is_one_line() {
        let mut arguments = Map::new();
        arguments.insert("password".into(), "a\r\n\"b".into());
        let line = command_line("change-vnc-password", 0x786c_7101, Some(&arguments));
        assert!(line.ends_with(b"\r\n"));
        let body = &line[..line.len() - 2];
        assert!(!body.contains(&b'\n') && !body.contains(&b'\r'));
        let value: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(
            value,
            json!({"execute": "change-vnc-password", "id": 2_020_372_737,
                   "arguments": {"password": "a\r\n\"b"}})
        );
    }

    #[test]
    fn classes_map_to_statuses() {
        assert_eq!(code_of_class("GenericError"), Code::QmpGenericError);
        assert_eq!(code_of_class("DeviceNotFound"), Code::QmpDeviceNotFound);
        assert_eq!(code_of_class("DeviceNotActive"), Code::QmpDeviceNotActive);
        assert_eq!(code_of_class("CommandNotFound"), Code::QmpCommandNotFound);
        assert_eq!(code_of_class("KVMMissingCap"), Code::UnknownQmpError);
    }
}
