//! Both ends on one page of this process: what is true of a vchan, and a page that somebody spoils meanwhile.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::layout::{self, CLI_LIVE, KNOWN, SRV_LIVE};
use crate::local::{self, Place};
use crate::{Client, Presence, Server, SharedPages, Sizes};

/// Reproducible numbers (xorshift); the seed must not be 0.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    pub(crate) fn up_to(&mut self, most: usize) -> usize {
        let most = u64::try_from(most).unwrap();
        usize::try_from((self.next() >> 20) % (most + 1)).unwrap()
    }
}

fn offer(left: u8, right: u8) -> (Server, Place) {
    local::offer(Sizes::new(left, right).unwrap()).unwrap()
}

/// A server and a client that it knows.
fn connected(left: u8, right: u8) -> (Server, Client, Place) {
    let (mut server, place) = offer(left, right);
    let client = place.connect().unwrap();
    assert_eq!(server.look(), Presence::Came);
    (server, client, place)
}

/// Waits for an event; for tests a lost one is a failure, not a hang.
fn wait(end: &impl AsFd) {
    let mut entry = [PollFd::new(end, PollFlags::IN)];
    let limit = Timespec {
        tv_sec: 30,
        tv_nsec: 0,
    };
    let ready = poll(&mut entry, Some(&limit)).unwrap();
    assert_eq!(ready, 1, "an event was lost");
}

trait End: AsFd + Send {
    fn read(&mut self, to: &mut [u8]) -> usize;
    fn write(&mut self, from: &[u8]) -> usize;
    fn acknowledge(&self);
}

macro_rules! end {
    ($name:ty) => {
        impl End for $name {
            fn read(&mut self, to: &mut [u8]) -> usize {
                self.read(to)
            }
            fn write(&mut self, from: &[u8]) -> usize {
                self.write(from)
            }
            fn acknowledge(&self) {
                self.acknowledge().unwrap();
            }
        }
    };
}
end!(Server);
end!(Client);

/// Sends `total` patterned bytes one way in pieces of random size, both sides sleeping whenever nothing moves.
fn stream(mut from: impl End, mut to: impl End, total: usize, seed: u64) {
    let pattern = |at: usize| (at ^ (at >> 8)).to_le_bytes()[0];
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut random = Random(seed);
            let mut sent = 0;
            while sent < total {
                let length = random.up_to(5000).min(total - sent - 1) + 1;
                let piece: Vec<u8> = (sent..sent + length).map(pattern).collect();
                let mut done = 0;
                while done < length {
                    match from.write(&piece[done..]) {
                        0 => {
                            wait(&from);
                            from.acknowledge();
                        }
                        count => done += count,
                    }
                }
                sent += length;
            }
            // The end stays until all is read.
            while from.read(&mut [0]) == 0 {
                wait(&from);
                from.acknowledge();
            }
        });
        scope.spawn(move || {
            let mut random = Random(seed + 1);
            let mut came = 0;
            let mut buffer = vec![0; 9000];
            while came < total {
                let length = random.up_to(buffer.len() - 1) + 1;
                let count = to.read(&mut buffer[..length]);
                for (at, byte) in (came..).zip(&buffer[..count]) {
                    assert_eq!(*byte, pattern(at), "at {at}");
                }
                came += count;
                if count == 0 {
                    wait(&to);
                    to.acknowledge();
                }
            }
            assert_eq!(to.write(&[1]), 1);
        });
    });
}

#[test]
fn bytes_come_whole_in_both_directions_in_all_sizes() {
    for (left, right) in [
        (10, 11),
        (11, 10),
        (10, 12),
        (11, 12),
        (12, 12),
        (12, 17),
        (13, 16),
    ] {
        let (server, client, _place) = connected(left, right);
        stream(server, client, 300_000, u64::from(left) + 1);
        let (server, client, _place) = connected(left, right);
        stream(client, server, 300_000, u64::from(right) + 1);
    }
}

#[test]
fn indexes_wrap_where_they_end() {
    let (mut server, place) = offer(10, 11);
    // As a client before this one left them.
    for at in [layout::LEFT_PROD, layout::RIGHT_CONS] {
        place.page().store_u32(at, u32::MAX - 100_000);
    }
    place.page().store_u8(CLI_LIVE, 0);
    assert_eq!(server.look(), Presence::Absent);
    let client = place.connect().unwrap();
    assert_eq!(server.look(), Presence::Came);
    stream(client, server, 200_000, 5);
}

