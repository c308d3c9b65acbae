//! The contents of a large file or of what was unpacked of one.

use std::borrow::Cow;
use std::mem;
use std::ops::Deref;

/// Bytes given back at a time. Linux holds the lock of this process's address space meanwhile, and the other threads wait.
const PIECE: usize = 4 << 20;

/// Bytes that are somebody else's, or large ones of its own, which it gives back in pieces.
#[derive(Clone, Debug)]
pub struct Contents<'a>(Cow<'a, [u8]>);

impl<'a> From<&'a [u8]> for Contents<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Contents<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Cow::Owned(bytes))
    }
}

impl Contents<'_> {
    /// Its own bytes, which are copied where they are somebody else's.
    pub(super) fn to_mut(&mut self) -> &mut Vec<u8> {
        self.0.to_mut()
    }
}

impl Deref for Contents<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Contents<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(bytes) = mem::take(&mut self.0) {
            give_back(bytes);
        }
    }
}

fn give_back(mut bytes: Vec<u8>) {
    while bytes.capacity() > PIECE {
        let left = bytes.capacity() - PIECE;
        bytes.truncate(left);
        bytes.shrink_to(left);
        if bytes.capacity() > left {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_borrowed_is_copied_before_it_changes() {
        let bytes = [1, 2, 3];
        let mut contents = Contents::from(&bytes[..]);
        contents.to_mut().push(4);
        contents.to_mut().push(5);
        assert_eq!(*contents, [1, 2, 3, 4, 5]);
        assert_eq!(bytes, [1, 2, 3]);
    }

    #[test]
    fn large_ones_are_given_back_to_the_last_byte() {
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 3] {
            let mut bytes = Vec::with_capacity(size);
            bytes.extend_from_slice(&[7; 3][..size.min(3)]);
            give_back(bytes);
        }
    }
}
