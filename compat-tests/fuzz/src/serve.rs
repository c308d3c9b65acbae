//! The process in dom0 that serves a stub domain, in parts: each with a hostile agent, or a hostile viewer, at its other end.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use des::Des;
use des::cipher::{BlockEncrypt, KeyInit};
use rustix::event::{PollFd, Timespec, poll};
use vchan::local::{self, Place};
use vchan::mux::{Event, Mux, Side};
use vchan::{Presence, Server, Sizes};
use xenlight_serve::console::Waits;
use xenlight_serve::qmp::Qmp;
use xenlight_serve::screen::Screen;
use xenlight_serve::screen::rfb::{self, Outcome};
use xenlight_serve::store::Store;

use crate::script::Script;
use crate::vchans::spoil;

/// Connections that one input makes.
const MOST_CONNECTIONS: usize = 24;
/// Viewers that a screen has at once.
const MOST_VIEWERS: usize = 16;

/// Read at a time.
const READ: usize = 4096;

const PASSWORD: &str = "4uvnmota";
const CHALLENGE: [u8; 16] = *b"0123456789abcdef";
/// What openssl's des-ecb makes of the challenge with that password, each of whose bytes has its bits in reverse.
const ANSWER: [u8; 16] = [
    0x65, 0x47, 0xf3, 0x94, 0x79, 0x82, 0x91, 0x99, 0xa2, 0xbf, 0xaa, 0x82, 0x62, 0x56, 0xbf, 0xfb,
];

/// The beginning of a viewer's conversation, and of QEMU's. The same comes out of all pieces, and nobody gets in who does
/// not know the password.
pub(crate) fn rfb_viewer(data: &[u8]) {
    let mut script = Script::new(data);
    let size = usize::from(script.byte()) + 1;
    let said = &data[data.len().min(1)..];
    let viewer = |size| {
        let mut out = Vec::new();
        let mut viewer = rfb::Viewer::new(PASSWORD, CHALLENGE, &mut out);
        conversation(said, size, out, |input, out| viewer.go_on(input, out))
    };
    let ended = viewer(size);
    assert_eq!(ended, viewer(READ));
    let (outcome, out, rest) = ended;
    assert!(out.len() <= 64, "{} bytes for a viewer", out.len());
    let answered = &said[..said.len() - rest];
    assert!(outcome != Outcome::Done || answered.ends_with(&ANSWER));
    let server = |size| {
        let mut server = rfb::Server::default();
        conversation(said, size, Vec::new(), |input, out| {
            server.go_on(input, out)
        })
    };
    let ended = server(size);
    assert_eq!(ended, server(READ));
    let (_, out, _) = ended;
    assert!(b"RFB 003.008\n\x01".starts_with(&out[..]));
}

/// How it ends, what is answered, and how much of `said` is left.
fn conversation(
    said: &[u8],
    size: usize,
    mut out: Vec<u8>,
    mut go_on: impl FnMut(&mut Vec<u8>, &mut Vec<u8>) -> Outcome,
) -> (Outcome, Vec<u8>, usize) {
    let (mut input, mut heard) = (Vec::new(), 0);
    for piece in said.chunks(size) {
        input.extend_from_slice(piece);
        heard += piece.len();
        let outcome = go_on(&mut input, &mut out);
        if outcome != Outcome::Waiting {
            return (outcome, out, said.len() - heard + input.len());
        }
    }
    // What a message lacks is a few bytes.
    assert!(input.len() <= 256, "{} bytes are held", input.len());
    (Outcome::Waiting, out, input.len())
}

/// Messages of xenstored in answer to requests. Events come out as often as they came in, and of our watches.
pub(crate) fn store(data: &[u8]) {
    let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
    theirs.set_nonblocking(true).expect("non-blocking");
    let mut script = Script::new(data);
    let requests = script.bytes(4);
    // As much as the socket takes at once; then it ends.
    let said = &data[requests.len()..];
    let _ = theirs.write(&said[..said.len().min(100_000)]);
    theirs.shutdown(Shutdown::Write).expect("an end");
    let mut store = Store::new(ours).expect("a connection");
    let mut events = 0;
    for request in requests {
        // A refusal is an answer, too.
        match request % 5 {
            0 => {
                let value = store.read("/local/domain/3/domid");
                assert!(!matches!(value, Ok(Some(value)) if value.len() > 4096));
            }
            1 => drop(store.write("/local/domain/3/console/vnc-port", "5900")),
            2 => drop(store.watch("/local/domain/3/domid", "life")),
            3 => drop(store.unwatch("/local/domain/3/domid", "life")),
            _ => {}
        }
        while let Ok(Some(token)) = store.event() {
            assert!(token.len() <= 3 * 4096);
            events += 1;
        }
    }
    assert!(events <= data.len() / 17, "{events} events");
}

