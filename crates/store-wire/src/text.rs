//! The texts in a message's payload: paths, names, numbers, and the daemon's words for an error.

/// The longest absolute path in bytes, without its NUL.
pub const PATH_MAX: usize = 3072 - 1;

/// Whether a path may go out: absolute (or one of the special watches), the daemon's characters, bounded.
pub fn is_path(path: &str) -> bool {
    let special = path.starts_with('@');
    (special || path.starts_with('/'))
        && path.len() <= PATH_MAX
        && path.bytes().all(is_path_byte)
        && !path.as_bytes().windows(2).any(|two| two == b"//")
        && (path.len() == 1 || !path.ends_with('/'))
}

/// Whether a node can have this name.
pub fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| *byte != b'/' && is_path_byte(*byte))
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-/_@".contains(&byte)
}

/// The names that the daemon listed, in its order; `None` when one is impossible.
pub fn names(payload: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for name in payload.split(|byte| *byte == 0) {
        if !name.is_empty() {
            let text = std::str::from_utf8(name).ok()?;
            names.push(is_name(name).then(|| text.to_owned())?);
        }
    }
    Some(names)
}

/// A number that others may have written: decimal digits only, no sign.
pub fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// The number of the transaction that the daemon began.
pub fn transaction(payload: &[u8]) -> Option<u32> {
    number(std::str::from_utf8(payload.strip_suffix(b"\0")?).ok()?)
}

/// The path that changed, and the token of the watch that tells so.
pub fn event(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut texts = payload.split(|byte| *byte == 0);
    Some((texts.next()?, texts.next()?))
}

/// The error number behind a name in a refusal; EIO for one nobody knows.
pub fn errno(payload: &[u8]) -> i32 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_strict() {
        for good in ["/", "/local/domain/0", "@releaseDomain", "/a-b_c@d/E"] {
            assert!(is_path(good), "{good:?}");
        }
        let long = format!("/{}", "a".repeat(PATH_MAX));
        for bad in ["", "a", "/a//b", "/a/", "/a\0b", "/a b", "/ä", "/..", &long] {
            assert!(!is_path(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_listing_has_names_alone() {
        assert_eq!(names(b"vbd\0vif\0").unwrap(), ["vbd", "vif"]);
        assert!(names(b"").unwrap().is_empty());
        for bad in [&b"a/b\0"[..], b"vbd\0a b\0", b"\xff\0", b"..\0"] {
            assert_eq!(names(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_transaction_has_a_number() {
        assert_eq!(transaction(b"4711\0"), Some(4711));
        for bad in [&b"\0"[..], b"4711", b"+1\0", b"1 \0", b"99999999999\0"] {
            assert_eq!(transaction(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_event_has_a_path_and_a_token() {
        assert_eq!(event(b"/a\x007\0"), Some((&b"/a"[..], &b"7"[..])));
        assert_eq!(event(b"/a"), None);
    }

    #[test]
    fn errors_have_names() {
        assert_eq!(errno(b"ENOENT\0"), libc::ENOENT);
        assert_eq!(errno(b"EAGAIN"), libc::EAGAIN);
        assert_eq!(errno(b"ENOTHING\0"), libc::EIO);
    }
}
