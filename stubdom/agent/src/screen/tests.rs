use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Instant;

use vchan::local::{self, Place};
use vchan::{Client, Sizes};

use super::*;

/// A screen that is served in a thread of its own, for good.
fn serve() -> (tempfile::TempDir, UnixListener, Place) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("vnc");
    let listener = UnixListener::bind(&socket).unwrap();
    let (server, place) = local::offer(Sizes::new(12, 17).unwrap()).unwrap();
    thread::spawn(move || Screen::new(server, &socket).serve());
    (dir, listener, place)
}

/// The toolstack's side.
struct Viewer {
    client: Client,
    mux: Mux,
}

impl Viewer {
    fn come(place: &Place) -> Self {
        let mut client = place.attach().unwrap();
        until("not awaited", || client.is_awaited());
        client.reconnect();
        Self {
            client,
            mux: Mux::new(Side::Opener),
        }
    }

    fn turn(&mut self) {
        let count = self.client.write(self.mux.outgoing());
        self.mux.sent(count);
        let mut buffer = [0; 70_000];
        let count = self.client.read(&mut buffer);
        self.mux.receive(&buffer[..count]).unwrap();
    }

    /// Takes at most `most` bytes of the stream.
    fn take(&mut self, stream: u8, most: usize) -> Vec<u8> {
        self.turn();
        let bytes = self.mux.readable(stream);
        let bytes = bytes[..bytes.len().min(most)].to_vec();
        self.mux.consume(stream, bytes.len());
        bytes
    }

    fn hear(&mut self, stream: u8, length: usize) -> Vec<u8> {
        let mut heard = Vec::new();
        until("nothing to hear", || {
            heard.extend(self.take(stream, length - heard.len()));
            heard.len() == length
        });
        heard
    }

    fn closed(&mut self) -> u8 {
        let mut closed = None;
        until("nothing was closed", || {
            self.turn();
            closed = self.mux.event();
            closed.is_some()
        });
        match closed {
            Some(Event::Closed(stream)) => stream,
            other => panic!("{other:?}"),
        }
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        thread::yield_now();
    }
}

fn open(viewer: &mut Viewer, listener: &UnixListener) -> (u8, UnixStream) {
    let stream = viewer.mux.open().unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut connection = None;
    until("no connection", || {
        viewer.turn();
        connection = listener.accept().ok();
        connection.is_some()
    });
    let (connection, _) = connection.unwrap();
    let limit = Some(Duration::from_secs(20));
    connection.set_nonblocking(false).unwrap();
    connection.set_read_timeout(limit).unwrap();
    connection.set_write_timeout(limit).unwrap();
    (stream, connection)
}

#[test]
fn each_stream_is_a_connection_of_its_own() {
    let (_dir, listener, place) = serve();
    let mut viewer = Viewer::come(&place);
    let mut all: Vec<(u8, UnixStream)> = (0..16).map(|_| open(&mut viewer, &listener)).collect();
    assert_eq!(viewer.mux.open(), None);
    for (stream, connection) in &mut all {
        connection.write_all(&[*stream; 300]).unwrap();
        assert_eq!(viewer.mux.send(*stream, &[*stream ^ 0xff; 100]), 100);
    }
    for (stream, connection) in &mut all {
        assert_eq!(viewer.hear(*stream, 300), [*stream; 300]);
        let mut bytes = [0; 100];
        connection.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, [*stream ^ 0xff; 100]);
    }
}

#[test]
fn a_slow_viewer_stops_neither_the_others_nor_grows_anything() {
    let (_dir, listener, place) = serve();
    let mut viewer = Viewer::come(&place);
    let (slow, mut slow_qemu) = open(&mut viewer, &listener);
    let (fast, mut fast_qemu) = open(&mut viewer, &listener);
    slow_qemu.set_nonblocking(true).unwrap();
    let mut written = 0;
    let mut silent = 0;
    // Until nobody takes any more of it.
    until("it takes for ever", || {
        viewer.turn();
        match slow_qemu.write(&[7; 4096]) {
            Ok(count) => (written, silent) = (written + count, 0),
            Err(_) => silent += 1,
        }
        silent > 2000
    });
    let writer = thread::spawn(move || {
        fast_qemu.write_all(&[8; 1 << 20]).unwrap();
        fast_qemu
    });
    assert_eq!(viewer.hear(fast, 1 << 20), vec![8; 1 << 20]);
    drop(writer.join().unwrap());
    assert_eq!(viewer.closed(), fast);
    assert_eq!(viewer.hear(slow, written), vec![7; written]);
}

#[test]
fn last_words_of_qemu_arrive_and_the_number_is_free_again() {
    let (_dir, listener, place) = serve();
    let mut viewer = Viewer::come(&place);
    for _ in 0..40 {
        let (stream, mut connection) = open(&mut viewer, &listener);
        assert_eq!(stream, 0);
        connection.write_all(b"too many clients").unwrap();
        drop(connection);
        viewer.mux.send(stream, b"nobody reads this");
        assert_eq!(viewer.hear(stream, 16), b"too many clients");
        assert_eq!(viewer.closed(), stream);
        until("not free", || {
            viewer.turn();
            viewer.mux.room(stream) == 0
        });
        viewer.turn();
    }
}

#[test]
fn what_was_typed_before_the_viewer_left_reaches_qemu() {
    let (_dir, listener, place) = serve();
    let mut viewer = Viewer::come(&place);
    let (stream, mut connection) = open(&mut viewer, &listener);
    viewer.mux.send(stream, &[5; 10_000]);
    viewer.mux.close(stream);
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        connection.read_to_end(&mut all).unwrap();
        all
    });
    until("the end does not arrive", || {
        viewer.turn();
        reader.is_finished()
    });
    assert_eq!(reader.join().unwrap(), vec![5; 10_000]);
}

#[test]
fn without_qemus_socket_a_stream_is_closed() {
    let (dir, listener, place) = serve();
    drop(listener);
    std::fs::remove_file(dir.path().join("vnc")).unwrap();
    let mut viewer = Viewer::come(&place);
    let stream = viewer.mux.open().unwrap();
    assert_eq!(viewer.closed(), stream);
}

#[test]
fn another_client_starts_afresh() {
    let (_dir, listener, place) = serve();
    for round in 0..3 {
        let mut viewer = Viewer::come(&place);
        let (stream, mut connection) = open(&mut viewer, &listener);
        connection.write_all(&[9; 5000]).unwrap();
        assert_eq!(viewer.hear(stream, 100), [9; 100], "round {round}");
        viewer.mux.send(stream, b"cut");
        viewer.turn();
        // Gone in the middle of everything; all its connections end.
        drop(viewer);
        let mut rest = Vec::new();
        connection.read_to_end(&mut rest).unwrap();
    }
}

#[test]
fn a_client_that_breaks_the_rules_is_ignored_until_the_next() {
    let (_dir, listener, place) = serve();
    let mut viewer = Viewer::come(&place);
    let (_, mut connection) = open(&mut viewer, &listener);
    viewer.client.write(&[9, 9, 9, 9]);
    assert_eq!(connection.read(&mut [0]).unwrap(), 0);
    drop(viewer);
    let mut viewer = Viewer::come(&place);
    let (stream, mut connection) = open(&mut viewer, &listener);
    connection.write_all(b"RFB").unwrap();
    assert_eq!(viewer.hear(stream, 3), b"RFB");
}
