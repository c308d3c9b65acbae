//! Carrying QEMU's saved state to the toolstack.
//!
//! The toolstack asks QEMU to save into `/dev/fdset/1`, meant to be the second console, and takes the
//! answer as "the state is in the file behind that console". QEMU cannot open a terminal there (it
//! truncates what it saves to), so it saves into a file here, and [`send`] carries that over before
//! the toolstack gets the answer.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Take, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::console;
use crate::error::{Error, Result};
use crate::sys;

/// Where QEMU writes its state instead.
pub(crate) const STATE_FILE: &str = "/run/qemu.state";
const CONSOLE: &str = "/dev/hvc1";
/// Size of a console's output ring (xen/io/console.h).
const RING: usize = 2048;

/// Sends the state file through the console and removes it.
///
/// The ring has no notion of "consumed up to here". Two rings full of zeros after the state do: when
/// they fit, the backend has taken everything before them *and* come back for more, which it does only
/// after writing what it had taken. QEMU stops reading at its own end mark, so a restore never sees them.
pub(crate) fn send() -> Result<u64> {
    let failed = |source| Error::io(format!("copy QEMU's state to {CONSOLE}"), source);
    let mut state = open(Path::new(STATE_FILE)).map_err(failed)?;
    let mut console = console::open_raw_output(CONSOLE)?;
    let sent = io::copy(&mut state, &mut console).map_err(failed)?;
    if sent == 0 {
        return Err(Error::new(
            "QEMU said that its state is saved, and saved nothing",
        ));
    }
    console.write_all(&[0; 2 * RING]).map_err(failed)?;
    sys::drain(&console);
    fs::remove_file(STATE_FILE).map_err(failed)?;
    Ok(sent)
}

/// The file as it is now. The directory is QEMU's, which may have put anything there: no link is followed, nothing that makes
/// a reader wait is opened, and what grows meanwhile is no part of it.
fn open(path: &Path) -> io::Result<Take<File>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let metadata = file.metadata()?;
    match metadata.is_file() {
        true => Ok(file.take(metadata.len())),
        false => Err(io::Error::other("it is no file")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    #[test]
    fn only_a_file_is_a_state() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        fs::write(path("state"), "state").expect("a file");
        let mut state = open(&path("state")).expect("opened");
        let grown = OpenOptions::new().append(true).open(path("state"));
        grown
            .and_then(|mut file| file.write_all(b" and more"))
            .expect("grown");
        let mut text = String::new();
        state.read_to_string(&mut text).expect("read");
        assert_eq!(text, "state");

        symlink(path("state"), path("link")).expect("a link");
        let made = Command::new("mkfifo").arg(path("pipe")).status();
        assert!(made.is_ok_and(|status| status.success()));
        let _socket = UnixListener::bind(path("socket")).expect("a socket");
        for name in ["link", "pipe", "socket", ".", "none"] {
            assert!(open(&path(name)).is_err(), "{name}");
        }
    }
}
