//! A QEMU of our own for tests, on the other end of a socket pair.

use std::io::{BufRead, BufReader, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::{Value, json};

pub(crate) const GREETING: &str = r#"{"QMP": {"version": {"qemu": {"micro": 1, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}"#;

/// The other end: what QEMU would be.
pub(crate) struct Qemu {
    pub(crate) stream: UnixStream,
    lines: BufReader<UnixStream>,
}

impl Qemu {
    pub(crate) fn over(stream: UnixStream) -> Self {
        let lines = BufReader::new(stream.try_clone().expect("second handle"));
        Self { stream, lines }
    }

    /// Runs `qemu` in a thread; gives the client's end.
    pub(crate) fn start(
        qemu: impl FnOnce(&mut Self) + Send + 'static,
    ) -> (UnixStream, JoinHandle<()>) {
        let (ours, theirs) = UnixStream::pair().expect("socket pair");
        ours.set_nonblocking(true).expect("non-blocking");
        let server = thread::spawn(move || qemu(&mut Self::over(theirs)));
        (ours, server)
    }

    pub(crate) fn say(&mut self, text: &str) {
        // The client may have hung up on us already.
        let _ = self.stream.write_all(format!("{text}\r\n").as_bytes());
    }

    pub(crate) fn hear(&mut self) -> Value {
        self.hear_or_end().expect("client reads on")
    }

    /// The next command; `None` when the client has hung up.
    pub(crate) fn hear_or_end(&mut self) -> Option<Value> {
        self.rest_of_line(String::new())
    }

    /// The next command, with the descriptor that came with its first byte.
    pub(crate) fn hear_with_fd(&mut self) -> (Value, OwnedFd) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut first = [0];
        let parts = &mut [IoSliceMut::new(&mut first)];
        recvmsg(&self.stream, parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC).expect("a byte");
        let mut fds = ancillary.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        let fd = fds.next().expect("a descriptor");
        let command = self.rest_of_line(char::from(first[0]).to_string());
        (command.expect("client reads on"), fd)
    }

    fn rest_of_line(&mut self, mut line: String) -> Option<Value> {
        let read = self.lines.read_line(&mut line).unwrap_or(0);
        (read > 0).then(|| serde_json::from_str(&line).expect("client speaks JSON"))
    }

    pub(crate) fn negotiate(&mut self) {
        self.say(GREETING);
        let command = self.hear();
        assert_eq!(command["execute"], "qmp_capabilities");
        self.answer(&command, json!({}));
    }

    pub(crate) fn answer(&mut self, command: &Value, value: Value) {
        self.say(&json!({"return": value, "id": command["id"]}).to_string());
    }

    /// Refuses a command.
    pub(crate) fn refuse(&mut self, command: &Value, desc: &str) {
        let error = json!({"class": "GenericError", "desc": desc});
        self.say(&json!({"error": error, "id": command["id"]}).to_string());
    }
}
