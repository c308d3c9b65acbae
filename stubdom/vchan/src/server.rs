//! The end that offers: it owns the memory, and clients may come and go.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use crate::channel::Channel;
use crate::devices::{Devices, UnmapNotify};
use crate::end::{End, Memory};
use crate::layout::{
    AWAITED, CLI_LIVE, CLI_NOTIFY, GONE, GRANTS, KNOWN, LIVE, ORDERS, SRV_LIVE, Sizes, WRITTEN,
};
use crate::shared::SharedPages;

/// What has become of the client since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// There is none, and was none.
    Absent,
    /// There is a new one, perhaps in the place of another that was there, of which the rings hold nothing any more.
    Came,
    /// It is the one that was there.
    Stays,
    /// It has gone; the rings are empty.
    Left,
}

/// A server's end. It is closed on drop, which the client notices.
pub struct Server {
    end: End,
    ring_ref: u32,
    /// Whether there is a client, and it was marked as known.
    attended: bool,
    /// Whether nothing has been written for this client yet.
    fresh: bool,
}

impl Server {
    /// Grants pages to domain `client` and makes an event channel for it. [`Server::ring_ref`] and [`Server::port`] are what
    /// a client needs to know, by nodes that only it can read.
    pub fn offer(devices: &Devices, client: u16, sizes: Sizes) -> io::Result<Self> {
        let channel = devices.bind_unbound(client)?;
        channel.unmask()?;
        let notify = UnmapNotify {
            clear: SRV_LIVE,
            port: channel.port(),
        };
        let (page, grants) = devices.grant(client, 1, Some(notify))?;
        let ring_ref = *grants.first().ok_or(io::ErrorKind::InvalidData)?;
        let own = |count: usize| devices.grant(client, count, None);
        Self::new(page, ring_ref, sizes, own, Channel::Xen(channel))
    }

    /// A server on a page that is all zeros; `own` makes pages for rings and says by which grants they are reached.
    pub(crate) fn new(
        page: SharedPages,
        ring_ref: u32,
        sizes: Sizes,
        own: impl Fn(usize) -> io::Result<(SharedPages, Vec<u32>)>,
        channel: Channel,
    ) -> io::Result<Self> {
        let mut grant_at = GRANTS;
        let mut listed = |count: usize| {
            let (pages, grants) = own(count)?;
            for grant in grants {
                page.store_u32(grant_at, grant);
                grant_at += 4;
            }
            Ok(pages)
        };
        let left = Memory::new(&page, sizes.to_server(), &mut listed)?;
        let right = Memory::new(&page, sizes.to_client(), &mut listed)?;
        page.store_u32(ORDERS, sizes.orders());
        page.store_u8(CLI_NOTIFY, WRITTEN);
        page.store_u8(CLI_LIVE, AWAITED);
        page.store_u8(SRV_LIVE, LIVE);
        Ok(Self {
            end: End::server(page, sizes, [left, right], channel),
            ring_ref,
            attended: false,
            fresh: true,
        })
    }

    /// The page that describes the vchan, for a server that spoils it.
    #[cfg(feature = "hostile")]
    pub fn page(&self) -> &SharedPages {
        &self.end.page
    }

    /// Rings at the client, asked or not.
    #[cfg(feature = "hostile")]
    pub fn ring(&self) {
        self.end.channel.notify();
    }

    /// The grant reference of the page that describes the rest.
    pub fn ring_ref(&self) -> u32 {
        self.ring_ref
    }

    /// The event channel's port, for the client to bind.
    pub fn port(&self) -> u32 {
        self.end.channel.port()
    }

    /// Looks whether the client has come or gone; to be called after every [`Server::acknowledge`].
    ///
    /// When a client has gone the rings are emptied and the page says so, which this crate's clients wait for before they
    /// come again. A client that comes without waiting is noticed as well; what it wrote before this call is lost then,
    /// because nothing tells it from what the client before it wrote.
    pub fn look(&mut self) -> Presence {
        match self.end.page.load_u8(CLI_LIVE) {
            KNOWN if self.attended => Presence::Stays,
            seen @ (GONE | AWAITED) => {
                if seen == GONE || self.attended {
                    self.start_again();
                    if self.end.page.exchange_u8(CLI_LIVE, GONE, AWAITED) {
                        // One that wants to come again, or another in its place, waits for this.
                        self.end.channel.notify();
                    }
                }
                match std::mem::take(&mut self.attended) {
                    true => Presence::Left,
                    false => Presence::Absent,
                }
            }
            seen => {
                // One that waited its turn finds empty rings, and may have written already.
                if self.attended {
                    self.start_again();
                }
                // If it has gone meanwhile, it rings, and the next look sees it.
                self.end.page.exchange_u8(CLI_LIVE, seen, KNOWN);
                self.attended = true;
                Presence::Came
            }
        }
    }

    fn start_again(&mut self) {
        self.end.discard_received();
        self.end.take_back_sent();
        self.end.page.set_bits(CLI_NOTIFY, WRITTEN);
        self.fresh = true;
    }

    /// Whether the client that [`Server::look`] saw last is still there.
    pub fn is_open(&self) -> bool {
        self.attended && self.end.page.load_u8(CLI_LIVE) == KNOWN
    }

    /// Reads what is there, at most `to.len()` bytes. When it gives fewer than that, an event tells of the next ones.
    pub fn read(&mut self, to: &mut [u8]) -> usize {
        self.end.read(to)
    }

    /// Writes what there is room for. When that is less than all, an event tells of more room. Nothing is written for a
    /// client that has gone.
    pub fn write(&mut self, from: &[u8]) -> usize {
        if !self.is_open() {
            return 0;
        }
        // A client that came quickly may have read something that was written for the one before it.
        if self.fresh && self.end.is_overtaken() {
            self.end.take_back_sent();
        }
        let count = self.end.write(from);
        self.fresh &= count == 0;
        count
    }

    /// How many bytes could be written now. Asks for no event.
    pub fn room(&self) -> usize {
        self.end.room()
    }

    /// How many bytes could be read now. Asks for no event.
    pub fn readable(&self) -> usize {
        self.end.readable()
    }

    /// Takes the events that wait and lets the next ones come. Gives the ports of all of them: the descriptor is the
    /// [`Devices`]', and so are its events.
    pub fn acknowledge(&self) -> io::Result<Vec<u32>> {
        self.end.channel.acknowledge()
    }
}

impl AsFd for Server {
    /// Readable when an event waits.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.channel.as_fd()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.page.store_u8(SRV_LIVE, GONE);
        self.end.channel.notify();
    }
}
