//! Viewers over real sockets, and the agent's end in this process.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use des::Des;
use des::cipher::{BlockEncrypt, KeyInit};
use vchan::{Presence, Server, Sizes, local};

use super::*;

/// A screen, and the agent's side of it.
struct Bench {
    screen: Screen,
    server: Server,
    mux: Mux,
    place: local::Place,
    path: std::path::PathBuf,
    opened: Vec<u8>,
    closed: Vec<u8>,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new(password: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vnc");
        let (server, place) = local::offer(Sizes::IN_PAGE).unwrap();
        let password = password.map(str::to_owned);
        let mut screen = Screen::on_socket(listen(&path).unwrap(), password).unwrap();
        screen.connect(place.attach().unwrap());
        Self {
            screen,
            server,
            mux: Mux::new(Side::Acceptor),
            place,
            path,
            opened: Vec::new(),
            closed: Vec::new(),
            _dir: dir,
        }
    }

    fn viewer(&self) -> UnixStream {
        let socket = UnixStream::connect(&self.path).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    }

    /// Enough turns of both ends for all that can pass to have passed.
    fn turns(&mut self) {
        self.turns_at(Instant::now());
    }

    fn turns_at(&mut self, now: Instant) {
        for _ in 0..60 {
            self.screen.turn(now);
            match self.server.look() {
                Presence::Absent => continue,
                Presence::Left => {
                    self.mux = Mux::new(Side::Acceptor);
                    continue;
                }
                Presence::Came | Presence::Stays => {}
            }
            let mut buffer = [0; 4096];
            let count = self.server.read(&mut buffer);
            self.mux.receive(&buffer[..count]).unwrap();
            while let Some(event) = self.mux.event() {
                match event {
                    Event::Opened(stream) => self.opened.push(stream),
                    Event::Closed(stream) => {
                        self.closed.push(stream);
                        self.mux.close(stream);
                    }
                }
            }
            let out = self.mux.outgoing();
            let count = self.server.write(out);
            self.mux.sent(count);
        }
    }

    /// What the viewer of a stream has said to QEMU.
    fn heard(&mut self, stream: u8) -> Vec<u8> {
        let heard = self.mux.readable(stream).to_vec();
        self.mux.consume(stream, heard.len());
        heard
    }
}

fn read(socket: &mut UnixStream) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 200_000];
    match socket.read(&mut buffer) {
        Ok(0) => None,
        Ok(count) => {
            buffer.truncate(count);
            Some(buffer)
        }
        Err(_) => Some(Vec::new()),
    }
}

/// What a viewer answers who knows the password.
fn answer(password: &str, challenge: &[u8]) -> Vec<u8> {
    let mut key = [0u8; 8];
    for (to, from) in key.iter_mut().zip(password.bytes()) {
        *to = from.reverse_bits();
    }
    let mut answer = challenge.to_vec();
    for block in answer.chunks_exact_mut(8) {
        Des::new(&key.into()).encrypt_block(block.into());
    }
    answer
}

#[test]
fn several_viewers_see_and_type() {
    let mut bench = Bench::new(None);
    let mut viewers = [bench.viewer(), bench.viewer()];
    bench.turns();
    assert_eq!(bench.opened.len(), 2);
    for (place, viewer) in (0u8..).zip(&mut viewers) {
        let stream = bench.opened[usize::from(place)];
        viewer.write_all(&[b'k', place]).unwrap();
        bench.mux.send(stream, &[b'p'; 3000]);
        bench.turns();
        assert_eq!(bench.heard(stream), [b'k', place]);
        assert_eq!(read(viewer).unwrap(), [b'p'; 3000]);
    }
    let [first, mut second] = viewers;
    drop(first);
    bench.turns();
    assert_eq!(bench.closed, [bench.opened[0]]);
    bench.mux.send(bench.opened[1], b"still");
    bench.turns();
    assert_eq!(read(&mut second).unwrap(), b"still");
}

#[test]
fn last_words_reach_the_viewer_before_the_end() {
    let mut bench = Bench::new(None);
    let mut viewer = bench.viewer();
    bench.turns();
    let stream = bench.opened[0];
    bench.mux.send(stream, b"last");
    bench.mux.close(stream);
    let out = bench.mux.outgoing().to_vec();
    assert_eq!(bench.server.write(&out), out.len());
    bench.mux.sent(out.len());
    bench.screen.turn(Instant::now());
    assert_eq!(read(&mut viewer).unwrap(), b"last");
    assert_eq!(read(&mut viewer), None);
}

#[test]
fn what_a_viewer_typed_last_reaches_qemu() {
    let mut bench = Bench::new(None);
    let mut viewer = bench.viewer();
    bench.turns();
    viewer.write_all(b"r").unwrap();
    drop(viewer);
    bench.turns();
    let stream = bench.opened[0];
    assert_eq!(bench.heard(stream), b"r");
    bench.turns();
    assert_eq!(bench.closed, [stream]);
}

#[test]
fn one_that_reads_nothing_stops_nobody_else() {
    let mut bench = Bench::new(None);
    let (slow, mut quick) = (bench.viewer(), bench.viewer());
    bench.turns();
    let (of_slow, of_quick) = (bench.opened[0], bench.opened[1]);
    let mut seen = 0;
    for _ in 0..100 {
        while bench.mux.send(of_slow, &[1; 4096]) > 0 {}
        bench.mux.send(of_quick, &[2; 4096]);
        bench.turns();
        seen += read(&mut quick).unwrap().len();
    }
    assert!(seen >= 100 * 4096 - (64 << 10), "{seen}");
    drop(slow);
}

