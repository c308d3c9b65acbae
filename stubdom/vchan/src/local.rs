//! Both ends within one process and without Xen: for tests of what is built on a vchan.

use std::cell::RefCell;
use std::io;
use std::os::unix::net::UnixStream;

use crate::channel::Channel;
use crate::client::Client;
use crate::layout::Sizes;
use crate::server::Server;
use crate::shared::SharedPages;
use crate::sys::Pages;

/// The place of a server of [`offer`], for clients to come to, one at a time.
pub struct Place {
    page: SharedPages,
    rings: Vec<SharedPages>,
    channel: UnixStream,
}

/// Pages of this process alone, all zeros, for tests of what domains share otherwise.
pub fn pages(count: usize) -> io::Result<SharedPages> {
    Pages::private(count).map(SharedPages::new)
}

/// A server in memory of this process. Its port and its grant are 0.
pub fn offer(sizes: Sizes) -> io::Result<(Server, Place)> {
    let (server_side, channel) = UnixStream::pair()?;
    for side in [&server_side, &channel] {
        side.set_nonblocking(true)?;
    }
    let page = pages(1)?;
    let rings = RefCell::new(Vec::new());
    let own = |count: usize| {
        let own = pages(count)?;
        // A grant stands for a page; the first one of a ring says which ring it is.
        let number = u32::try_from(rings.borrow().len()).unwrap_or(0);
        rings.borrow_mut().push(own.clone());
        Ok((own, vec![number; count]))
    };
    let server = Server::new(page.clone(), 0, sizes, own, Channel::Local(server_side))?;
    let place = Place {
        page,
        rings: rings.into_inner(),
        channel,
    };
    Ok((server, place))
}

impl Place {
    /// A client that is not connected yet, as [`Client::attach`] gives it.
    pub fn attach(&self) -> io::Result<Client> {
        let own = |grants: &[u32], _| {
            let ring = grants.first().and_then(|ring| usize::try_from(*ring).ok());
            let ring = ring.and_then(|ring| self.rings.get(ring));
            let ring = ring.filter(|ring| ring.len() == grants.len() * crate::PAGE_SIZE);
            ring.cloned()
                .ok_or_else(|| io::ErrorKind::InvalidInput.into())
        };
        let channel = Channel::Local(self.channel.try_clone()?);
        Client::new(self.page.clone(), own, channel)
    }

    /// A client whose rings have fresh pages, as many as the page lists now, under any grants: the client of a server that
    /// may say anything. Gives these pages as well, those of the ring to the server first.
    pub fn attach_to_anything(&self) -> io::Result<(Client, Vec<SharedPages>)> {
        let rings = RefCell::new(Vec::new());
        let own = |grants: &[u32], _| {
            let own = pages(grants.len())?;
            rings.borrow_mut().push(own.clone());
            Ok(own)
        };
        let channel = Channel::Local(self.channel.try_clone()?);
        let client = Client::new(self.page.clone(), own, channel)?;
        Ok((client, rings.into_inner()))
    }

    /// A client that is connected.
    pub fn connect(&self) -> io::Result<Client> {
        let mut client = self.attach()?;
        client.reconnect();
        Ok(client)
    }

    /// The page that both ends share, for whoever plays a hostile one.
    pub fn page(&self) -> &SharedPages {
        &self.page
    }

    /// The pages of those rings that have their own, those of the ring to the server first.
    pub fn rings(&self) -> &[SharedPages] {
        &self.rings
    }
}
