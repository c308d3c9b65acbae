//! Messages: a header of four native-endian words, then up to 4096 bytes.

use std::fmt;

/// Bytes of a header.
pub const HEADER: usize = 16;
/// The longest payload of a message, in bytes.
pub const PAYLOAD_MAX: usize = 4096;

/// What a message asks for or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// The names of a node's children.
    Directory = 1,
    /// A node's value.
    Read = 2,
    /// A node's permissions.
    GetPerms = 3,
    /// Asks for events of a node and all below.
    Watch = 4,
    /// Asks for them no more.
    Unwatch = 5,
    /// Begins a transaction.
    TransactionStart = 6,
    /// Ends it, with effect or without.
    TransactionEnd = 7,
    /// Tells of a new domain.
    Introduce = 8,
    /// Tells of a domain's end.
    Release = 9,
    /// Sets a node's value.
    Write = 11,
    /// Makes a node.
    Mkdir = 12,
    /// Removes a node and all below.
    Rm = 13,
    /// Sets a node's permissions.
    SetPerms = 14,
    /// Something changed under a watch; nobody asked.
    WatchEvent = 15,
    /// A refusal, in answer to any request.
    Error = 16,
    /// Lets a domain act for another one.
    SetTarget = 19,
    /// A part of the names of a node's children.
    DirectoryPart = 22,
}

impl From<Kind> for u32 {
    fn from(kind: Kind) -> u32 {
        kind as u32
    }
}

/// What stands before each payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// A [`Kind`], or a number that is none.
    pub kind: u32,
    /// The request's number; an answer has the same.
    pub id: u32,
    /// The transaction, 0 for none.
    pub tx: u32,
    /// Bytes of the payload, at most [`PAYLOAD_MAX`].
    pub length: usize,
}

/// Somebody announced a payload that is longer than there can be: the stream cannot be understood any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong(u32);

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(length) = self;
        write!(
            f,
            "a message of {length} bytes, at most {PAYLOAD_MAX} are allowed"
        )
    }
}

impl std::error::Error for TooLong {}

impl Header {
    /// Whether its message is of this kind.
    pub fn is(&self, kind: Kind) -> bool {
        self.kind == u32::from(kind)
    }

    /// Reads a header.
    pub fn parse(bytes: &[u8; HEADER]) -> Result<Self, TooLong> {
        let word = |at: usize| {
            let [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
            u32::from_ne_bytes([a, b, c, d])
        };
        let announced = word(12);
        match usize::try_from(announced) {
            Ok(length @ ..=PAYLOAD_MAX) => Ok(Self {
                kind: word(0),
                id: word(4),
                tx: word(8),
                length,
            }),
            _ => Err(TooLong(announced)),
        }
    }
}

/// One whole message.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub header: Header,
    /// As many bytes as the header says.
    pub payload: Vec<u8>,
}

impl Message {
    /// Whether it is of this kind.
    pub fn is(&self, kind: Kind) -> bool {
        self.header.is(kind)
    }
}

/// A message with `parts` behind each other as its payload; `None` when that is too long.
pub fn encode(kind: impl Into<u32>, id: u32, tx: u32, parts: &[&[u8]]) -> Option<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if length > PAYLOAD_MAX {
        return None;
    }
    let mut out = Vec::with_capacity(HEADER + length);
    for word in [kind.into(), id, tx, u32::try_from(length).ok()?] {
        out.extend_from_slice(&word.to_ne_bytes());
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    Some(out)
}

/// Takes one whole message off the front of `bytes`, and tells how long it is with its header; `None` when more is needed.
pub fn decode(bytes: &[u8]) -> Result<Option<(Message, usize)>, TooLong> {
    let Some((header, rest)) = bytes.split_first_chunk() else {
        return Ok(None);
    };
    let header = Header::parse(header)?;
    let Some(payload) = rest.get(..header.length) else {
        return Ok(None);
    };
    let payload = payload.to_vec();
    Ok(Some((Message { header, payload }, HEADER + header.length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_goes_both_ways() {
        let bytes = encode(Kind::Write, 7, 9, &[b"/a\0", b"value"]).unwrap();
        let words = [11, 7, 9, 8].map(u32::to_ne_bytes).concat();
        assert_eq!(bytes, [&words, &b"/a\0value"[..]].concat());
        let (message, used) = decode(&bytes).unwrap().unwrap();
        assert_eq!(used, bytes.len());
        let Header {
            kind,
            id,
            tx,
            length,
        } = message.header;
        assert_eq!((kind, id, tx, length), (11, 7, 9, 8));
        assert!(message.is(Kind::Write) && !message.is(Kind::Read));
        assert_eq!(message.payload, b"/a\0value");
        for cut in 0..bytes.len() {
            assert_eq!(decode(&bytes[..cut]).unwrap(), None);
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let big = vec![0; PAYLOAD_MAX + 1];
        assert!(encode(Kind::Write, 1, 0, &[&big]).is_none());
        assert!(encode(Kind::Write, 1, 0, &[&big[..4000], &big[..96]]).is_some());
        assert!(encode(Kind::Write, 1, 0, &[&big[..4000], &big[..97]]).is_none());
        let mut bytes = encode(Kind::Read, 1, 0, &[]).unwrap();
        for length in [4097, u32::MAX] {
            bytes[12..16].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(decode(&bytes), Err(TooLong(length)));
        }
    }
}