#[test]
fn a_full_ring_takes_nothing_and_tells_when_there_is_room() {
    let (mut server, mut client, _place) = connected(10, 11);
    client.acknowledge().unwrap();
    server.acknowledge().unwrap();
    assert_eq!(client.room(), 1024);
    assert_eq!(client.write(&[7; 3000]), 1024);
    assert_eq!((client.room(), client.write(&[7; 10])), (0, 0));
    assert_eq!(server.readable(), 1024);
    assert!(client.acknowledge().unwrap().is_empty());
    assert_eq!(server.read(&mut [0; 100]), 100);
    assert_eq!(client.acknowledge().unwrap(), [0]);
    assert_eq!(client.write(&[7; 200]), 100);
}

#[test]
fn nobody_rings_who_was_not_asked() {
    let (mut server, mut client, _place) = connected(10, 11);
    server.acknowledge().unwrap();
    client.write(b"1");
    assert_eq!(server.acknowledge().unwrap(), [0]);
    client.write(b"2");
    assert!(
        server.acknowledge().unwrap().is_empty(),
        "it was told already"
    );
    assert_eq!(server.read(&mut [0; 2]), 2);
    client.write(b"3");
    assert!(
        server.acknowledge().unwrap().is_empty(),
        "it did not find the ring empty"
    );
    assert_eq!(server.read(&mut [0; 2]), 1);
    client.write(b"4");
    assert_eq!(server.acknowledge().unwrap(), [0]);
}

#[test]
fn a_client_comes_goes_and_comes_again() {
    let (mut server, place) = offer(12, 17);
    assert_eq!(server.look(), Presence::Absent);
    assert_eq!(server.write(b"nobody"), 0);
    let mut client = place.attach().unwrap();
    assert!(client.is_awaited() && client.is_open());
    assert_eq!(
        (client.write(b"x"), client.read(&mut [0])),
        (0, 0),
        "not connected"
    );
    for round in 0..5 {
        client.reconnect();
        assert!(!client.is_awaited());
        assert_eq!(server.acknowledge().unwrap(), [0]);
        assert_eq!(
            (server.look(), server.look()),
            (Presence::Came, Presence::Stays)
        );
        assert!(server.is_open(), "round {round}");
        assert_eq!((server.write(b"answer"), client.write(b"question")), (6, 8));
        client.disconnect();
        assert!(!client.is_awaited(), "the server has not seen it");
        assert_eq!(server.acknowledge().unwrap(), [0]);
        assert!(!server.is_open());
        assert_eq!(server.write(b"more"), 0);
        assert_eq!(
            (server.look(), server.look()),
            (Presence::Left, Presence::Absent)
        );
        assert!(client.is_awaited());
        assert_eq!((server.readable(), server.room()), (0, 1 << 17));
    }
}

#[test]
fn what_a_client_writes_before_it_is_seen_is_kept() {
    let (mut server, place) = offer(10, 11);
    for _ in 0..3 {
        let mut client = place.attach().unwrap();
        assert!(client.is_awaited());
        client.reconnect();
        assert_eq!(client.write(b"at once"), 7);
        assert_eq!(server.look(), Presence::Came);
        assert_eq!(server.read(&mut [0; 10]), 7);
        client.write(b"never read");
        drop(client);
        assert_eq!(server.look(), Presence::Left);
    }
}

#[test]
fn who_waits_to_come_again_is_told() {
    let (mut server, mut client, _place) = connected(10, 11);
    client.disconnect();
    client.acknowledge().unwrap();
    assert!(!client.is_awaited());
    assert_eq!(server.look(), Presence::Left);
    assert!(client.is_awaited());
    assert_eq!(client.acknowledge().unwrap(), [0]);
    assert_eq!(server.look(), Presence::Absent);
    assert!(client.acknowledge().unwrap().is_empty(), "once");
}

#[test]
fn a_client_that_comes_again_unseen_is_a_new_one() {
    let (mut server, mut client, place) = connected(10, 11);
    assert_eq!(server.write(b"for the first"), 13);
    client.write(b"from the first");
    client.disconnect();
    client.reconnect();
    assert!(!server.is_open(), "the one that it knew has gone");
    assert_eq!(server.look(), Presence::Came);
    assert_eq!(server.read(&mut [0; 100]), 0);
    assert_eq!(client.read(&mut [0; 100]), 0);
    // One that goes without disconnecting, as when it is killed, and another in its place.
    place.page().store_u8(CLI_LIVE, 0);
    std::mem::forget(client);
    let mut client = place.connect().unwrap();
    assert_eq!(server.look(), Presence::Came);
    assert_eq!(client.write(b"hello"), 5);
    let mut bytes = [0; 10];
    assert_eq!((server.read(&mut bytes), &bytes[..5]), (5, &b"hello"[..]));
}

