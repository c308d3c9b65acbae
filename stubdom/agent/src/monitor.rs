//! A client of QEMU's machine protocol, with bounds: QEMU is the guest's as soon as the guest has found a hole in it.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::sys;

/// QEMU answers nothing while it starts or waits for a disk.
const PATIENCE: Duration = Duration::from_secs(60);
/// No message that is of interest here comes near.
const LINE_MAX: usize = 64 << 10;
/// How much is kept of QEMU's own words, in characters.
const WORDS: usize = 200;
/// How many events may come before an answer.
const MOST_EVENTS: usize = 1000;

/// A connection. After an error of the protocol it is over; a command that QEMU refuses leaves it usable.
pub(crate) struct Monitor {
    stream: UnixStream,
    buffer: Vec<u8>,
    last_id: u64,
    over: bool,
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Monitor {
    /// Negotiates over an open stream.
    pub(crate) fn over(stream: UnixStream) -> Result<Self> {
        let limits = stream.set_read_timeout(Some(PATIENCE));
        limits
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .map_err(|source| Error::io("limit the wait for QEMU", source))?;
        let mut monitor = Self {
            stream,
            buffer: Vec::new(),
            last_id: 0,
            over: false,
        };
        if monitor.message()?.get("QMP").is_none() {
            return Err(Error::new("QEMU did not greet"));
        }
        monitor.execute("qmp_capabilities", json!({}), None)?;
        Ok(monitor)
    }

    /// Gives QEMU a command, and with it a descriptor; returns its answer.
    pub(crate) fn execute(
        &mut self,
        command: &str,
        arguments: Value,
        fd: Option<BorrowedFd<'_>>,
    ) -> Result<Value> {
        // Until there is an answer.
        self.over = true;
        let answer = self.exchange(command, arguments, fd)?;
        self.over = false;
        if let Some(value) = answer.get("return") {
            return Ok(value.clone());
        }
        let why = answer["error"]["desc"].as_str().unwrap_or_default();
        let why: String = why.chars().take(WORDS).collect();
        Err(Error::new(format!("QEMU refuses {command}: {why}")))
    }

    /// An error when nothing can be said any more.
    pub(crate) fn check(&self) -> Result<()> {
        match self.over {
            true => Err(Error::new("the connection to QEMU is over")),
            false => Ok(()),
        }
    }

    /// Takes what has come without being asked for.
    pub(crate) fn skip_events(&mut self) -> Result<()> {
        self.receive()?;
        while self.line().is_some() {}
        Ok(())
    }

    /// The answer, also a refusal.
    fn exchange(
        &mut self,
        command: &str,
        arguments: Value,
        fd: Option<BorrowedFd<'_>>,
    ) -> Result<Value> {
        self.last_id += 1;
        let id = self.last_id;
        let line = json!({ "execute": command, "arguments": arguments, "id": id });
        self.send(format!("{line}\r\n").as_bytes(), fd)
            .map_err(|source| Error::io(format!("give QEMU the command {command}"), source))?;
        for _ in 0..MOST_EVENTS {
            let message = self.message()?;
            if message["id"] == id {
                return Ok(message);
            }
        }
        Err(Error::new(format!("QEMU does not answer {command}")))
    }

    /// A descriptor goes with the first byte.
    fn send(&mut self, line: &[u8], fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let sent = match fd {
            Some(fd) => sys::send_with_fd(&self.stream, &line[..1], fd)?,
            None => 0,
        };
        self.stream.write_all(&line[sent..])
    }

    fn message(&mut self) -> Result<Value> {
        loop {
            if let Some(line) = self.line() {
                return serde_json::from_slice(&line)
                    .map_err(|error| Error::new(format!("QEMU sent what is not JSON: {error}")));
            }
            self.receive()?;
        }
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.buffer.iter().position(|byte| *byte == b'\n')?;
        Some(self.buffer.drain(..=end).collect())
    }

    fn receive(&mut self) -> Result<()> {
        let mut bytes = [0; 4096];
        let count = self
            .stream
            .read(&mut bytes)
            .map_err(|source| Error::io("hear QEMU", source))?;
        self.buffer.extend_from_slice(&bytes[..count]);
        match self.buffer.len() {
            _ if count == 0 => Err(Error::new("QEMU closed the connection")),
            length if length > LINE_MAX => Err(Error::new("QEMU sent too long a line")),
            _ => Ok(()),
        }
    }
}

/// The other end, for tests.
#[cfg(test)]
pub(crate) mod testing {
    use std::io::IoSliceMut;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;

    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

