//! The end that comes to what a server offers, and may go and come again.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use crate::channel::Channel;
use crate::devices::{Devices, UnmapNotify};
use crate::end::{End, Memory};
use crate::layout::{
    AWAITED, CLI_LIVE, GONE, GRANTS, LIVE, ORDERS, SRV_LIVE, SRV_NOTIFY, Sizes, WRITTEN,
};
use crate::shared::SharedPages;

/// Rings of more than 2^18 bytes are refused: nobody needs them, and the mappings are the other domain's to choose.
const LARGEST: u8 = 18;

/// A client's end. On drop the server notices that it has gone, as it does when the process is killed.
pub struct Client {
    end: End,
    connected: bool,
}

impl Client {
    /// Maps what domain `peer` offers with grant `ring_ref` and event channel `port`, and connects at once.
    pub fn connect(devices: &Devices, peer: u16, ring_ref: u32, port: u32) -> io::Result<Self> {
        let mut client = Self::attach(devices, peer, ring_ref, port)?;
        client.reconnect();
        Ok(client)
    }

    /// Maps what domain `peer` offers, without connecting yet. Whoever may have been connected before, in this process or
    /// one that was killed, waits for [`Client::is_awaited`] before [`Client::reconnect`].
    pub fn attach(devices: &Devices, peer: u16, ring_ref: u32, port: u32) -> io::Result<Self> {
        let channel = devices.bind_interdomain(peer, port)?;
        channel.unmask()?;
        let notify = UnmapNotify {
            clear: CLI_LIVE,
            port: channel.port(),
        };
        let page = devices.map(peer, &[ring_ref], true, Some(notify))?;
        let own = |grants: &[u32], writable| devices.map(peer, grants, writable, None);
        Self::new(page, own, Channel::Xen(channel))
    }

    /// A client of the server on `page`; `own` maps the pages of rings, by their grants.
    pub(crate) fn new(
        page: SharedPages,
        own: impl Fn(&[u32], bool) -> io::Result<SharedPages>,
        channel: Channel,
    ) -> io::Result<Self> {
        let sizes = Sizes::read(page.load_u32(ORDERS), LARGEST)?;
        let mut grant_at = GRANTS;
        let mut listed = |count: usize, writable| {
            // The sizes are such that the list ends within the page.
            let grants: Vec<u32> = (0..count)
                .map(|place| page.load_u32(grant_at + 4 * place))
                .collect();
            grant_at += 4 * count;
            own(&grants, writable)
        };
        let left = Memory::new(&page, sizes.to_server(), |count| listed(count, true))?;
        let right = Memory::new(&page, sizes.to_client(), |count| listed(count, false))?;
        let mut end = End::client(page, sizes, [left, right], channel);
        end.continue_sending();
        Ok(Self {
            end,
            connected: false,
        })
    }

    /// Whether the server waits for a client: it has never had one, or has seen that the last one is gone and has emptied the
    /// rings. Its event tells when that changes. Servers of the C library never say so again after their first client: wait
    /// for some time only, and then go on.
    pub fn is_awaited(&self) -> bool {
        self.end.page.load_u8(CLI_LIVE) == AWAITED
    }

    /// Connects. What an earlier connection left unread is passed over. Does nothing while connected.
    pub fn reconnect(&mut self) {
        if self.connected {
            return;
        }
        self.connected = true;
        self.end.discard_received();
        self.end.page.store_u8(SRV_NOTIFY, WRITTEN);
        self.end.page.store_u8(CLI_LIVE, LIVE);
        self.end.channel.notify();
    }

    /// Tells the server that this client has gone, and keeps what is needed to come again.
    pub fn disconnect(&mut self) {
        if std::mem::take(&mut self.connected) {
            self.end.page.store_u8(CLI_LIVE, GONE);
            self.end.channel.notify();
        }
    }

    /// Whether the server is there. If it is not, there may still be something to read.
    pub fn is_open(&self) -> bool {
        self.end.page.load_u8(SRV_LIVE) != GONE
    }

    /// Reads what is there, at most `to.len()` bytes. When it gives fewer than that, an event tells of the next ones.
    pub fn read(&mut self, to: &mut [u8]) -> usize {
        match self.connected {
            true => self.end.read(to),
            false => 0,
        }
    }

    /// Writes what there is room for. When that is less than all, an event tells of more room. Nothing is written while
    /// disconnected, or for a server that has gone.
    pub fn write(&mut self, from: &[u8]) -> usize {
        match self.connected && self.is_open() {
            true => self.end.write(from),
            false => 0,
        }
    }

    /// How many bytes could be written now. Asks for no event.
    pub fn room(&self) -> usize {
        match self.connected {
            true => self.end.room(),
            false => 0,
        }
    }

    /// How many bytes could be read now. Asks for no event.
    pub fn readable(&self) -> usize {
        match self.connected {
            true => self.end.readable(),
            false => 0,
        }
    }

    /// This side's port of the event channel.
    pub fn port(&self) -> u32 {
        self.end.channel.port()
    }

    /// Takes the events that wait and lets the next ones come. Gives the ports of all of them: the descriptor is the
    /// [`Devices`]', and so are its events.
    pub fn acknowledge(&self) -> io::Result<Vec<u32>> {
        self.end.channel.acknowledge()
    }
}

impl AsFd for Client {
    /// Readable when an event waits.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.channel.as_fd()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.disconnect();
    }
}