#[test]
fn what_a_quick_client_read_of_the_old_does_not_stop_the_new() {
    let (mut server, mut client, place) = connected(10, 11);
    server.write(b"for the first");
    // A client of the C library does not pass over it.
    place.page().store_u8(CLI_LIVE, 1);
    assert_eq!(server.look(), Presence::Came);
    let mut bytes = [0; 20];
    place.page().store_u32(layout::RIGHT_PROD, 13);
    assert_eq!(client.read(&mut bytes), 13);
    assert_eq!(server.write(b"greeting"), 8);
    assert_eq!(
        (client.read(&mut bytes), &bytes[..8]),
        (8, &b"greeting"[..])
    );
}

#[test]
fn a_server_of_the_c_library_is_connected_to_without_its_consent() {
    let (mut server, mut client, place) = connected(10, 11);
    client.disconnect();
    // It never looks; it only reads and writes on.
    assert!(!client.is_awaited());
    client.reconnect();
    place.page().store_u8(CLI_LIVE, KNOWN);
    assert_eq!((client.write(b"a"), server.write(b"b")), (1, 1));
    assert_eq!((client.read(&mut [0]), server.read(&mut [0])), (1, 1));
}

#[test]
fn each_end_notices_that_the_other_is_dropped() {
    let (mut server, client, place) = connected(10, 11);
    drop(client);
    assert_eq!(server.look(), Presence::Left);
    let mut client = place.connect().unwrap();
    server.look();
    server.write(b"last words");
    drop(server);
    assert!(!client.is_open());
    assert_eq!(client.write(b"x"), 0);
    assert_eq!(client.read(&mut [0; 20]), 10);
}

#[test]
fn a_client_refuses_a_page_that_asks_for_too_much() {
    let (_server, place) = offer(12, 12);
    for (left, right) in [(19, 12), (12, 20), (11, 11), (0, 0), (9, 12), (500, 12)] {
        place.page().store_u32(layout::ORDERS, left | right << 16);
        assert!(place.attach().is_err(), "{left}, {right}");
    }
}

/// Writes random values over the page until told to stop, indexes and notify bytes above all.
fn spoil(page: &SharedPages, stop: &AtomicBool) {
    let mut random = Random(99);
    while !stop.load(Relaxed) {
        let at = match random.up_to(3) {
            0 => random.up_to(1023) * 4,
            _ => random.up_to(6) * 4,
        };
        let value = match random.up_to(2) {
            // Near what is possible, too.
            0 => page.load_u32(at).wrapping_add(u32::from(random.byte())),
            1 => u32::from(random.byte()),
            _ => u32::try_from(random.next() >> 32).unwrap(),
        };
        page.store_u32(at, value);
        if random.up_to(3) == 0 {
            page.store_u8(CLI_LIVE, random.byte() % 4);
            page.store_u8(SRV_LIVE, 1);
        }
    }
}

#[test]
fn a_page_that_somebody_spoils_harms_nobody() {
    for (left, right) in [(10, 11), (12, 17)] {
        let (mut server, mut client, place) = connected(left, right);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| spoil(place.page(), &stop));
            let end = Instant::now() + Duration::from_secs(1);
            let mut random = Random(7);
            let mut buffer = vec![0x5a; 5000];
            let (mut moved, mut came) = (0, 0);
            while Instant::now() < end {
                for _ in 0..100 {
                    let length = random.up_to(buffer.len());
                    let counts = [
                        server.read(&mut buffer[..length]),
                        client.read(&mut buffer[..length]),
                        client.write(&buffer[..length]),
                        server.write(&buffer[..length]),
                    ];
                    assert!(counts.iter().all(|count| *count <= length));
                    moved += counts.iter().sum::<usize>();
                    assert!(server.readable() <= 1 << left && server.room() <= 1 << right);
                    assert!(client.readable() <= 1 << right && client.room() <= 1 << left);
                    came += usize::from(server.look() == Presence::Came);
                    server.acknowledge().unwrap();
                    client.acknowledge().unwrap();
                }
            }
            stop.store(true, Relaxed);
            assert!(moved > 0 && came > 0, "{moved} bytes, {came} clients");
        });
    }
}
