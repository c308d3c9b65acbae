//! Several byte streams over one link, both ways, without any I/O: bytes in, bytes out.
//!
//! A frame has a header of four bytes: what it is, the stream (0 to 15), and a 16-bit number, least significant byte first.
//!
//! | kind | | number |
//! |---|---|---|
//! | 0 | the stream begins; only the [`Side::Opener`] sends it | 0 |
//! | 1 | the sender has no more for it and takes no more | 0 |
//! | 2 | data | how many bytes follow, 1 to 4096 |
//! | 3 | the sender has taken bytes out of its buffer | units of 256 bytes |
//!
//! A side may send 64 KiB of a stream's data, and more as the other one gives it credit, so a stream that nobody reads stops
//! none of the others. Both sides close a stream, in any order; then its number is free.
//!
//! The other side is hostile: what breaks these rules is an error, after which the whole link is to be given up, and memory
//! is bounded by [`STREAMS`] × ([`WINDOW`] + [`QUEUE`]).

use std::fmt;

use stream::Stream;

mod stream;
#[cfg(test)]
mod tests;

/// How many streams there are.
pub const STREAMS: u8 = 16;
/// How many bytes of a stream may be on their way, or in the receiver's buffer.
pub const WINDOW: usize = 64 << 10;
/// How many bytes of a stream wait at most to be sent.
pub const QUEUE: usize = 16 << 10;
/// The most data in a frame.
const DATA_MAX: usize = 4096;
const HEADER: usize = 4;
/// Credit is given in units of so many bytes.
const UNIT: usize = 256;

const OPEN: u8 = 0;
const CLOSE: u8 = 1;
const DATA: u8 = 2;
const CREDIT: u8 = 3;

/// Who opens streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This side alone.
    Opener,
    /// The other side alone.
    Acceptor,
}

/// The other side has broken the rules: the link must be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken(&'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the other end of the link sent {}", self.0)
    }
}

impl std::error::Error for Broken {}

/// What has happened to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The other side has opened it.
    Opened(u8),
    /// The other side has closed it, and all its data have been taken. The stream is over for the caller.
    Closed(u8),
}

/// What the next bytes of the link are.
enum Next {
    Header([u8; HEADER], usize),
    /// So many bytes of a stream.
    Data(u8, usize),
}

/// One side of a link.
///
/// Give it what the link brings with [`Mux::receive`], then ask for [`Mux::event`]s until there are none, and for each
/// stream's [`Mux::readable`] data. Send what [`Mux::outgoing`] gives. A number that is no stream in use is the caller's
/// mistake where it names one: there is nothing to read, no room, and closing does nothing.
pub struct Mux {
    side: Side,
    streams: [Stream; STREAMS as usize],
    next: Next,
    broken: Option<Broken>,
    /// Frames that are ready to be sent, and how much of them has been.
    ready: Vec<u8>,
    sent: usize,
    /// Whose turn it is to send data.
    turn: usize,
}

impl Mux {
    /// A link without streams.
    pub fn new(side: Side) -> Self {
        Self {
            side,
            streams: std::array::from_fn(|_| Stream::default()),
            next: Next::Header([0; HEADER], 0),
            broken: None,
            ready: Vec::new(),
            sent: 0,
            turn: 0,
        }
    }

    /// Opens a stream. `None` if all are in use, or opening is the other side's.
    pub fn open(&mut self) -> Option<u8> {
        if self.side != Side::Opener {
            return None;
        }
        let (number, stream) = (0..).zip(&mut self.streams).find(|(_, s)| s.is_free())?;
        stream.open_here();
        Some(number)
    }

