//! Users of the host, from whatever database it has.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// Entries with long comments need more than a page; nothing needs more than this.
const LARGEST: usize = 1 << 20;

/// The number of the user `name`; `None` when there is no such user.
pub fn uid_of(name: &str) -> io::Result<Option<u32>> {
    let Ok(name) = CString::new(name) else {
        return Ok(None);
    };
    let mut buffer = vec![0; 4096];
    loop {
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let mut found = ptr::null_mut();
        // SAFETY: `name` ends in NUL; the entry's strings go into `buffer`, whose length is passed; both outlive the
        // call and nothing of the entry is used afterwards but a number.
        let status = unsafe {
            libc::getpwnam_r(
                name.as_ptr(),
                entry.as_mut_ptr(),
                buffer.as_mut_ptr(),
                buffer.len(),
                &raw mut found,
            )
        };
        match status {
            0 if found.is_null() => return Ok(None),
            0 => {
                // SAFETY: `found` is not null, so getpwnam_r has filled in the entry it points to.
                return Ok(Some(unsafe { (*found).pw_uid }));
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
        assert_eq!(uid_of("root").unwrap(), Some(0));
        assert_eq!(uid_of("no such user here").unwrap(), None);
        assert_eq!(uid_of("a\0b").unwrap(), None);
    }
}