/// A listener that no file stands for.
fn listener() -> (UnixListener, SocketAddr) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Relaxed);
    let name = format!("xenlight-fuzz-{}-{number}", std::process::id());
    let address = SocketAddr::from_abstract_name(name).expect("an address");
    let listener = UnixListener::bind_addr(&address).expect("a listener");
    listener.set_nonblocking(true).expect("non-blocking");
    (listener, address)
}

/// Clients of a listener, viewers or those of QMP.
struct Clients {
    address: SocketAddr,
    made: usize,
    sockets: Vec<UnixStream>,
}

impl Clients {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            made: 0,
            sockets: Vec::new(),
        }
    }

    /// One of them comes, says something, listens or goes.
    fn step(&mut self, script: &mut Script<'_>) {
        let which = usize::from(script.byte());
        let place = which.checked_rem(self.sockets.len());
        match (script.byte() % 7, place) {
            (0, _) | (_, None) if self.made < MOST_CONNECTIONS => {
                let socket = UnixStream::connect_addr(&self.address).expect("a connection");
                socket.set_nonblocking(true).expect("non-blocking");
                self.sockets.push(socket);
                self.made += 1;
            }
            (1, Some(place)) => drop(self.sockets.remove(place)),
            (2, Some(place)) => {
                let length = usize::from(script.half()) % 20_000;
                let _ = self.sockets[place].read(&mut vec![0; length]);
            }
            (3, Some(place)) => drop(self.sockets[place].shutdown(Shutdown::Write)),
            // One who knows the password.
            (5, Some(place)) => {
                let mut heard = [0; 64];
                let count = self.sockets[place].read(&mut heard).unwrap_or(0);
                if let Some(challenge) = heard[..count].last_chunk() {
                    let _ = self.sockets[place].write(&answer(*challenge));
                }
            }
            // One who says a lot.
            (6, Some(place)) => {
                let length = usize::from(script.half()) % 20_000;
                let said = script.piece().iter().copied().cycle();
                let said: Vec<u8> = said.take(length).collect();
                let _ = self.sockets[place].write(&said);
            }
            (_, Some(place)) => drop(self.sockets[place].write(script.piece())),
            _ => {}
        }
    }
}

/// What a viewer answers who knows the password, whose bytes are a key with their bits in reverse.
fn answer(mut challenge: [u8; 16]) -> [u8; 16] {
    let mut key = [0; 8];
    for (to, from) in key.iter_mut().zip(PASSWORD.bytes()) {
        *to = from.reverse_bits();
    }
    for block in challenge.chunks_exact_mut(8) {
        Des::new(&key.into()).encrypt_block(block.into());
    }
    challenge
}

/// Turns without anything new, until `turn` says that it waits and nothing is due; what is due comes. It must come to rest, or
/// dom0's processor would not.
fn rests(mut turn: impl FnMut() -> bool) {
    let turns = (0..4000).position(|_| turn());
    assert!(turns.is_some(), "it never waits");
}

/// Whether a process with these things to wait for would wait now.
fn would_wait(more: bool, due: Option<Instant>, now: Instant, waits: &Waits<'_>) -> bool {
    let mut fds: Vec<PollFd<'_>> = waits
        .iter()
        .map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags))
        .collect();
    let ready = poll(&mut fds, Some(&Timespec::default())).expect("poll");
    !more && ready == 0 && due.is_none_or(|due| due > now)
}

fn offer(script: &mut Script<'_>) -> (Server, Place) {
    let sizes = match script.byte() % 2 {
        0 => Sizes::IN_PAGE,
        _ => Sizes::new(12, 17).expect("sizes that can be"),
    };
    local::offer(sizes).expect("a vchan")
}