    /// Takes bytes of the link, all of them. After an error there is no way on.
    pub fn receive(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() && self.broken.is_none() {
            bytes = match &mut self.next {
                Next::Header(header, have) => {
                    header[*have] = bytes[0];
                    *have += 1;
                    if *have == HEADER {
                        let header = *header;
                        self.next = Next::Header([0; HEADER], 0);
                        if let Err(what) = self.frame(header) {
                            self.broken = Some(Broken(what));
                        }
                    }
                    &bytes[1..]
                }
                Next::Data(number, left) => {
                    let (now, rest) = bytes.split_at((*left).min(bytes.len()));
                    self.streams[usize::from(*number)].take_data(now);
                    *left -= now.len();
                    if *left == 0 {
                        self.next = Next::Header([0; HEADER], 0);
                    }
                    rest
                }
            };
        }
        self.broken.map_or(Ok(()), Err)
    }

    fn frame(&mut self, [kind, number, low, high]: [u8; HEADER]) -> Result<(), &'static str> {
        let value = usize::from(u16::from_le_bytes([low, high]));
        let stream = self
            .streams
            .get_mut(usize::from(number))
            .ok_or("a frame for a stream that cannot be")?;
        match (kind, value) {
            (OPEN, 0) if self.side == Side::Acceptor => stream.opened_there(),
            (OPEN, 0) => Err("an open, which is not its to send"),
            (CLOSE, 0) => stream.closed_there(),
            (DATA, 1..=DATA_MAX) => {
                self.next = Next::Data(number, value);
                stream.expect_data(value)
            }
            (CREDIT, 1..) => stream.credit(value * UNIT),
            (OPEN..=CREDIT, _) => Err("a frame with a number that cannot be"),
            _ => Err("a frame of a kind that cannot be"),
        }
    }

    /// The next thing that has happened.
    pub fn event(&mut self) -> Option<Event> {
        (0..)
            .zip(&mut self.streams)
            .find_map(|(number, stream)| stream.event(number))
    }

    /// Data of the stream that have come and not been taken; perhaps not all of them in one piece.
    pub fn readable(&self, stream: u8) -> &[u8] {
        self.streams
            .get(usize::from(stream))
            .map_or(&[], Stream::readable)
    }

    /// Takes `count` bytes of the data that [`Mux::readable`] gave.
    pub fn consume(&mut self, stream: u8, count: usize) {
        if let Some(stream) = self.streams.get_mut(usize::from(stream)) {
            stream.consume(count);
        }
    }

    /// How many bytes [`Mux::send`] takes now.
    pub fn room(&self, stream: u8) -> usize {
        self.streams
            .get(usize::from(stream))
            .map_or(0, Stream::room)
    }

    /// Takes bytes to be sent, as many as there is [`Mux::room`] for; gives how many.
    pub fn send(&mut self, stream: u8, bytes: &[u8]) -> usize {
        self.streams
            .get_mut(usize::from(stream))
            .map_or(0, |stream| stream.send(bytes))
    }

    /// Closes the stream after what was given to be sent. What the other side sends from now on is dropped.
    pub fn close(&mut self, stream: u8) {
        if let Some(stream) = self.streams.get_mut(usize::from(stream)) {
            stream.close();
        }
    }

    /// Closes the stream at once and drops what was given to be sent.
    pub fn abort(&mut self, stream: u8) {
        if let Some(stream) = self.streams.get_mut(usize::from(stream)) {
            stream.abort();
        }
    }

    /// Bytes for the link. Tell with [`Mux::sent`] how many of them it took; the rest is given again.
    pub fn outgoing(&mut self) -> &[u8] {
        if self.sent == self.ready.len() {
            self.ready.clear();
            self.sent = 0;
            self.make_ready();
        }
        &self.ready[self.sent..]
    }

    /// Takes `count` bytes of [`Mux::outgoing`] as sent.
    pub fn sent(&mut self, count: usize) {
        self.sent = (self.sent + count).min(self.ready.len());
    }

    /// A frame of data from each stream, at most, beginning with another stream each time.
    fn make_ready(&mut self) {
        let count = self.streams.len();
        for place in 0..count {
            let place = (self.turn + place) % count;
            let number = u8::try_from(place).unwrap_or(0);
            self.streams[place].make_ready(number, &mut self.ready);
        }
        self.turn = (self.turn + 1) % count;
    }
}
