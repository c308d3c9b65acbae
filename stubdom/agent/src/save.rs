//! Carrying QEMU's saved state to the toolstack.
//!
//! The toolstack asks QEMU to save into `/dev/fdset/1`, meant to be the second console, and takes the
//! answer as "the state is in the file behind that console". QEMU cannot open a terminal there (it
//! truncates what it saves to), so it saves into a file here, and [`send`] carries that over before
//! the toolstack gets the answer.

use std::fs::{self, File};
use std::io::{self, Write};

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
    let mut state = File::open(STATE_FILE).map_err(failed)?;
    let mut console = console::open_raw_output(CONSOLE)?;
    let sent = io::copy(&mut state, &mut console).map_err(failed)?;
    if sent == 0 {
        return Err(Error::new(format!("QEMU left {STATE_FILE} empty")));
    }
    console.write_all(&[0; 2 * RING]).map_err(failed)?;
    sys::drain(&console);
    fs::remove_file(STATE_FILE).map_err(failed)?;
    Ok(sent)
}
