use std::collections::HashMap;

use super::*;
use crate::tests::Random;

/// The byte at `at` of the stream that `seed` stands for.
fn pattern(seed: u32, at: usize) -> u8 {
    let at = u32::try_from(at).unwrap();
    (at ^ (at >> 8) ^ seed.wrapping_mul(167)).to_le_bytes()[0]
}

/// Carries bytes from one side to the other, cut anywhere, with at most `room` on their way.
fn carry(random: &mut Random, from: &mut Mux, to: &mut Mux) -> usize {
    let bytes = from.outgoing();
    let count = random.up_to(bytes.len());
    let bytes = bytes[..count].to_vec();
    from.sent(count);
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let (now, later) = rest.split_at(random.up_to(rest.len() - 1) + 1);
        to.receive(now).unwrap();
        rest = later;
    }
    count
}

/// Everything that either side has to send reaches the other.
fn settle(one: &mut Mux, other: &mut Mux) {
    loop {
        let mut moved = false;
        for _ in 0..2 {
            let bytes = one.outgoing().to_vec();
            one.sent(bytes.len());
            other.receive(&bytes).unwrap();
            moved |= !bytes.is_empty();
            std::mem::swap(one, other);
        }
        if !moved {
            return;
        }
    }
}

fn pair() -> (Mux, Mux) {
    (Mux::new(Side::Opener), Mux::new(Side::Acceptor))
}

/// Takes all that can be read of a stream.
fn take(mux: &mut Mux, stream: u8) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let part = mux.readable(stream).to_vec();
        if part.is_empty() {
            return all;
        }
        mux.consume(stream, part.len());
        all.extend(part);
    }
}

/// A user of one side that sends patterns on its streams, checks what comes, and closes at random.
#[derive(Default)]
struct User {
    /// By stream: the pattern's seed, how much was sent, how much came.
    streams: HashMap<u8, (u32, usize, usize)>,
    received: usize,
    over: usize,
}

impl User {
    fn step(&mut self, random: &mut Random, mux: &mut Mux, seeds: &[u32], close: usize) {
        while let Some(event) = mux.event() {
            match event {
                Event::Opened(n) => {
                    let earlier = self.streams.insert(n, (seeds[usize::from(n)], 0, 0));
                    assert_eq!(earlier, None, "opened twice");
                }
                Event::Closed(n) => {
                    self.streams.remove(&n).expect("it was open");
                    self.over += 1;
                }
            }
        }
        let numbers: Vec<u8> = self.streams.keys().copied().collect();
        for n in numbers {
            let (seed, sent, came) = self.streams.get_mut(&n).unwrap();
            let wanted = random.up_to(mux.room(n));
            let bytes: Vec<u8> = (*sent..*sent + wanted)
                .map(|at| pattern(*seed, at))
                .collect();
            assert_eq!(mux.send(n, &bytes), wanted);
            *sent += wanted;
            let part = mux.readable(n);
            let part = part[..random.up_to(part.len())].to_vec();
            for (at, byte) in (*came..).zip(&part) {
                // The other side's patterns differ.
                assert_eq!(*byte, pattern(!*seed, at), "stream {n}, byte {at}");
            }
            mux.consume(n, part.len());
            *came += part.len();
            self.received += part.len();
            if random.up_to(close) == 0 {
                match random.up_to(1) {
                    0 => mux.close(n),
                    _ => mux.abort(n),
                }
                self.streams.remove(&n);
                self.over += 1;
            }
        }
    }
}

#[test]
fn streams_come_whole_and_in_order_however_they_are_cut() {
    for seed in 1..=12 {
        let mut random = Random(seed);
        let (mut opener, mut acceptor) = pair();
        let (mut here, mut there) = (User::default(), User::default());
        let mut seeds = [0; STREAMS as usize];
        let mut opened = 0;
        for _ in 0..500 {
            if random.up_to(9) == 0
                && let Some(n) = opener.open()
            {
                opened += 1;
                seeds[usize::from(n)] = !opened;
                assert_eq!(here.streams.insert(n, (opened, 0, 0)), None);
            }
            here.step(&mut random, &mut opener, &[], 300);
            carry(&mut random, &mut opener, &mut acceptor);
            there.step(&mut random, &mut acceptor, &seeds, 300);
            carry(&mut random, &mut acceptor, &mut opener);
        }
        assert!(
            opened > 16 && here.over > 0 && there.over > 0,
            "seed {seed}"
        );
        assert!(here.received > 4 * WINDOW && there.received > 4 * WINDOW);
        // The end of all, after which every number is free again.
        for n in 0..STREAMS {
            opener.abort(n);
        }
        settle(&mut opener, &mut acceptor);
        while let Some(event) = acceptor.event() {
            let Event::Closed(n) = event else { continue };
            assert_eq!(acceptor.room(n), 0);
        }
        for n in 0..STREAMS {
            take(&mut acceptor, n);
        }
        while acceptor.event().is_some() {}
        settle(&mut opener, &mut acceptor);
        assert!((0..STREAMS).all(|_| opener.open().is_some()));
    }
}

