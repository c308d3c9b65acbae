//! What client and server have in common: a ring to write into, one to read from, and ways to ask and to tell.

use std::io;

use crate::channel::Channel;
use crate::layout::{
    CLI_NOTIFY, LEFT_CONS, LEFT_PROD, READ, RIGHT_CONS, RIGHT_PROD, SRV_NOTIFY, Sizes, WRITTEN,
    own_pages,
};
use crate::ring::Size;
use crate::shared::SharedPages;

/// A ring's memory: pages of its own, or a part of the page that describes it.
pub(crate) struct Memory {
    pages: SharedPages,
    at: usize,
}

impl Memory {
    /// The memory of a ring of `order`; `own` makes its pages if it has its own.
    pub(crate) fn new(
        page: &SharedPages,
        order: u8,
        own: impl FnOnce(usize) -> io::Result<SharedPages>,
    ) -> io::Result<Self> {
        match own_pages(order) {
            // In the page a ring begins at the offset that is its size.
            0 => Ok(Self {
                pages: page.clone(),
                at: 1 << order,
            }),
            count => Ok(Self {
                pages: own(count)?,
                at: 0,
            }),
        }
    }
}

/// One direction. This side's index is kept here: the copy in the page is for the other side, which could change it.
pub(crate) struct Half {
    memory: Memory,
    size: Size,
    /// Where in the page this side's index and the other one's are.
    own_at: usize,
    peer_at: usize,
    own: u32,
}

impl Half {
    fn new(memory: Memory, order: u8, own_at: usize, peer_at: usize) -> Self {
        Self {
            memory,
            size: Size::of_order(order),
            own_at,
            peer_at,
            own: 0,
        }
    }
}

pub(crate) struct End {
    pub(crate) page: SharedPages,
    sending: Half,
    receiving: Half,
    /// The notify bytes: where this side asks, and where the other one has asked.
    ask_at: usize,
    asked_at: usize,
    // Last: what goes with the pages rings through it.
    pub(crate) channel: Channel,
}

impl End {
    pub(crate) fn server(
        page: SharedPages,
        sizes: Sizes,
        [left, right]: [Memory; 2],
        channel: Channel,
    ) -> Self {
        Self {
            page,
            sending: Half::new(right, sizes.to_client(), RIGHT_PROD, RIGHT_CONS),
            receiving: Half::new(left, sizes.to_server(), LEFT_CONS, LEFT_PROD),
            ask_at: CLI_NOTIFY,
            asked_at: SRV_NOTIFY,
            channel,
        }
    }

    pub(crate) fn client(
        page: SharedPages,
        sizes: Sizes,
        [left, right]: [Memory; 2],
        channel: Channel,
    ) -> Self {
        Self {
            page,
            sending: Half::new(left, sizes.to_server(), LEFT_PROD, LEFT_CONS),
            receiving: Half::new(right, sizes.to_client(), RIGHT_CONS, RIGHT_PROD),
            ask_at: SRV_NOTIFY,
            asked_at: CLI_NOTIFY,
            channel,
        }
    }

    /// How many bytes wait to be read.
    pub(crate) fn readable(&self) -> usize {
        let half = &self.receiving;
        wide(half.size.used(self.page.load_u32(half.peer_at), half.own))
    }

    /// How many bytes can be written.
    pub(crate) fn room(&self) -> usize {
        let half = &self.sending;
        wide(half.size.room(half.own, self.page.load_u32(half.peer_at)))
    }

    /// Fills `to` as far as there are bytes. Whenever it is not filled, the other side has been asked to tell.
    pub(crate) fn read(&mut self, to: &mut [u8]) -> usize {
        let mut done = 0;
        while done < to.len() {
            let count = self.after_asking(WRITTEN, Self::readable);
            let count = count.min(to.len() - done);
            if count == 0 {
                break;
            }
            let half = &mut self.receiving;
            let [first, second] = half.size.places(half.own, narrow(count));
            for places in [first, second] {
                let part = &mut to[done..done + places.len()];
                half.memory
                    .pages
                    .copy_out(half.memory.at + places.start, part);
                done += places.len();
            }
            half.own = half.own.wrapping_add(narrow(count));
            self.page.store_u32(half.own_at, half.own);
            self.tell(READ);
        }
        done
    }

    /// Writes as much of `from` as there is room for. If that is not all of it, the other side has been asked to tell.
    pub(crate) fn write(&mut self, from: &[u8]) -> usize {
        let mut done = 0;
        while done < from.len() {
            let count = self.after_asking(READ, Self::room);
            let count = count.min(from.len() - done);
            if count == 0 {
                break;
            }
            let half = &mut self.sending;
            let [first, second] = half.size.places(half.own, narrow(count));
            for places in [first, second] {
                let part = &from[done..done + places.len()];
                half.memory
                    .pages
                    .copy_in(half.memory.at + places.start, part);
                done += places.len();
            }
            half.own = half.own.wrapping_add(narrow(count));
            self.page.store_u32(half.own_at, half.own);
            self.tell(WRITTEN);
        }
        done
    }

    /// What `look` gives; if that is nothing, the other side is asked to tell, and looked at again: it may have done
    /// something just before it could see the question.
    fn after_asking(&self, bit: u8, look: impl Fn(&Self) -> usize) -> usize {
        match look(self) {
            0 => {
                self.page.set_bits(self.ask_at, bit);
                look(self)
            }
            count => count,
        }
    }

    fn tell(&self, bit: u8) {
        if self.page.take_bits(self.asked_at, bit) != 0 {
            self.channel.notify();
        }
    }

    /// Takes everything that waits to be read as read.
    pub(crate) fn discard_received(&mut self) {
        let half = &mut self.receiving;
        half.own = self.page.load_u32(half.peer_at);
        self.page.store_u32(half.own_at, half.own);
    }

    /// Takes back what was written and not read.
    pub(crate) fn take_back_sent(&mut self) {
        let half = &mut self.sending;
        half.own = self.page.load_u32(half.peer_at);
        self.page.store_u32(half.own_at, half.own);
    }

    /// Goes on where an end before this one stopped writing.
    pub(crate) fn continue_sending(&mut self) {
        let half = &mut self.sending;
        half.own = self.page.load_u32(half.own_at);
    }

    /// Whether the other side has read more than was written.
    pub(crate) fn is_overtaken(&self) -> bool {
        let half = &self.sending;
        let ahead = self.page.load_u32(half.peer_at).wrapping_sub(half.own);
        half.size.used(ahead, 0) != 0
    }
}

fn wide(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// Counts here never exceed a ring's size.
fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::sys::Pages;

    #[test]
    fn what_comes_just_before_the_question_is_seen() {
        let page = SharedPages::new(Pages::private(1).unwrap());
        let memory = |order| Memory::new(&page, order, |_| unreachable!()).unwrap();
        let channel = Channel::Local(UnixStream::pair().unwrap().0);
        let memories = [memory(10), memory(11)];
        let end = End::server(page.clone(), Sizes::IN_PAGE, memories, channel);
        let looks = Cell::new(0);
        let count = end.after_asking(WRITTEN, |end| {
            looks.set(looks.get() + 1);
            let asked = end.page.load_u8(CLI_NOTIFY) == WRITTEN;
            assert_eq!(asked, looks.get() == 2);
            if asked { 5 } else { 0 }
        });
        assert_eq!((count, looks.get()), (5, 2));
        // Who finds something at once asks nothing.
        page.store_u8(CLI_NOTIFY, 0);
        assert_eq!(end.after_asking(WRITTEN, |_| 7), 7);
        assert_eq!(page.load_u8(CLI_NOTIFY), 0);
    }
}
