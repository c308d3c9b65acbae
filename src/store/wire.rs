//! The daemon's message format: a header of four native-endian words, then up to 4096 bytes. Source: xs_wire.h.

use crate::{Error, Result};

/// The longest payload of a message.
pub(super) const PAYLOAD_MAX: usize = 4096;
/// The longest absolute path, without its NUL.
pub(super) const PATH_MAX: usize = 3072 - 1;
const HEADER: usize = 16;

/// What a message asks for or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Kind {
    Directory = 1,
    Read = 2,
    GetPerms = 3,
    Watch = 4,
    Unwatch = 5,
    TransactionStart = 6,
    TransactionEnd = 7,
    Introduce = 8,
    Release = 9,
    Write = 11,
    Mkdir = 12,
    Rm = 13,
    SetPerms = 14,
    WatchEvent = 15,
    Error = 16,
    SetTarget = 19,
    DirectoryPart = 22,
}

/// One message from the daemon.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u32,
    pub(super) id: u32,
    pub(super) payload: Vec<u8>,
}

/// Appends a request to `out`; `None` when the payload is too long.
pub(super) fn encode(kind: Kind, id: u32, tx: u32, parts: &[&[u8]]) -> Option<Vec<u8>> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    if len > PAYLOAD_MAX {
        return None;
    }
    let mut out = Vec::with_capacity(HEADER + len);
    for word in [kind as u32, id, tx, u32::try_from(len).ok()?] {
        out.extend_from_slice(&word.to_ne_bytes());
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    Some(out)
}

/// Takes one whole message off the front of `bytes`; `None` when more is needed. An error means that the stream
/// cannot be understood any more.
pub(super) fn decode(bytes: &[u8]) -> Result<Option<(Message, usize)>> {
    let Some((header, rest)) = bytes.split_at_checked(HEADER) else {
        return Ok(None);
    };
    let word = |at: usize| {
        let mut four = [0; 4];
        four.copy_from_slice(&header[at * 4..at * 4 + 4]);
        u32::from_ne_bytes(four)
    };
    let len = word(3) as usize;
    if len > PAYLOAD_MAX {
        return Err(Error::fail(format!(
            "xenstored sent a message of {len} bytes, at most {PAYLOAD_MAX} are allowed"
        )));
    }
    let Some(payload) = rest.get(..len) else {
        return Ok(None);
    };
    let message = Message {
        kind: word(0),
        id: word(1),
        payload: payload.to_vec(),
    };
    Ok(Some((message, HEADER + len)))
}

/// The error number behind a name in an error reply; EIO for one nobody knows.
pub(super) fn errno(payload: &[u8]) -> i32 {
    match payload.strip_suffix(b"\0").unwrap_or(payload) {
        b"EINVAL" => libc::EINVAL,
        b"EACCES" => libc::EACCES,
        b"EEXIST" => libc::EEXIST,
        b"EISDIR" => libc::EISDIR,
        b"ENOENT" => libc::ENOENT,
        b"ENOMEM" => libc::ENOMEM,
        b"ENOSPC" => libc::ENOSPC,
        b"EROFS" => libc::EROFS,
        b"ENOTEMPTY" => libc::ENOTEMPTY,
        b"ENOSYS" => libc::ENOSYS,
        b"EBUSY" => libc::EBUSY,
        b"EAGAIN" => libc::EAGAIN,
        b"EISCONN" => libc::EISCONN,
        b"E2BIG" => libc::E2BIG,
        b"EPERM" => libc::EPERM,
        b"ESRCH" => libc::ESRCH,
        b"EFBIG" => libc::EFBIG,
        _ => libc::EIO,
    }
}

/// Checks a path before it goes out: absolute (or one of the special watches), the daemon's characters, bounded.
pub(super) fn check_path(path: &str) -> Result<()> {
    let special = path.starts_with('@');
    let fine = (special || path.starts_with('/'))
        && path.len() <= PATH_MAX
        && path.bytes().all(is_path_byte)
        && !path.contains("//")
        && (path.len() == 1 || !path.ends_with('/'));
    if fine {
        return Ok(());
    }
    Err(Error::inval(format!("{path:?} is not a xenstore path")))
}

/// Checks the name of a child that the daemon listed.
pub(super) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| *byte != b'/' && is_path_byte(*byte))
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-/_@".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_goes_both_ways() {
        let bytes = encode(Kind::Write, 7, 9, &[b"/a\0", b"value"]).unwrap();
        let (message, used) = decode(&bytes).unwrap().unwrap();
        assert_eq!(used, bytes.len());
        assert_eq!((message.kind, message.id), (11, 7));
        assert_eq!(message.payload, b"/a\0value");
        for cut in 0..bytes.len() {
            assert_eq!(decode(&bytes[..cut]).unwrap(), None);
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let big = vec![0; PAYLOAD_MAX + 1];
        assert!(encode(Kind::Write, 1, 0, &[&big]).is_none());
        let mut bytes = encode(Kind::Read, 1, 0, &[]).unwrap();
        bytes[12..16].copy_from_slice(&4097_u32.to_ne_bytes());
        assert!(decode(&bytes).is_err());
    }

    #[test]
    fn paths_are_strict() {
        for good in ["/", "/local/domain/0", "@releaseDomain", "/a-b_c@d/E"] {
            check_path(good).unwrap();
        }
        let long = format!("/{}", "a".repeat(PATH_MAX));
        for bad in ["", "a", "/a//b", "/a/", "/a\0b", "/a b", "/ä", "/..", &long] {
            assert!(check_path(bad).is_err(), "{bad:?}");
        }
    }
}
