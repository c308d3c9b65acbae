//! The handshake of paravirtual devices: each side announces its state in xenstore, the other side follows.

use std::time::Duration;

use crate::engine::Op;
use crate::{Code, Error, Result};

/// States of one side of a device (`xenbus_state` of Xen's public interface).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum XenbusState {
    /// Nothing has happened yet.
    Initialising = 1,
    /// The backend is ready for the hotplug script.
    InitWait = 2,
    /// This side is set up and waits for the other.
    Initialised = 3,
    /// In use.
    Connected = 4,
    /// Going away.
    Closing = 5,
    /// Gone.
    Closed = 6,
    /// The configuration is being changed.
    Reconfiguring = 7,
    /// The configuration was changed.
    Reconfigured = 8,
}

impl XenbusState {
    /// The number in xenstore.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Reads what a domain wrote; anything but a state's own digit is no state.
    pub fn parse(value: &[u8]) -> Option<Self> {
        match value {
            b"1" => Some(Self::Initialising),
            b"2" => Some(Self::InitWait),
            b"3" => Some(Self::Initialised),
            b"4" => Some(Self::Connected),
            b"5" => Some(Self::Closing),
            b"6" => Some(Self::Closed),
            b"7" => Some(Self::Reconfiguring),
            b"8" => Some(Self::Reconfigured),
            _ => None,
        }
    }
}

/// What the wait for a backend ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The state that was waited for.
    Reached,
    /// The backend's directory is gone.
    Gone,
}

/// Waits until the backend at `dir` is in the state `wanted`, or gone; [`Code::Timedout`] after `limit`.
pub(super) async fn wait(op: &Op, dir: &str, wanted: XenbusState, limit: Duration) -> Result<Seen> {
    let path = format!("{dir}/state");
    let mut last = None;
    let watch = op.watch(&path).await?;
    let watched = op
        .timeout(limit, "backend state", async {
            loop {
                watch.changed().await?;
                let Some(value) = op.store()?.read(&path).await? else {
                    return Ok(Seen::Gone);
                };
                last = XenbusState::parse(&value);
                if last == Some(wanted) {
                    return Ok(Seen::Reached);
                }
            }
        })
        .await;
    watched.map_err(|error| match error.code() {
        Code::Timedout => timed_out(dir, wanted, last, limit),
        _ => error,
    })
}

fn timed_out(dir: &str, wanted: XenbusState, last: Option<XenbusState>, limit: Duration) -> Error {
    let last = last.map_or_else(|| "no state".to_owned(), |state| format!("{state:?}"));
    let what = format!(
        "{dir} is not {wanted:?} after {} s, it is at {last}",
        limit.as_secs()
    );
    Error::new(Code::Timedout, what)
        .hint("check that the backend driver (xen-blkback, xen-netback) is loaded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_single_digit_is_a_state() {
        for number in 1..=8u8 {
            let state = XenbusState::parse(&[b'0' + number]).unwrap();
            assert_eq!(state.number(), number);
        }
        for value in [
            &b""[..],
            b"0",
            b"9",
            b"02",
            b"2 ",
            b"2\0",
            b"\xff",
            b"22222222",
        ] {
            assert_eq!(XenbusState::parse(value), None);
        }
    }
}
