//! Several streams over one link, against the rules as they are written down: what breaks them is an error and nothing else is,
//! data arrive whole and in order however they are cut, and what is sent keeps the rules as well.

use std::collections::VecDeque;

use vchan::mux::{Event, Mux, QUEUE, STREAMS, Side, WINDOW};

use crate::script::Script;

const OPEN: u8 = 0;
const CLOSE: u8 = 1;
const DATA: u8 = 2;
const CREDIT: u8 = 3;
const HEADER: usize = 4;
const DATA_MAX: usize = 4096;
const UNIT: usize = 256;

/// A stream that is not free, by the rules.
#[derive(Default)]
struct Stream {
    /// The other side knows of it.
    announced: bool,
    /// The user has not closed it, nor been told that it is over.
    used: bool,
    closed_here: bool,
    closed_there: bool,
    /// Bytes that may still come, and be sent.
    may_come: usize,
    may_send: usize,
    /// What has come and was not taken.
    came: VecDeque<u8>,
}

/// The rules, from this side.
struct Rules {
    side: Side,
    streams: [Option<Stream>; STREAMS as usize],
    header: Vec<u8>,
    /// So many bytes of a stream's frame are still to come.
    data: (u8, usize),
    broken: bool,
}

impl Rules {
    fn new(side: Side) -> Self {
        Self {
            side,
            streams: Default::default(),
            header: Vec::new(),
            data: (0, 0),
            broken: false,
        }
    }

    fn open(&mut self, number: u8, announced: bool) {
        self.streams[usize::from(number)] = Some(Stream {
            announced,
            used: true,
            may_come: WINDOW,
            may_send: WINDOW,
            ..Stream::default()
        });
    }

    fn stream(&mut self, number: u8) -> Option<&mut Stream> {
        self.streams.get_mut(usize::from(number))?.as_mut()
    }

    fn free_if_over(&mut self, number: u8) {
        let over = self
            .stream(number)
            .is_some_and(|stream| stream.closed_here && stream.closed_there);
        if over {
            self.streams[usize::from(number)] = None;
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.broken {
                return;
            }
            let (number, left) = self.data;
            if left > 0 {
                self.data.1 -= 1;
                if let Some(stream) = self.stream(number).filter(|stream| stream.used) {
                    stream.came.push_back(*byte);
                }
                continue;
            }
            self.header.push(*byte);
            if let [kind, number, low, high] = self.header[..] {
                self.header.clear();
                let value = usize::from(u16::from_le_bytes([low, high]));
                self.broken = self.frame(kind, number, value).is_none();
            }
        }
    }

    /// `None` when the rules forbid it.
    fn frame(&mut self, kind: u8, number: u8, value: usize) -> Option<()> {
        let known = |stream: &&mut Stream| stream.announced && !stream.closed_there;
        match kind {
            OPEN => {
                let free = number < STREAMS && self.stream(number).is_none();
                (self.side == Side::Acceptor && value == 0 && free).then_some(())?;
                self.open(number, true);
            }
            CLOSE => {
                (value == 0).then_some(())?;
                self.stream(number).filter(known)?.closed_there = true;
                self.free_if_over(number);
            }
            DATA => {
                (1..=DATA_MAX).contains(&value).then_some(())?;
                let stream = self.stream(number).filter(known)?;
                stream.may_come = stream.may_come.checked_sub(value)?;
                self.data = (number, value);
            }
            CREDIT => {
                (value > 0).then_some(())?;
                let stream = self.stream(number).filter(known)?;
                stream.may_send += value * UNIT;
                (stream.may_send <= WINDOW).then_some(())?;
            }
            _ => return None,
        }
        Some(())
    }

    /// Whole frames that were made ready to be sent.
    fn send(&mut self, mut bytes: &[u8]) {
        while let [kind, number, low, high, rest @ ..] = bytes {
            let value = usize::from(u16::from_le_bytes([*low, *high]));
            let stream = self
                .stream(*number)
                .expect("a frame for a stream that is free");
            assert!(!stream.closed_here, "a frame after the close");
            bytes = rest;
            match *kind {
                OPEN => {
                    assert!(!stream.announced && value == 0);
                    stream.announced = true;
                }
                CLOSE => {
                    assert!(stream.announced && value == 0);
                    stream.closed_here = true;
                    self.free_if_over(*number);
                }
                DATA => {
                    assert!(stream.announced && (1..=DATA_MAX).contains(&value));
                    stream.may_send = stream
                        .may_send
                        .checked_sub(value)
                        .expect("more than its credit");
                    bytes = &rest[value..];
                }
                CREDIT => {
                    assert!(value > 0);
                    stream.may_come += value * UNIT;
                    assert!(
                        stream.may_come + stream.came.len() <= WINDOW,
                        "more credit than room"
                    );
                }
                kind => panic!("a frame of kind {kind}"),
            }
        }
        assert!(bytes.is_empty(), "half a header");
    }
}