    use super::*;

    pub(crate) fn say(stream: &mut UnixStream, message: &Value) {
        // The client may have gone.
        let _ = stream.write_all(format!("{message}\r\n").as_bytes());
    }

    /// The next command, with the descriptor that came with its first byte; `None` at the end.
    pub(crate) fn hear(stream: &mut UnixStream) -> Option<(Value, Option<OwnedFd>)> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut line = vec![0];
        let parts = &mut [IoSliceMut::new(&mut line)];
        let got = recvmsg(&*stream, parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC);
        (got.ok()?.bytes > 0).then_some(())?;
        let fd = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        let mut byte = [0];
        while line.last() != Some(&b'\n') {
            stream.read_exact(&mut byte).ok()?;
            line.push(byte[0]);
        }
        Some((serde_json::from_slice(&line).expect("JSON"), fd))
    }

    pub(crate) fn negotiate(stream: &mut UnixStream) {
        say(stream, &json!({"QMP": {}}));
        let (command, _) = hear(stream).expect("a command");
        assert_eq!(command["execute"], "qmp_capabilities");
        say(stream, &json!({"return": {}, "id": command["id"]}));
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::testing::{hear, negotiate, say};
    use super::*;

    /// How a command ends that is answered by `answers`; in them 77 stands for its number.
    fn answered(answers: &'static [&'static str]) -> (Result<Value>, bool) {
        let (ours, mut theirs) = UnixStream::pair().expect("socket pair");
        let qemu = thread::spawn(move || {
            negotiate(&mut theirs);
            let (command, _) = hear(&mut theirs).expect("a command");
            for answer in answers {
                let answer = answer.replace("77", &command["id"].to_string());
                let _ = theirs.write_all(answer.as_bytes());
            }
        });
        let mut monitor = Monitor::over(ours).expect("negotiated");
        let answer = monitor.execute("query-fdsets", json!({}), None);
        qemu.join().expect("QEMU's side holds");
        (answer, monitor.check().is_ok())
    }

    #[test]
    fn an_answer_is_found_among_events() {
        let (answer, goes_on) = answered(&[
            "{\"event\": \"DEVICE_TRAY_MOVED\"}\r\n[1]\r\n\"x\"\r\n{\"return\": 1, \"id\": 9",
            "99}\r\n{\"return\": [], \"id\": 77}\r\n",
        ]);
        assert_eq!(answer.expect("an answer"), json!([]));
        assert!(goes_on);
    }

    #[test]
    fn a_refusal_is_quoted_and_bounded() {
        let (answer, goes_on) = answered(&["{\"error\": {\"desc\": \"no set\"}, \"id\": 77}\n"]);
        let words = answer.expect_err("refused").to_string();
        assert_eq!(words, "QEMU refuses query-fdsets: no set");
        assert!(goes_on);
        // No answer of another form does any harm.
        for odd in [
            "{\"error\": \"no\", \"id\": 77}\n",
            "{\"error\": [], \"id\": 77}\n",
            "{\"id\": 77}\n",
        ] {
            let (answer, _) = answered(Box::leak(Box::new([odd])));
            assert_eq!(
                answer.expect_err("refused").to_string(),
                "QEMU refuses query-fdsets: "
            );
        }
    }

    #[test]
    fn a_broken_connection_is_over() {
        const LONG: &str = match std::str::from_utf8(&[b'x'; LINE_MAX + 1]) {
            Ok(text) => text,
            Err(_) => "",
        };
        for answers in [&[""][..], &["{]\n"], &[LONG], &["{\"return\": {}}\n"]] {
            let (answer, goes_on) = answered(answers);
            assert!(answer.is_err() && !goes_on, "{:.10}", answers[0]);
        }
    }

    #[test]
    fn events_without_end_are_no_answer() {
        let (ours, mut theirs) = UnixStream::pair().expect("socket pair");
        let qemu = thread::spawn(move || {
            negotiate(&mut theirs);
            while theirs.write_all(b"{\"event\": \"X\"}\r\n").is_ok() {}
        });
        let mut monitor = Monitor::over(ours).expect("negotiated");
        assert!(monitor.execute("stop", json!({}), None).is_err());
        drop(monitor);
        qemu.join().expect("QEMU's side holds");
    }

    #[test]
    fn who_does_not_greet_is_not_talked_to() {
        let (ours, mut theirs) = UnixStream::pair().expect("socket pair");
        say(&mut theirs, &json!({"event": "X"}));
        assert!(Monitor::over(ours).is_err());
    }
}
