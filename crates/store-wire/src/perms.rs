//! Who may do what with a xenstore node, in the daemon's own notation (`n0`, `r5`).

use std::fmt;

use crate::text::number;

/// What a domain may do with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Nothing (`n`).
    None,
    /// Read (`r`).
    Read,
    /// Write (`w`).
    Write,
    /// Both (`b`).
    Both,
}

impl Access {
    fn letter(self) -> char {
        match self {
            Access::None => 'n',
            Access::Read => 'r',
            Access::Write => 'w',
            Access::Both => 'b',
        }
    }

    fn from_letter(letter: u8) -> Option<Self> {
        Some(match letter {
            b'n' => Access::None,
            b'r' => Access::Read,
            b'w' => Access::Write,
            b'b' => Access::Both,
            _ => return None,
        })
    }
}

/// The permissions of one node. The first entry names the owner, who may always do everything; its letter is
/// what domains that are not listed get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Perms(Vec<(u32, Access)>);

impl Perms {
    /// Owned by `owner`, everybody else gets `others`.
    pub fn new(owner: u32, others: Access) -> Self {
        Self(vec![(owner, others)])
    }

    /// `n<owner>`: nobody but the owner (and dom0).
    pub fn owner_only(owner: u32) -> Self {
        Self::new(owner, Access::None)
    }

    /// `n<owner>,r<reader>`: the owner, and `reader` may read.
    pub fn owner_read(owner: u32, reader: u32) -> Self {
        Self::owner_only(owner).and(reader, Access::Read)
    }

    /// Adds an entry for another domain.
    #[must_use]
    pub fn and(mut self, domid: u32, access: Access) -> Self {
        self.0.push((domid, access));
        self
    }

    /// The domain that owns the node.
    pub fn owner(&self) -> u32 {
        self.0[0].0
    }

    /// All entries, the owner's first.
    pub fn entries(&self) -> &[(u32, Access)] {
        &self.0
    }

    /// The wire form: each entry ends in a NUL.
    pub fn to_wire(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (domid, access) in &self.0 {
            out.extend_from_slice(format!("{}{domid}\0", access.letter()).as_bytes());
        }
        out
    }

    /// Reads the wire form; `None` for anything but `letter digits NUL` entries.
    pub fn from_wire(bytes: &[u8]) -> Option<Self> {
        let mut entries = Vec::new();
        for entry in bytes.strip_suffix(b"\0")?.split(|byte| *byte == 0) {
            let (letter, digits) = entry.split_first()?;
            let access = Access::from_letter(*letter)?;
            entries.push((number(std::str::from_utf8(digits).ok()?)?, access));
        }
        Some(Self(entries))
    }
}

impl fmt::Display for Perms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (domid, access)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}{domid}", access.letter())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_form_goes_both_ways() {
        let perms = Perms::owner_read(0, 5).and(7, Access::Both);
        assert_eq!(perms.to_wire(), b"n0\0r5\0b7\0");
        assert_eq!(Perms::from_wire(b"n0\0r5\0b7\0").unwrap(), perms);
        assert_eq!(perms.to_string(), "n0,r5,b7");
        assert_eq!(perms.owner(), 0);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            &b""[..],
            b"\0",
            b"n0",
            b"x0\0",
            b"n\0",
            b"n+1\0",
            b"n99999999999\0",
            b"n0\0\0",
        ] {
            assert_eq!(Perms::from_wire(bad), None, "{bad:?}");
        }
    }
}
