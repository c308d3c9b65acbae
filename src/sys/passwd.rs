//! Users of the host, from the databases that its nsswitch.conf names.

use std::ffi::{CString, c_char, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// Entries with long comments need more than a page; nothing needs more than this.
const LARGEST: usize = 1 << 20;

/// A user's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The user id.
    pub uid: u32,
    /// The id of the user's first group.
    pub gid: u32,
}

/// The user called `name`; `None` when there is no such user.
pub fn by_name(name: &str) -> io::Result<Option<User>> {
    let Ok(name) = CString::new(name) else {
        return Ok(None);
    };
    look_up(|entry, buffer, length, found| {
        // SAFETY: `name` ends in NUL and outlives the call; the other arguments are `look_up`'s, which fit together.
        unsafe { libc::getpwnam_r(name.as_ptr(), entry, buffer, length, found) }
    })
}

/// The user with the number `uid`; `None` when there is no such user.
pub fn by_uid(uid: u32) -> io::Result<Option<User>> {
    look_up(|entry, buffer, length, found| {
        // SAFETY: the arguments are `look_up`'s, which fit together.
        unsafe { libc::getpwuid_r(uid, entry, buffer, length, found) }
    })
}

/// Calls `get` with room for an entry, room for its strings with its length, and a place for the answer, until the room
/// is large enough.
fn look_up(
    get: impl Fn(*mut libc::passwd, *mut c_char, usize, *mut *mut libc::passwd) -> c_int,
) -> io::Result<Option<User>> {
    let mut buffer: Vec<c_char> = vec![0; 4096];
    loop {
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let mut found = ptr::null_mut();
        let status = get(
            entry.as_mut_ptr(),
            buffer.as_mut_ptr(),
            buffer.len(),
            &raw mut found,
        );
        match status {
            0 if found.is_null() => return Ok(None),
            0 => {
                // SAFETY: the answer is not NULL, so it points to `entry`, which the call has filled in.
                let entry = unsafe { &*found };
                return Ok(Some(User {
                    uid: entry.pw_uid,
                    gid: entry.pw_gid,
                }));
            }
            libc::ERANGE if buffer.len() < LARGEST => {
                let larger = buffer.len() * 2;
                buffer.resize(larger, 0);
            }
            libc::ENOENT | libc::ESRCH => return Ok(None),
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_0_and_strangers_are_nobody() {
        let root = User { uid: 0, gid: 0 };
        assert_eq!(by_name("root").unwrap(), Some(root));
        assert_eq!(by_uid(0).unwrap(), Some(root));
        assert_eq!(by_name("no such user here").unwrap(), None);
        assert_eq!(by_name("a\0b").unwrap(), None);
        assert_eq!(by_uid(0x7654_3210).unwrap(), None);
    }
}
