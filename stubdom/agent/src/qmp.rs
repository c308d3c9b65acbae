//! Just enough of the QEMU machine protocol to notice one command: message boundaries, which command a
//! message is, and which message answers it.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::save::STATE_FILE;

const SAVE: &str = "xen-save-devices-state";
/// Where libxl tells a stub domain's QEMU to save to.
const SAVE_TARGET: &str = "/dev/fdset/1";
/// Nothing in this protocol comes near; beyond it, data is passed on unread.
const MESSAGE_MAX: usize = 256 << 10;

/// Cuts a byte stream into JSON values.
#[derive(Default)]
pub struct Splitter(Vec<u8>);

impl Splitter {
    /// Adds `bytes` and takes out what is complete: each value with its own bytes, or bytes alone when
    /// they cannot be understood and should just be passed on.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<(Vec<u8>, Option<Value>)> {
        self.0.extend_from_slice(bytes);
        let mut messages = Vec::new();
        let mut start = 0;
        let mut values = serde_json::Deserializer::from_slice(&self.0).into_iter::<Value>();
        loop {
            match values.next() {
                Some(Ok(value)) => {
                    let end = values.byte_offset();
                    messages.push((self.0[start..end].to_vec(), Some(value)));
                    start = end;
                }
                Some(Err(error)) if !error.is_eof() => {
                    messages.push((self.0[start..].to_vec(), None));
                    start = self.0.len();
                    break;
                }
                _ => break,
            }
        }
        // What follows a message on its line belongs to it: clients wait for the line to end.
        let blank = self.0[start..]
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        if blank > 0 {
            messages.push((self.0[start..start + blank].to_vec(), None));
        }
        self.0.drain(..start + blank);
        if self.0.len() > MESSAGE_MAX {
            messages.push((std::mem::take(&mut self.0), None));
        }
        messages
    }
}

/// What to do with an answer of QEMU.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The client gets it.
    Forward,
    /// QEMU has saved its state: send it off first.
    Saved,
}

/// Follows one connection: which commands still wait for their answer, in order.
#[derive(Default)]
pub struct Session {
    pending: VecDeque<bool>,
}

impl Session {
    /// The bytes to give to QEMU for a message of the client.
    pub fn command(&mut self, bytes: Vec<u8>, value: Option<Value>) -> Vec<u8> {
        let Some(mut value) = value else { return bytes };
        let is_save = value["execute"] == SAVE && value["arguments"]["filename"] == SAVE_TARGET;
        self.pending.push_back(is_save);
        if !is_save {
            return bytes;
        }
        value["arguments"]["filename"] = json!(STATE_FILE);
        line(&value)
    }

    /// Looks at a message of QEMU. Greetings and events answer nothing.
    pub fn answer(&mut self, value: Option<&Value>) -> Answer {
        let Some(value) = value else {
            return Answer::Forward;
        };
        let succeeded = value.get("return").is_some();
        if !succeeded && value.get("error").is_none() {
            return Answer::Forward;
        }
        match self.pending.pop_front() {
            Some(true) if succeeded => Answer::Saved,
            _ => Answer::Forward,
        }
    }
}

/// The answer for a client whose save failed after QEMU's part, in place of QEMU's `answer`.
pub fn failure(answer: &Value, reason: &str) -> Vec<u8> {
    let mut failure = json!({ "error": { "class": "GenericError", "desc": reason } });
    if let Some(id) = answer.get("id") {
        failure["id"] = id.clone();
    }
    line(&failure)
}

fn line(value: &Value) -> Vec<u8> {
    format!("{value}\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(messages: Vec<(Vec<u8>, Option<Value>)>) -> (Vec<u8>, Option<Value>) {
        assert_eq!(messages.len(), 1);
        messages.into_iter().next().expect("one message")
    }

    #[test]
    fn bytes_come_out_as_they_went_in_wherever_they_are_cut() {
        let stream = b"{\"execute\":\"stop\",\"id\":1}\r\n{\"execute\":\"cont\",\"a\":\"}{\"}\r\n{\"x\":[1]}";
        for cut in 0..stream.len() {
            let mut splitter = Splitter::default();
            let mut out = Vec::new();
            let mut values = 0;
            for part in [&stream[..cut], &stream[cut..]] {
                for (bytes, value) in splitter.push(part) {
                    out.extend(bytes);
                    values += usize::from(value.is_some());
                }
            }
            assert_eq!(out, stream, "cut at {cut}");
            assert_eq!(values, 3, "cut at {cut}");
        }
    }

    #[test]
    fn the_end_of_a_line_is_not_held_back() {
        let messages = Splitter::default().push(b"{\"return\":{}}\r\n");
        let bytes: Vec<u8> = messages.into_iter().flat_map(|(bytes, _)| bytes).collect();
        assert_eq!(bytes, b"{\"return\":{}}\r\n");
    }

    #[test]
    fn what_is_not_json_is_passed_on() {
        let mut splitter = Splitter::default();
        assert_eq!(
            only(splitter.push(b"hello\r\n")),
            (b"hello\r\n".to_vec(), None)
        );
        assert!(only(splitter.push(b"{\"execute\":\"stop\"}")).1.is_some());
    }

    #[test]
    fn only_a_save_to_the_fd_set_is_redirected() {
        let mut splitter = Splitter::default();
        let mut session = Session::default();
        let mut send = |text: &str| {
            let (bytes, value) = only(splitter.push(text.as_bytes()));
            String::from_utf8(session.command(bytes, value)).expect("UTF-8")
        };
        let stop = "{\"execute\":\"stop\",\"id\":2019913984}";
        assert_eq!(send(stop), stop);
        let elsewhere =
            "{\"execute\":\"xen-save-devices-state\",\"arguments\":{\"filename\":\"/tmp/x\"}}";
        assert_eq!(send(elsewhere), elsewhere);
        let save = send(
            "{\"execute\":\"xen-save-devices-state\",\"id\":7,\
             \"arguments\":{\"filename\":\"/dev/fdset/1\",\"live\":true}}",
        );
        let save: Value = serde_json::from_str(&save).expect("JSON");
        assert_eq!(
            save["arguments"],
            json!({ "filename": STATE_FILE, "live": true })
        );
        assert_eq!(save["id"], 7);

        assert_eq!(
            session.answer(Some(&json!({ "event": "STOP" }))),
            Answer::Forward
        );
        assert_eq!(
            session.answer(Some(&json!({ "return": {}, "id": 1 }))),
            Answer::Forward
        );
        assert_eq!(
            session.answer(Some(&json!({ "return": {} }))),
            Answer::Forward
        );
        assert_eq!(
            session.answer(Some(&json!({ "return": {}, "id": 7 }))),
            Answer::Saved
        );
    }

    #[test]
    fn a_failed_save_is_just_forwarded() {
        let mut session = Session::default();
        session.command(
            Vec::new(),
            Some(json!({ "execute": SAVE, "arguments": { "filename": SAVE_TARGET } })),
        );
        assert_eq!(
            session.answer(Some(&json!({ "error": {} }))),
            Answer::Forward
        );
    }

    #[test]
    fn a_failure_keeps_the_id() {
        let text = String::from_utf8(failure(&json!({ "return": {}, "id": 7 }), "no space"))
            .expect("UTF-8");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(
            value,
            json!({ "id": 7, "error": { "class": "GenericError", "desc": "no space" } })
        );
        assert!(text.ends_with("\r\n"));
    }
}
