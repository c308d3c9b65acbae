//! Pages that a domain shares with a process in dom0, and that change between its calls: consoles and vchans.

use vchan::local;
use vchan::{Client, PAGE_SIZE, Presence, Server, SharedPages, Sizes};
use xenlight_serve::console::ring;

use crate::script::Script;

/// The most that one call of a script moves.
const MOST: usize = 6000;

/// One thing that the other domain does to a page whose indexes and flags are the bytes from `indexes` on, sixteen of them at
/// least. It writes any value, one near what is there, or one that the index beside it makes sensible.
pub(crate) fn spoil(page: &SharedPages, indexes: usize, script: &mut Script<'_>) {
    let word = |script: &mut Script<'_>| indexes + usize::from(script.byte() % 4) * 4;
    match script.byte() % 5 {
        0 => page.store_u32(word(script), script.word()),
        1 => {
            let at = word(script);
            let by = u32::from(script.byte()).wrapping_sub(128);
            page.store_u32(at, page.load_u32(at).wrapping_add(by));
        }
        2 => {
            let at = word(script);
            let beside = page.load_u32(at ^ 4);
            page.store_u32(at, beside.wrapping_add(u32::from(script.half())));
        }
        3 => page.store_u8(
            (indexes + usize::from(script.byte() % 24)) % PAGE_SIZE,
            script.byte(),
        ),
        _ => {
            let at = usize::from(script.half()) % PAGE_SIZE;
            let bytes = script.piece();
            page.copy_in(at, &bytes[..bytes.len().min(PAGE_SIZE - at)]);
        }
    }
}

/// A ring as Xen's headers describe it, apart from the code that is tried.
struct Ring {
    memory: SharedPages,
    at: usize,
    size: u32,
    cons: usize,
    prod: usize,
}

impl Ring {
    /// The `count` bytes that end at the free running `index`.
    fn before(&self, index: u32, count: usize) -> Vec<u8> {
        let count = u32::try_from(count).expect("no more than a script moves");
        let places = (0..count).map(|place| index.wrapping_sub(count - place) % self.size);
        places
            .map(|place| self.memory.load_u8(self.at + place as usize))
            .collect()
    }

    fn used(&self, page: &SharedPages) -> u32 {
        page.load_u32(self.prod)
            .wrapping_sub(page.load_u32(self.cons))
    }
}

fn contents(page: &SharedPages) -> [u8; PAGE_SIZE] {
    let mut bytes = [0; PAGE_SIZE];
    page.copy_out(0, &mut bytes);
    bytes
}

/// Nothing has changed since `before` but what is `allowed`.
fn changed_only(page: &SharedPages, before: &[u8; PAGE_SIZE], allowed: impl Fn(usize) -> bool) {
    let now = contents(page);
    let changed = (0..PAGE_SIZE).filter(|at| now[*at] != before[*at]);
    for at in changed {
        assert!(allowed(at), "byte {at}");
    }
}

/// A console's page, of which the stub domain writes all.
pub(crate) fn console_ring(data: &[u8]) {
    const INDEXES: usize = 3072;
    let page = local::pages(1).expect("a page");
    let ring = |at, size, cons| Ring {
        memory: page.clone(),
        at,
        size,
        cons,
        prod: cons + 4,
    };
    let (to, from) = (ring(0, 1024, INDEXES), ring(1024, 2048, INDEXES + 8));
    let mut script = Script::new(data);
    while let Some(step) = script.step(6) {
        let before = contents(&page);
        match step {
            0 => {
                let mut buffer = vec![0; usize::from(script.half()) % MOST];
                let there = from.used(&page);
                let there = if there > from.size { 0 } else { there as usize };
                let count = ring::take(&page, &mut buffer);
                assert_eq!(count, there.min(buffer.len()));
                let index = page.load_u32(from.cons);
                assert_eq!(buffer[..count], from.before(index, count));
                changed_only(&page, &before, |at| {
                    (from.cons..from.cons + 4).contains(&at)
                });
            }
            1 => {
                let length = usize::from(script.half()) % MOST;
                let bytes: Vec<u8> = script
                    .piece()
                    .iter()
                    .copied()
                    .cycle()
                    .take(length)
                    .collect();
                let room = to.size.saturating_sub(to.used(&page)) as usize;
                assert_eq!(ring::room(&page), room);
                let count = ring::give(&page, &bytes);
                assert_eq!(count, room.min(bytes.len()));
                let index = page.load_u32(to.prod);
                assert_eq!(bytes[..count], to.before(index, count));
                changed_only(&page, &before, |at| {
                    at < 1024 || (to.prod..to.prod + 4).contains(&at)
                });
            }
            _ => spoil(&page, INDEXES, &mut script),
        }
    }
}

/// What both ends of a vchan can do.
trait End {
    fn read(&mut self, to: &mut [u8]) -> usize;
    fn write(&mut self, from: &[u8]) -> usize;
    fn readable(&self) -> usize;
    fn room(&self) -> usize;
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
            fn readable(&self) -> usize {
                self.readable()
            }
            fn room(&self) -> usize {
                self.room()
            }
        }
    };
}
end!(Client);
end!(Server);

