//! QMP: one client of the socket at a time, and the vchan to the stub domain's agent. Bytes pass as they are; whoever is at
//! either end is hostile to nobody but itself.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use vchan::Client;

use crate::console::Waits;

/// How long the other end of a vchan may take to notice that a client has gone. The C library's never says that it has.
const NOTICE: Duration = Duration::from_millis(200);
/// In each direction.
const BUFFER: usize = 4096;
/// Moved in one turn, so that two ends that never pause leave everything else its turn.
const TURN: usize = 64 << 10;

/// The socket and what is behind it.
pub struct Qmp {
    listener: UnixListener,
    vchan: Option<Client>,
    conversation: Option<Conversation>,
    /// When the last client went.
    left: Option<Instant>,
}

#[derive(Debug)]
struct Conversation {
    client: UnixStream,
    commands: Vec<u8>,
    answers: Vec<u8>,
    /// The client says no more; what it said is still to be passed on.
    finished: bool,
}

impl Qmp {
    /// Clients wait until there is a vchan.
    pub fn new(listener: UnixListener) -> Self {
        Self {
            listener,
            vchan: None,
            conversation: None,
            left: None,
        }
    }

    /// Whether the vchan is there.
    pub fn is_connected(&self) -> bool {
        self.vchan.is_some()
    }

    /// The vchan, once the agent offers it. Somebody before us may have talked to it.
    pub fn connect(&mut self, vchan: Client) {
        self.vchan = Some(vchan);
        self.left = Some(Instant::now());
    }

    /// Moves bytes both ways, as far as it goes without waiting. True when there is more to move at once. `now` is the time.
    pub fn turn(&mut self, now: Instant) -> bool {
        let Some(vchan) = &mut self.vchan else {
            return false;
        };
        if self.conversation.is_none()
            && may_come(vchan, self.left, now)
            && let Ok((client, _)) = self.listener.accept()
            && client.set_nonblocking(true).is_ok()
        {
            vchan.reconnect();
            self.conversation = Some(Conversation::new(client));
        }
        let Some(conversation) = &mut self.conversation else {
            return false;
        };
        let passed = conversation.pass(vchan);
        if passed == Passed::End {
            vchan.disconnect();
            self.conversation = None;
            self.left = Some(now);
        }
        passed == Passed::More
    }

    /// When to look again although nothing came. Once that time has passed, the listener tells when somebody comes.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let vchan = self.vchan.as_ref()?;
        let waits = self.conversation.is_none() && !vchan.is_awaited();
        let due = self.left.filter(|_| waits).map(|left| left + NOTICE);
        due.filter(|due| *due > now)
    }

    /// What to wait for besides events.
    pub fn waits<'a>(&'a self, now: Instant, waits: &mut Waits<'a>) {
        let Some(vchan) = &self.vchan else { return };
        match &self.conversation {
            None if may_come(vchan, self.left, now) => {
                waits.push((self.listener.as_fd(), PollFlags::IN))
            }
            None => {}
            Some(conversation) => {
                let mut flags = PollFlags::empty();
                if conversation.commands.len() < BUFFER && !conversation.finished {
                    flags |= PollFlags::IN;
                }
                if !conversation.answers.is_empty() {
                    flags |= PollFlags::OUT;
                }
                if !flags.is_empty() {
                    waits.push((conversation.client.as_fd(), flags));
                }
            }
        }
    }
}

/// What came of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passed {
    /// All that went without waiting.
    All,
    /// There may be more.
    More,
    /// The conversation is over.
    End,
}

/// Whether a new client can be told from the last one.
fn may_come(vchan: &Client, left: Option<Instant>, now: Instant) -> bool {
    vchan.is_open() && (vchan.is_awaited() || left.is_none_or(|left| now >= left + NOTICE))
}

impl Conversation {
    fn new(client: UnixStream) -> Self {
        Self {
            client,
            commands: Vec::new(),
            answers: Vec::new(),
            finished: false,
        }
    }