#[test]
fn a_stream_that_nobody_reads_stops_no_other() {
    let (mut opener, mut acceptor) = pair();
    let (slow, fast) = (opener.open().unwrap(), opener.open().unwrap());
    settle(&mut opener, &mut acceptor);
    assert_eq!(acceptor.event(), Some(Event::Opened(slow)));
    assert_eq!(acceptor.event(), Some(Event::Opened(fast)));
    let mut came = 0;
    let mut accepted = 0;
    for _ in 0..1000 {
        accepted += acceptor.send(slow, &[1; 1000]);
        acceptor.send(fast, &[2; 1000]);
        settle(&mut opener, &mut acceptor);
        came += take(&mut opener, fast).len();
    }
    assert_eq!(came, 1_000_000);
    assert_eq!(accepted, WINDOW + QUEUE);
    assert_eq!(take(&mut opener, slow).len(), WINDOW);
    settle(&mut opener, &mut acceptor);
    assert_eq!(take(&mut opener, slow).len(), QUEUE);
}

#[test]
fn all_take_turns() {
    let (mut opener, _) = pair();
    let streams: Vec<u8> = (0..STREAMS).map(|_| opener.open().unwrap()).collect();
    for n in &streams {
        assert_eq!(opener.send(*n, &[0; WINDOW]), QUEUE);
    }
    let bytes = opener.outgoing().to_vec();
    // An open and a frame of data for each.
    assert_eq!(
        bytes.len(),
        usize::from(STREAMS) * (HEADER + HEADER + DATA_MAX)
    );
}

#[test]
fn last_words_arrive_before_the_end() {
    let (mut opener, mut acceptor) = pair();
    let n = opener.open().unwrap();
    settle(&mut opener, &mut acceptor);
    assert_eq!(acceptor.event(), Some(Event::Opened(n)));
    acceptor.send(n, b"no");
    acceptor.close(n);
    assert_eq!((acceptor.room(n), acceptor.send(n, b"more")), (0, 0));
    settle(&mut opener, &mut acceptor);
    assert_eq!(opener.event(), None);
    assert_eq!(take(&mut opener, n), b"no");
    assert_eq!(opener.event(), Some(Event::Closed(n)));
    assert_eq!(opener.event(), None);
    // Both have closed once the other side knows.
    settle(&mut opener, &mut acceptor);
    assert_eq!(opener.open(), Some(n));
    settle(&mut opener, &mut acceptor);
    assert_eq!(acceptor.event(), Some(Event::Opened(n)));
}

#[test]
fn a_number_is_not_used_again_before_both_have_closed() {
    let (mut opener, mut acceptor) = pair();
    let n = opener.open().unwrap();
    settle(&mut opener, &mut acceptor);
    assert_eq!(acceptor.event(), Some(Event::Opened(n)));
    opener.close(n);
    acceptor.send(n, b"too late");
    assert_ne!(opener.open(), Some(n));
    settle(&mut opener, &mut acceptor);
    assert_ne!(opener.open(), Some(n), "its close was not answered");
    assert_eq!(acceptor.event(), Some(Event::Closed(n)));
    settle(&mut opener, &mut acceptor);
    assert_eq!(opener.open(), Some(n));
    settle(&mut opener, &mut acceptor);
    assert_eq!(opener.readable(n), b"", "of the stream before");
}

#[test]
fn only_one_side_opens() {
    let (mut opener, mut acceptor) = pair();
    assert_eq!(acceptor.open(), None);
    assert!((0..STREAMS).all(|n| opener.open() == Some(n)));
    assert_eq!(opener.open(), None);
}