/// Reads: as much as was said to be there, and what the ring holds.
fn read(end: &mut impl End, page: &SharedPages, ring: &Ring, script: &mut Script<'_>) {
    let mut buffer = vec![0; usize::from(script.half()) % MOST];
    let there = end.readable();
    assert!(there <= ring.size as usize);
    let count = end.read(&mut buffer);
    assert_eq!(count, there.min(buffer.len()));
    if count > 0 {
        assert_eq!(
            buffer[..count],
            ring.before(page.load_u32(ring.cons), count)
        );
        assert_eq!(end.readable(), there - count);
    }
}

/// Writes: as much as there was room for, unless it `may_differ`, and the ring holds it.
fn write(
    end: &mut impl End,
    page: &SharedPages,
    ring: &Ring,
    script: &mut Script<'_>,
    may_differ: bool,
) {
    let length = usize::from(script.half()) % MOST;
    let bytes: Vec<u8> = script
        .piece()
        .iter()
        .copied()
        .cycle()
        .take(length)
        .collect();
    let room = end.room();
    assert!(room <= ring.size as usize);
    let count = end.write(&bytes);
    assert!(count <= bytes.len().min(ring.size as usize));
    assert!(may_differ || count == room.min(bytes.len()));
    assert_eq!(bytes[..count], ring.before(page.load_u32(ring.prod), count));
}

/// Sizes of a vchan's rings, sensible ones mostly.
fn sizes(script: &mut Script<'_>) -> Sizes {
    const SENSIBLE: [(u8, u8); 6] = [(10, 11), (11, 10), (12, 12), (10, 12), (12, 17), (13, 16)];
    let (left, right) = SENSIBLE[usize::from(script.byte()) % SENSIBLE.len()];
    Sizes::new(left, right).expect("sizes that can be")
}

/// The two rings of a page as it is, left's first; `own` are the pages of those that have their own.
fn rings(page: &SharedPages, own: &[SharedPages]) -> [Ring; 2] {
    let mut own = own.iter();
    let orders = page.load_u32(16);
    [(orders & 0xffff, 0), (orders >> 16, 8)].map(|(order, cons)| {
        let (memory, at) = match order {
            10 | 11 => (page, 1 << order),
            _ => (own.next().expect("pages of its own"), 0),
        };
        Ring {
            memory: memory.clone(),
            at,
            size: 1 << order,
            cons,
            prod: cons + 4,
        }
    })
}

/// A client in dom0 and the page of a server in a stub domain.
pub(crate) fn client(data: &[u8]) {
    let mut script = Script::new(data);
    let (_server, place) = local::offer(sizes(&mut script)).expect("a vchan");
    let page = place.page().clone();
    // What it offers, before the client comes.
    for _ in 0..script.byte() % 8 {
        match script.byte() % 3 {
            0 => page.store_u32(16, script.word()),
            1 => page.store_u32(
                16,
                u32::from(script.byte() % 24) | u32::from(script.byte() % 24) << 16,
            ),
            _ => spoil(&page, 0, &mut script),
        }
    }
    let Ok((mut client, own)) = place.attach_to_anything() else {
        // Then it is none for a client of these pages either.
        assert!(place.attach().is_err());
        return;
    };
    let [left, right] = rings(&page, &own);
    let mut connected = false;
    while let Some(step) = script.step(10) {
        match step {
            0 => read(&mut client, &page, &right, &mut script),
            1 => {
                let open = client.is_open();
                write(&mut client, &page, &left, &mut script, !open);
                assert!(open || client.write(&[0; 8]) == 0, "written for nobody");
            }
            2 => {
                client.reconnect();
                connected = true;
            }
            3 => {
                client.disconnect();
                connected = false;
            }
            4 => {
                client.acknowledge().expect("a socket to read");
                assert_eq!(client.is_open(), page.load_u8(21) != 0);
                assert_eq!(client.is_awaited(), page.load_u8(20) == 2);
            }
            _ => spoil(&page, 0, &mut script),
        }
        if !connected {
            assert_eq!((client.readable(), client.room()), (0, 0));
            assert_eq!((client.read(&mut [0; 8]), client.write(&[0; 8])), (0, 0));
        }
    }
}

/// A server and the page that its client may write.
pub(crate) fn server(data: &[u8]) {
    let mut script = Script::new(data);
    let (mut server, place) = local::offer(sizes(&mut script)).expect("a vchan");
    let page = place.page().clone();
    let [left, right] = rings(&page, place.rings());
    while let Some(step) = script.step(9) {
        match step {
            0 => read(&mut server, &page, &left, &mut script),
            1 => {
                let open = server.is_open();
                // A client that has read too much makes it begin anew.
                write(&mut server, &page, &right, &mut script, true);
                assert!(open || server.write(&[0; 8]) == 0, "written for nobody");
            }
            2 | 3 => look(&mut server, &page),
            4 => {
                server.acknowledge().expect("a socket to read");
            }
            _ => spoil(&page, 0, &mut script),
        }
    }
}

fn look(server: &mut Server, page: &SharedPages) {
    let presence = server.look();
    let there = matches!(presence, Presence::Came | Presence::Stays);
    assert_eq!(server.is_open(), there);
    match presence {
        Presence::Stays => {}
        // Two looks of which the client did nothing in between.
        Presence::Came => assert_eq!(server.look(), Presence::Stays),
        Presence::Left | Presence::Absent => {
            assert_eq!(page.load_u8(20), 2, "it is awaited");
            assert_eq!(server.look(), Presence::Absent);
        }
    }
}