/// A link, its rules, and what is ready to be sent of it.
struct Bench {
    mux: Mux,
    rules: Rules,
    ready: usize,
}

impl Bench {
    fn receive(&mut self, bytes: &[u8], cut: usize) {
        for piece in bytes.chunks(cut) {
            let outcome = self.mux.receive(piece);
            self.rules.receive(piece);
            assert_eq!(outcome.is_err(), self.rules.broken, "{outcome:?}");
        }
    }

    fn send(&mut self, count: usize) {
        let out = self.mux.outgoing();
        assert!(out.len() <= usize::from(STREAMS) * (DATA_MAX + 4 * HEADER));
        if self.ready == 0 {
            self.rules.send(out);
        }
        let count = count.min(out.len());
        self.ready = out.len() - count;
        self.mux.sent(count);
    }

    fn events(&mut self) {
        while let Some(event) = self.mux.event() {
            match event {
                Event::Opened(number) => {
                    assert_eq!(self.rules.side, Side::Acceptor);
                    assert!(self.rules.stream(number).is_some_and(|stream| stream.used));
                }
                Event::Closed(number) => {
                    let stream = self.rules.stream(number).expect("one that is not free");
                    assert!(stream.used && stream.closed_there && stream.came.is_empty());
                    stream.used = false;
                }
            }
        }
    }

    fn close(&mut self, number: u8, abort: bool) {
        match abort {
            true => self.mux.abort(number),
            false => self.mux.close(number),
        }
        if let Some(stream) = self.rules.stream(number) {
            stream.used = false;
            stream.came.clear();
        }
    }

    /// What can be read is what came, in order, and none of it is kept back.
    fn look(&mut self, number: u8) {
        let readable = self.mux.readable(number);
        let came = self.rules.stream(number).map(|stream| &stream.came);
        let came = came.map_or(0, |came| {
            assert!(readable.iter().eq(came.iter().take(readable.len())));
            came.len()
        });
        assert!(readable.len() <= came && readable.is_empty() == (came == 0));
        assert!(self.mux.room(number) <= QUEUE);
    }
}

/// One side of a link, with a user and with another side that sends anything.
pub(crate) fn mux(data: &[u8]) {
    let mut script = Script::new(data);
    let side = match script.byte() % 2 {
        0 => Side::Opener,
        _ => Side::Acceptor,
    };
    let cut = usize::from(script.byte()) + 1;
    let (mux, rules) = (Mux::new(side), Rules::new(side));
    let mut bench = Bench {
        mux,
        rules,
        ready: 0,
    };
    while let Some(step) = script.step(12) {
        let number = script.byte() % (STREAMS + 1);
        match step {
            0 => bench.receive(script.piece(), cut),
            // Frames that have at least their form, of any length.
            1..=4 => {
                let (kind, value) = (script.byte() % 5, script.half());
                let value = match step {
                    1 => value,
                    _ => value % 1024,
                };
                let [low, high] = value.to_le_bytes();
                bench.receive(&[kind, number, low, high], cut);
                if kind == DATA {
                    let data = script.piece().iter().copied().cycle();
                    let data: Vec<u8> = data.take(usize::from(value)).collect();
                    bench.receive(&data, cut);
                }
            }
            5 => {
                let count = usize::from(script.half());
                let there = bench.mux.readable(number).len();
                bench.mux.consume(number, count.min(there));
                if let Some(stream) = bench.rules.stream(number) {
                    stream.came.drain(..count.min(there));
                }
            }
            6 => {
                let bytes = vec![script.byte(); usize::from(script.half())];
                let room = bench.mux.room(number);
                assert_eq!(bench.mux.send(number, &bytes), room.min(bytes.len()));
            }
            7 => bench.close(number, script.byte().is_multiple_of(2)),
            8 => {
                let opened = bench.mux.open();
                assert!(opened.is_none() || side == Side::Opener);
                if let Some(number) = opened {
                    assert!(bench.rules.stream(number).is_none(), "it is in use");
                    bench.rules.open(number, false);
                }
            }
            9 => bench.send(usize::from(script.half())),
            _ => bench.events(),
        }
        if bench.rules.broken {
            // For good.
            assert!(bench.mux.receive(&[]).is_err());
            return;
        }
        bench.look(number);
    }
}