#[test]
fn what_breaks_the_rules_ends_the_link() {
    const OPEN_3: [u8; 4] = [0, 3, 0, 0];
    let full: Vec<u8> = std::iter::repeat_n([&[2, 3, 0, 16][..], &[0; 4096]].concat(), 16)
        .flatten()
        .collect();
    let cases: [(&str, Vec<u8>); 14] = [
        ("unknown kind", vec![4, 3, 0, 0]),
        ("stream out of range", vec![0, 16, 0, 0]),
        ("open with a number", vec![0, 4, 1, 0]),
        ("open twice", OPEN_3.to_vec()),
        ("close with a number", vec![1, 3, 0, 1]),
        ("close of a free stream", vec![1, 4, 0, 0]),
        ("data for a free stream", vec![2, 4, 1, 0, 9]),
        ("data without any", vec![2, 3, 0, 0]),
        ("data of 4097 bytes", vec![2, 3, 1, 16]),
        ("data beyond credit", [&full[..], &[2, 3, 1, 0]].concat()),
        ("credit for a free stream", vec![3, 4, 1, 0]),
        ("credit of nothing", vec![3, 3, 0, 0]),
        ("credit beyond the window", vec![3, 3, 1, 0]),
        ("data after close", vec![1, 3, 0, 0, 2, 3, 1, 0]),
    ];
    for (what, bytes) in cases {
        let mut mux = Mux::new(Side::Acceptor);
        mux.receive(&OPEN_3).unwrap();
        let error = mux.receive(&bytes).expect_err(what);
        assert_eq!(mux.receive(&[]), Err(error), "{what}: it stays broken");
    }
    let mut mux = Mux::new(Side::Opener);
    assert!(mux.receive(&OPEN_3).is_err(), "not the acceptor's to open");
    // A stream whose opening has not left yet is not known to the other side.
    let mut mux = Mux::new(Side::Opener);
    let n = mux.open().unwrap();
    assert!(mux.receive(&[1, n, 0, 0]).is_err());
    // The whole window is none too much.
    let mut mux = Mux::new(Side::Acceptor);
    mux.receive(&OPEN_3).unwrap();
    mux.receive(&full).unwrap();
    assert_eq!(take(&mut mux, 3).len(), WINDOW);
}

/// A frame that is most probably valid after those before it: data mostly, for streams that were opened.
fn nonsense(random: &mut Random) -> Vec<u8> {
    let (kind, length) = match random.up_to(99) {
        0 => (random.byte() % 5, random.up_to(300)),
        _ => (2, random.up_to(300)),
    };
    let [low, high] = u16::try_from(length).unwrap().to_le_bytes();
    let mut bytes = vec![kind, random.byte() % 4, low, high];
    if kind == 2 {
        bytes.extend((0..length).map(|_| random.byte()));
    }
    bytes
}

#[test]
fn hostile_bytes_find_bounded_memory_and_no_panic() {
    let mut broken = 0;
    let mut most = 0;
    for seed in 1..=1500 {
        let mut random = Random(seed);
        let side = [Side::Opener, Side::Acceptor][random.up_to(1)];
        let mut mux = Mux::new(side);
        for n in 0..4 {
            match side {
                Side::Opener => drop(mux.open()),
                Side::Acceptor => mux.receive(&[OPEN, n, 0, 0]).unwrap(),
            }
        }
        mux.outgoing();
        for round in 0..300 {
            let bytes = match seed % 3 {
                0 => (0..40).map(|_| random.byte()).collect(),
                _ => nonsense(&mut random),
            };
            if mux.receive(&bytes).is_err() {
                broken += 1;
                break;
            }
            most = most.max(round);
            while mux.event().is_some() {}
            let n = random.byte() % 20;
            let count = mux.readable(n).len();
            match random.up_to(40) {
                0 => mux.consume(n, count),
                1..10 => drop(mux.send(n, &bytes)),
                10 => mux.close(n),
                11..20 => {
                    let count = random.up_to(mux.outgoing().len());
                    mux.sent(count);
                }
                _ => {}
            }
            let held: usize = (0..STREAMS).map(|n| mux.readable(n).len()).sum();
            assert!(held <= usize::from(STREAMS) * WINDOW);
            assert!(mux.outgoing().len() <= usize::from(STREAMS) * (DATA_MAX + 4 * HEADER));
        }
    }
    assert!(
        broken > 900 && most > 200,
        "{broken} broke, {most} rounds at most"
    );
}
