//! One stream of a link: who has closed it, what waits in either direction, and the credit for more.

use std::collections::VecDeque;

use super::{CLOSE, CREDIT, DATA, DATA_MAX, Event, HEADER, OPEN, QUEUE, UNIT, WINDOW};

/// How far this side has come with closing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Closing {
    #[default]
    Not,
    /// Asked for; data may have to go first.
    Wanted,
    Sent,
}

/// What is true while a stream is not free.
#[derive(Debug, Default)]
struct Open {
    /// The frame that opens it is still to be sent.
    announce: bool,
    /// That it was opened is still to be told.
    tell_opened: bool,
    closing: Closing,
    closed_there: bool,
    outgoing: VecDeque<u8>,
    /// How many bytes may be sent.
    may_send: usize,
    incoming: VecDeque<u8>,
    /// How many bytes the other side may send.
    may_come: usize,
    /// How many were taken since credit was last given for them.
    taken: usize,
}

#[derive(Debug, Default)]
pub(super) struct Stream(Option<Open>);

type Checked = Result<(), &'static str>;

impl Stream {
    pub(super) fn is_free(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn open_here(&mut self) {
        self.0 = Some(Open {
            announce: true,
            ..Open::new()
        });
    }

    pub(super) fn opened_there(&mut self) -> Checked {
        if !self.is_free() {
            return Err("an open for a stream that is open");
        }
        self.0 = Some(Open {
            tell_opened: true,
            ..Open::new()
        });
        Ok(())
    }

    /// The stream, as the other side may still use it.
    fn used_there(&mut self) -> Result<&mut Open, &'static str> {
        match &mut self.0 {
            Some(open) if !open.closed_there && !open.announce => Ok(open),
            _ => Err("a frame for a stream that is not open"),
        }
    }

    pub(super) fn closed_there(&mut self) -> Checked {
        let open = self.used_there()?;
        open.closed_there = true;
        // Nobody is there to take it.
        open.outgoing.clear();
        self.free_if_over();
        Ok(())
    }

    /// A frame with so many bytes has begun.
    pub(super) fn expect_data(&mut self, length: usize) -> Checked {
        let open = self.used_there()?;
        let left = open.may_come.checked_sub(length);
        open.may_come = left.ok_or("more data than it had credit for")?;
        Ok(())
    }

    /// Bytes of a frame that was expected.
    pub(super) fn take_data(&mut self, bytes: &[u8]) {
        if let Some(open) = &mut self.0
            && open.closing == Closing::Not
        {
            if open.incoming.capacity() == 0 {
                open.incoming.reserve_exact(WINDOW);
            }
            open.incoming.extend(bytes);
        }
    }

    pub(super) fn credit(&mut self, length: usize) -> Checked {
        let open = self.used_there()?;
        open.may_send += length;
        match open.may_send {
            0..=WINDOW => Ok(()),
            _ => Err("more credit than the window has"),
        }
    }

    pub(super) fn event(&mut self, number: u8) -> Option<Event> {
        let open = self.0.as_mut()?;
        if std::mem::take(&mut open.tell_opened) && open.closing == Closing::Not {
            return Some(Event::Opened(number));
        }
        if open.closed_there && open.closing == Closing::Not && open.incoming.is_empty() {
            // Only now: the other side may use the number again when it has this side's close.
            open.closing = Closing::Wanted;
            return Some(Event::Closed(number));
        }
        None
    }

    /// The stream, as the caller may still use it.
    fn used_here(&mut self) -> Option<&mut Open> {
        self.0.as_mut().filter(|open| open.closing == Closing::Not)
    }

    pub(super) fn readable(&self) -> &[u8] {
        self.0
            .as_ref()
            .map_or(&[], |open| open.incoming.as_slices().0)
    }

    pub(super) fn consume(&mut self, count: usize) {
        if let Some(open) = self.used_here() {
            let count = count.min(open.incoming.len());
            open.incoming.drain(..count);
            open.taken += count;
        }
    }

    pub(super) fn room(&self) -> usize {
        match &self.0 {
            Some(open) if open.closing == Closing::Not && !open.closed_there => {
                QUEUE - open.outgoing.len()
            }
            _ => 0,
        }
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> usize {
        let count = self.room().min(bytes.len());
        if let Some(open) = &mut self.0
            && count > 0
        {
            if open.outgoing.capacity() == 0 {
                open.outgoing.reserve_exact(QUEUE);
            }
            open.outgoing.extend(&bytes[..count]);
        }
        count
    }

    pub(super) fn close(&mut self) {
        if let Some(open) = self.used_here() {
            open.closing = Closing::Wanted;
            open.incoming = VecDeque::new();
        }
    }

    pub(super) fn abort(&mut self) {
        self.close();
        if let Some(open) = &mut self.0 {
            open.outgoing.clear();
        }
    }

    fn free_if_over(&mut self) {
        if let Some(open) = &self.0
            && open.closed_there
            && open.closing == Closing::Sent
        {
            self.0 = None;
        }
    }

    /// Adds what this stream has to send: one frame of data at most.
    pub(super) fn make_ready(&mut self, number: u8, to: &mut Vec<u8>) {
        let Some(open) = &mut self.0 else { return };
        if std::mem::take(&mut open.announce) {
            to.extend(header(OPEN, number, 0));
        }
        if open.closing == Closing::Not && !open.closed_there && open.taken >= WINDOW / 2 {
            let units = open.taken / UNIT;
            open.taken %= UNIT;
            open.may_come += units * UNIT;
            to.extend(header(CREDIT, number, units));
        }
        let length = open.outgoing.len().min(open.may_send).min(DATA_MAX);
        if length > 0 {
            open.may_send -= length;
            to.extend(header(DATA, number, length));
            to.extend(open.outgoing.drain(..length));
        }
        if open.closing == Closing::Wanted && open.outgoing.is_empty() {
            open.closing = Closing::Sent;
            to.extend(header(CLOSE, number, 0));
            self.free_if_over();
        }
    }
}

impl Open {
    fn new() -> Self {
        Self {
            may_send: WINDOW,
            may_come: WINDOW,
            ..Self::default()
        }
    }
}

/// `value` is at most a window's size.
fn header(kind: u8, number: u8, value: usize) -> [u8; HEADER] {
    let [low, high] = u16::try_from(value).unwrap_or(0).to_le_bytes();
    [kind, number, low, high]
}
