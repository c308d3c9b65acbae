//! The guest's screen as dom0 gets it: a greeting and then pixels without sense, or worse, as the store node `part` says.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use vchan::mux::{Event, Mux, Side, WINDOW};
use vchan::{Presence, Server};
use xenlight_stubdom_agent::error::{Error, Result};
use xenlight_stubdom_agent::sys::{self, Wish};

use crate::rings::{self, Random};

const GREETING: &[u8] = b"RFB 003.008\n";
const CHUNK: usize = 16 << 10;
const LOOK: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(10);

/// The streams of the client that is there.
struct Link {
    mux: Mux,
    streams: Vec<u8>,
}

impl Link {
    fn new() -> Self {
        Self {
            mux: Mux::new(Side::Acceptor),
            streams: Vec::new(),
        }
    }
}

/// Serves viewers for ever, as `tell` says.
pub(crate) fn run(mut server: Server, mut tell: impl FnMut() -> String) -> Result<()> {
    let mut random = Random::new();
    let mut link = Link::new();
    let (mut part, mut looked) = (String::new(), None::<Instant>);
    loop {
        sys::poll(&[(server.as_fd(), Wish::Read)], Some(PAUSE))?;
        server
            .acknowledge()
            .map_err(|source| Error::io("take events", source))?;
        if looked.is_none_or(|looked| looked.elapsed() > LOOK) {
            part = tell();
            looked = Some(Instant::now());
        }
        match server.look() {
            Presence::Stays => {}
            Presence::Came => link = Link::new(),
            // What the next one writes is read when it has been seen.
            Presence::Left | Presence::Absent => continue,
        }
        match part.as_str() {
            "deaf" => {}
            "rings" => rings::lie(&mut server, Duration::from_secs(1)),
            "mux" => {
                link.take(&mut server);
                server.write(&nonsense(&link.streams, &mut random));
            }
            _ => {
                link.take(&mut server);
                link.draw(&mut random);
                link.send(&mut server);
            }
        }
    }
}

impl Link {
    /// Takes what the client sent. New streams are greeted; what viewers type is dropped.
    fn take(&mut self, server: &mut Server) {
        let mut buffer = [0; CHUNK];
        let count = server.read(&mut buffer);
        if self.mux.receive(&buffer[..count]).is_err() {
            // An answer to nonsense that kept the rules by chance.
            rings::begin_anew(server);
            *self = Self::new();
        }
        while let Some(event) = self.mux.event() {
            match event {
                Event::Opened(number) => {
                    self.mux.send(number, GREETING);
                    self.streams.push(number);
                }
                Event::Closed(number) => self.streams.retain(|other| *other != number),
            }
        }
        for number in &self.streams {
            let typed = self.mux.readable(*number).len();
            self.mux.consume(*number, typed);
        }
    }

    /// As many pixels as there is room for.
    fn draw(&mut self, random: &mut Random) {
        for number in &self.streams {
            let room = self.mux.room(*number);
            let pixels: Vec<u8> = (0..room).map(|_| random.byte()).collect();
            self.mux.send(*number, &pixels);
        }
    }

    fn send(&mut self, server: &mut Server) {
        loop {
            let out = self.mux.outgoing();
            let count = server.write(out);
            if count == 0 {
                return;
            }
            self.mux.sent(count);
        }
    }
}

/// What breaks the rules: bytes without sense, more data than there is credit for, or frames that cannot be.
fn nonsense(streams: &[u8], random: &mut Random) -> Vec<u8> {
    match (random.byte() % 3, streams.first()) {
        (0, Some(stream)) => [&[2, *stream, 0, 16][..], &[0x5a; 4096]]
            .concat()
            .repeat(WINDOW / 4096 + 1),
        (1, _) => (0..=255)
            .flat_map(|number| [random.byte() % 5, number, random.byte(), random.byte()])
            .collect(),
        _ => (0..CHUNK).map(|_| random.byte()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use vchan::{Sizes, local};
    use xenlight_serve::screen::Screen;

    use super::*;

    /// What a viewer is shown while the server of stub domains serves it: all of `want` bytes, or less when it is cut off or
    /// `limit` is over.
    fn shown(screen: &mut Screen, path: &Path, want: usize, limit: Duration) -> Vec<u8> {
        let mut viewer = UnixStream::connect(path).unwrap();
        viewer.set_nonblocking(true).unwrap();
        let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
        let end = Instant::now() + limit;
        while all.len() < want && Instant::now() < end {
            screen.turn(Instant::now());
            match viewer.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => all.extend(&buffer[..count]),
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        all
    }

    #[test]
    fn a_viewer_is_shown_pixels_before_and_after_each_part() {
        let path = std::env::temp_dir().join(format!("hostile-screen-{}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (server, place) = local::offer(Sizes::new(12, 17).unwrap()).unwrap();
        let mut screen = Screen::on_socket(listener, None).unwrap();
        screen.connect(place.attach().unwrap());
        let part = Arc::new(Mutex::new(String::new()));
        let told = Arc::clone(&part);
        std::thread::spawn(move || run(server, || told.lock().unwrap().clone()));
        let second = Duration::from_secs(1);
        for spoil in ["mux", "rings", "deaf", "fine"] {
            *part.lock().unwrap() = "fine".into();
            // The last part goes on for a moment, and cuts off viewers.
            let end = Instant::now() + 20 * second;
            let whole = loop {
                let pixels = shown(&mut screen, &path, 300_000, 20 * second);
                if pixels.len() >= 300_000 {
                    break pixels;
                }
                assert!(Instant::now() < end, "nothing is shown before {spoil}");
            };
            assert!(whole.starts_with(GREETING));
            *part.lock().unwrap() = spoil.into();
            for _ in 0..3 {
                shown(&mut screen, &path, 1 << 30, second / 2);
            }
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn nonsense_breaks_the_rules() {
        let mut random = Random::new();
        for _ in 0..100 {
            let mut link = Mux::new(Side::Opener);
            let stream = link.open().unwrap();
            link.outgoing();
            assert!(link.receive(&nonsense(&[stream], &mut random)).is_err());
        }
    }
}