#[test]
fn whoever_knows_the_password_reaches_qemu() {
    let mut bench = Bench::new(Some("secret"));
    let mut viewer = bench.viewer();
    bench.turns();
    assert_eq!(read(&mut viewer).unwrap(), b"RFB 003.008\n");
    viewer.write_all(b"RFB 003.008\n\x02").unwrap();
    bench.turns();
    assert!(bench.opened.is_empty(), "before the password");
    let said = read(&mut viewer).unwrap();
    viewer.write_all(&answer("secret", &said[2..18])).unwrap();
    viewer.write_all(b"\x01").unwrap();
    bench.turns();
    let stream = bench.opened[0];
    bench.mux.send(stream, b"RFB 003.008\n");
    bench.turns();
    assert_eq!(bench.heard(stream), b"RFB 003.008\n");
    bench.mux.send(stream, b"\x01\x01");
    bench.turns();
    assert_eq!(bench.heard(stream), b"\x01");
    bench.mux.send(stream, b"\0\0\0\0init");
    bench.turns();
    assert_eq!(bench.heard(stream), b"\x01");
    assert_eq!(read(&mut viewer).unwrap(), b"\0\0\0\0init");
}

#[test]
fn whom_qemu_does_not_greet_makes_room() {
    let mut bench = Bench::new(Some("secret"));
    let mut viewer = bench.viewer();
    let now = Instant::now();
    bench.turns_at(now);
    viewer.write_all(b"RFB 003.003\n").unwrap();
    bench.turns_at(now);
    let said = read(&mut viewer).unwrap();
    let challenge = &said[said.len() - 16..];
    viewer.write_all(&answer("secret", challenge)).unwrap();
    bench.turns_at(now + Duration::from_secs(9));
    assert_eq!((bench.opened.len(), bench.screen.viewers.len()), (1, 1));
    bench.turns_at(now + Duration::from_secs(10));
    assert_eq!((bench.closed.len(), bench.screen.viewers.len()), (1, 0));
}

#[test]
fn nobody_else_does() {
    let mut bench = Bench::new(Some("secret"));
    let mut viewer = bench.viewer();
    bench.turns();
    viewer.write_all(b"RFB 003.008\n\x02").unwrap();
    viewer.write_all(&[7; 16]).unwrap();
    bench.turns();
    let said = read(&mut viewer).unwrap();
    assert!(said.ends_with(b"Authentication failed"));
    assert_eq!(read(&mut viewer), None);
    assert!(bench.opened.is_empty() && bench.screen.viewers.is_empty());
}

#[test]
fn the_silent_make_room() {
    let mut bench = Bench::new(None);
    let silent: Vec<UnixStream> = (0..MOST_VIEWERS).map(|_| bench.viewer()).collect();
    let mut speaks = bench.viewer();
    speaks.write_all(b"RFB").unwrap();
    let now = Instant::now();
    bench.turns_at(now);
    assert_eq!(bench.screen.viewers.len(), MOST_VIEWERS);
    assert!(bench.screen.due().is_some_and(|due| due > now));
    bench.turns_at(now + Duration::from_secs(11));
    assert_eq!(bench.screen.viewers.len(), 1);
    bench.turns_at(now + Duration::from_secs(60));
    assert_eq!(bench.screen.viewers.len(), 1);
    assert_eq!(bench.screen.due(), None);
    drop(silent);
}

#[test]
fn an_agent_that_breaks_the_rules_loses_all_viewers_and_may_begin_anew() {
    let mut bench = Bench::new(None);
    let mut viewer = bench.viewer();
    bench.turns();
    bench.server.write(&[0xff; 64]);
    bench.screen.turn(Instant::now());
    assert!(bench.screen.viewers.is_empty());
    assert_eq!(read(&mut viewer), None);
    bench.opened.clear();
    // The agent empties its rings when it sees that the other end has gone.
    bench.turns();
    let mut again = bench.viewer();
    bench.turns();
    assert_eq!(bench.opened.len(), 1);
    bench.mux.send(bench.opened[0], b"anew");
    bench.turns();
    assert_eq!(read(&mut again).unwrap(), b"anew");
}

#[test]
fn viewers_of_a_link_that_was_lost_are_not_those_of_the_next() {
    let mut bench = Bench::new(None);
    let page = bench.place.page().clone();
    let stop = AtomicBool::new(false);
    let mut of_another = 0;
    std::thread::scope(|scope| {
        // An agent that goes and is there again at once, at any moment.
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                page.store_u8(21, 0);
                page.store_u8(20, 2);
                page.store_u8(21, 1);
            }
        });
        let mut viewers = Vec::new();
        let (mut lost, mut connected) = (0, false);
        while lost < 300 {
            bench.screen.turn(Instant::now());
            let link = bench.screen.link.as_ref().unwrap();
            let streams = bench.screen.viewers.iter().filter_map(Viewer::stream);
            of_another += streams.filter(|stream| link.mux.room(*stream) == 0).count();
            lost += usize::from(connected && !link.connected);
            connected = link.connected;
            if !connected {
                viewers.clear();
                std::thread::yield_now();
            } else if viewers.len() < 3 {
                viewers.push(bench.viewer());
            }
        }
        stop.store(true, Relaxed);
    });
    assert_eq!(of_another, 0);
}

#[test]
fn indexes_that_lie_end_nothing() {
    let mut bench = Bench::new(None);
    let _viewer = bench.viewer();
    bench.turns();
    let page = bench.place.page().clone();
    for round in 0..2000u32 {
        for at in (0..20).step_by(4) {
            page.store_u32(
                at,
                round
                    .wrapping_mul(0x9e37_79b9)
                    .rotate_left(u32::try_from(at).unwrap()),
            );
        }
        page.store_u8(20, (round % 3) as u8);
        bench.screen.turn(Instant::now());
        assert!(bench.screen.viewers.len() <= MOST_VIEWERS);
    }
}