/// QMP between its socket's clients and an agent that may do anything to the vchan.
pub(crate) fn qmp(data: &[u8]) {
    let mut script = Script::new(data);
    let (listener, address) = listener();
    let (mut agent, place) = offer(&mut script);
    let mut qmp = Qmp::new(listener);
    qmp.connect(place.attach().expect("a client"));
    let mut clients = Clients::new(address);
    let mut now = Instant::now();
    while let Some(step) = script.step(7) {
        match step {
            0 | 1 => clients.step(&mut script),
            2 => {
                let length = usize::from(script.half());
                agent.write(&vec![script.byte(); length]);
            }
            3 => {
                agent.look();
                agent.read(&mut vec![0; usize::from(script.half())]);
            }
            4 => now += Duration::from_millis(u64::from(script.byte()) * 4),
            5 => spoil(place.page(), 0, &mut script),
            _ => {}
        }
        qmp.turn(now);
        let mut waits = Vec::new();
        qmp.waits(now, &mut waits);
        assert!(waits.len() <= 1);
    }
    rests(|| {
        let more = qmp.turn(now);
        let mut waits = Vec::new();
        qmp.waits(now, &mut waits);
        let due = qmp.due(now);
        let wait = would_wait(more, due, now, &waits);
        now = due.filter(|_| wait).unwrap_or(now);
        wait && due.is_none()
    });
}

/// The screen between viewers and an agent, both of whom may do anything.
pub(crate) fn screen(data: &[u8]) {
    let mut script = Script::new(data);
    let (listener, address) = listener();
    let (server, place) = offer(&mut script);
    let asks = script.byte().is_multiple_of(4);
    let password = asks.then(|| PASSWORD.to_owned());
    let mut screen = Screen::on_socket(listener, password).expect("a screen");
    screen.connect(place.attach().expect("a client"));
    let mut agent = Agent::new(server);
    let mut viewers = Clients::new(address);
    let mut now = Instant::now();
    while let Some(step) = script.step(9) {
        match step {
            0..=2 => viewers.step(&mut script),
            3 => drop(agent.server.write(script.piece())),
            4 | 5 => agent.serve(&mut script),
            6 => now += Duration::from_millis(u64::from(script.byte()) * 50),
            7 => spoil(place.page(), 0, &mut script),
            _ => {}
        }
        screen.turn(now);
        let mut waits = Vec::new();
        screen.waits(&mut waits);
        assert!(waits.len() <= 1 + MOST_VIEWERS);
    }
    rests(|| {
        let more = screen.turn(now);
        let mut waits = Vec::new();
        screen.waits(&mut waits);
        let due = screen.due();
        let wait = would_wait(more, due, now, &waits);
        now = due.filter(|_| wait).unwrap_or(now);
        wait && due.is_none()
    });
}

/// An agent that keeps the rules as long as nobody spoils its page.
struct Agent {
    server: Server,
    mux: Mux,
    streams: Vec<u8>,
}

impl Agent {
    fn new(server: Server) -> Self {
        Self {
            server,
            mux: Mux::new(Side::Acceptor),
            streams: Vec::new(),
        }
    }

    fn begin(&mut self) {
        self.mux = Mux::new(Side::Acceptor);
        self.streams.clear();
    }

    /// Takes what came, and sends something on one of the streams, or closes it.
    fn serve(&mut self, script: &mut Script<'_>) {
        if self.server.look() != Presence::Stays {
            self.begin();
        }
        let mut buffer = [0; 4096];
        let count = self.server.read(&mut buffer);
        if self.mux.receive(&buffer[..count]).is_err() {
            self.begin();
        }
        while let Some(event) = self.mux.event() {
            match event {
                Event::Opened(number) => self.streams.push(number),
                Event::Closed(number) => self.streams.retain(|other| *other != number),
            }
        }
        let which = usize::from(script.byte());
        if let Some(place) = which.checked_rem(self.streams.len()) {
            let number = self.streams[place];
            let readable = self.mux.readable(number).len();
            match script.byte() % 5 {
                0 => self.mux.close(self.streams.remove(place)),
                1 => self.mux.consume(number, readable),
                2 => _ = self.mux.send(number, b"RFB 003.008\n\x01\x01\0\0\0\0"),
                3 => {
                    let length = usize::from(script.half());
                    self.mux.send(number, &vec![script.byte(); length]);
                }
                _ => _ = self.mux.send(number, script.piece()),
            }
        }
        let out = self.mux.outgoing();
        let count = self.server.write(out);
        self.mux.sent(count);
    }
}