    fn pass(&mut self, vchan: &mut Client) -> Passed {
        let mut buffer = [0; BUFFER];
        let mut total = 0;
        while total < TURN {
            let mut moved = 0;
            let room = BUFFER - self.commands.len();
            if room > 0 && !self.finished {
                match self.client.read(&mut buffer[..room]) {
                    Ok(0) => self.finished = true,
                    Ok(count) => self.commands.extend_from_slice(&buffer[..count]),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(_) => return Passed::End,
                }
            }
            let count = vchan.write(&self.commands);
            self.commands.drain(..count);
            moved += count;

            let room = BUFFER - self.answers.len();
            let count = vchan.read(&mut buffer[..room]);
            self.answers.extend_from_slice(&buffer[..count]);
            if !self.answers.is_empty() {
                match self.client.write(&self.answers) {
                    Ok(count) => {
                        self.answers.drain(..count);
                        moved += count;
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(_) => return Passed::End,
                }
            }
            let over = self.finished && self.commands.is_empty();
            if over || !vchan.is_open() && self.answers.is_empty() && vchan.readable() == 0 {
                let _ = self.client.shutdown(Shutdown::Both);
                return Passed::End;
            }
            if moved == 0 {
                return Passed::All;
            }
            total += moved;
        }
        Passed::More
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;
    use vchan::{Presence, Sizes};

    struct Bench {
        qmp: Qmp,
        server: vchan::Server,
        path: std::path::PathBuf,
        _dir: tempfile::TempDir,
        _place: vchan::local::Place,
    }

    fn bench() -> Bench {
        bench_of(Sizes::IN_PAGE)
    }

    fn bench_of(sizes: Sizes) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("qmp");
        let mut qmp = Qmp::new(crate::output::listen(&path).unwrap());
        let (server, place) = vchan::local::offer(sizes).unwrap();
        qmp.connect(place.attach().unwrap());
        Bench {
            qmp,
            server,
            path,
            _dir: dir,
            _place: place,
        }
    }

    fn say(bench: &mut Bench, text: &[u8]) {
        let mut rest = text;
        while !rest.is_empty() {
            let count = bench.server.write(rest);
            rest = &rest[count..];
            bench.qmp.turn(Instant::now());
        }
    }

    #[test]
    fn a_conversation_passes_both_ways() {
        let mut bench = bench();
        let mut client = UnixStream::connect(&bench.path).unwrap();
        bench.qmp.turn(Instant::now());
        assert_eq!(bench.server.look(), Presence::Came);
        client.write_all(b"{\"execute\":\"x\"}").unwrap();
        bench.qmp.turn(Instant::now());
        let mut buffer = [0; 100];
        let count = bench.server.read(&mut buffer);
        assert_eq!(&buffer[..count], b"{\"execute\":\"x\"}");
        let long: Vec<u8> = (0..20_000).map(|n: u32| (n % 253) as u8).collect();
        let reading = std::thread::spawn(move || {
            let mut all = vec![0; 20_000];
            client.read_exact(&mut all).unwrap();
            (client, all)
        });
        say(&mut bench, &long);
        while !reading.is_finished() {
            bench.qmp.turn(Instant::now());
        }
        let (client, all) = reading.join().unwrap();
        assert!(all == long);
        drop(client);
        bench.qmp.turn(Instant::now());
        assert_eq!(bench.server.look(), Presence::Left);
    }

    #[test]
    fn the_next_client_comes_when_the_last_ones_going_was_noticed() {
        let mut bench = bench();
        let now = Instant::now();
        let first = UnixStream::connect(&bench.path).unwrap();
        bench.qmp.turn(now);
        assert_eq!(bench.server.look(), Presence::Came);
        drop(first);
        let mut second = UnixStream::connect(&bench.path).unwrap();
        bench.qmp.turn(now);
        bench.qmp.turn(now);
        assert!(bench.qmp.conversation.is_none(), "before the agent noticed");
        assert!(bench.qmp.due(now).is_some());
        assert_eq!(bench.server.look(), Presence::Left);
        bench.qmp.turn(now);
        assert!(bench.qmp.conversation.is_some());
        assert_eq!(bench.server.look(), Presence::Came);
        second.write_all(b"2").unwrap();
        bench.qmp.turn(now);
        assert_eq!(bench.server.read(&mut [0; 8]), 1);
    }

    #[test]
    fn a_server_that_says_nothing_is_waited_for_a_short_while() {
        let mut bench = bench();
        let now = Instant::now();
        drop(UnixStream::connect(&bench.path).unwrap());
        bench.qmp.turn(now);
        bench.qmp.turn(now);
        let _second = UnixStream::connect(&bench.path).unwrap();
        bench.qmp.turn(now + NOTICE / 2);
        assert!(bench.qmp.conversation.is_none());
        bench.qmp.turn(now + NOTICE);
        assert!(bench.qmp.conversation.is_some());
    }

    #[test]
    fn a_server_that_says_nothing_is_not_looked_at_without_a_pause() {
        let mut bench = bench();
        let now = Instant::now();
        drop(UnixStream::connect(&bench.path).unwrap());
        bench.qmp.turn(now);
        bench.qmp.turn(now);
        assert_eq!(bench.qmp.due(now), Some(now + NOTICE));
        for later in [NOTICE, 2 * NOTICE] {
            assert!(!bench.qmp.turn(now + later));
            assert_eq!(bench.qmp.due(now + later), None);
            let mut waits = Vec::new();
            bench.qmp.waits(now + later, &mut waits);
            assert_eq!(waits.len(), 1, "the listener");
        }
    }

    #[test]
    fn two_ends_that_never_pause_leave_the_others_their_turn() {
        let mut bench = bench_of(Sizes::new(12, 17).unwrap());
        let mut client = UnixStream::connect(&bench.path).unwrap();
        bench.qmp.turn(Instant::now());
        assert_eq!(bench.server.look(), Presence::Came);
        let mut all = vec![0; 2 * TURN];
        assert_eq!(bench.server.write(&all), all.len());
        assert!(bench.qmp.turn(Instant::now()), "there is more");
        let count = client.read(&mut all).unwrap();
        assert!(count < TURN + BUFFER, "{count} in one turn");
        while bench.qmp.turn(Instant::now()) {}
        client.read_exact(&mut all[count..]).unwrap();
    }

    #[test]
    fn an_agent_that_takes_nothing_holds_bounded_bytes() {
        let mut bench = bench();
        let mut client = UnixStream::connect(&bench.path).unwrap();
        client.set_nonblocking(true).unwrap();
        bench.qmp.turn(Instant::now());
        let mut sent = 0;
        for _ in 0..1000 {
            sent += client.write(&[b'x'; 4096]).unwrap_or(0);
            bench.qmp.turn(Instant::now());
        }
        assert!(sent >= BUFFER);
        assert!(bench.qmp.conversation.as_ref().unwrap().commands.len() <= BUFFER);
    }
}
