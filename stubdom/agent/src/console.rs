//! The domain's consoles: hvc0 is the log, hvc1 takes the saved state, hvc2 brings it back, and hvc3
//! and up are the guest's serial ports.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::sys;

const LOG: &str = "/dev/hvc0";

/// Makes the log console this process's and all its children's output. The kernel's own choice of
/// console depends on its command line, which is empty by default.
pub(crate) fn open() {
    if let Ok(log) = OpenOptions::new().read(true).write(true).open(LOG) {
        sys::replace_stdio(&log);
    }
}

/// One line on the log console.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "stubdom: {text}");
}

/// Waits until what was said has left this domain.
pub(crate) fn drain() {
    sys::drain(&std::io::stdout());
}

/// Waits until `path` can be opened: the node exists before its backend is there.
pub(crate) fn await_open(path: &Path, timeout: Duration) -> Result<()> {
    let deadline = Instant::now() + timeout;
    loop {
        match OpenOptions::new().read(true).write(true).open(path) {
            Ok(_) => return Ok(()),
            Err(source) if Instant::now() > deadline => {
                return Err(Error::new(format!(
                    "cannot open serial console {} within {} s: {source}; what serves this domain's consoles in dom0 did not connect it",
                    path.display(),
                    timeout.as_secs()
                )));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// Opens a console that carries binary data to this domain, raw from its first byte, and lets a child
/// inherit it. Returns the file and the number that the child will see.
pub(crate) fn open_incoming(path: &str) -> Result<(File, RawFd)> {
    let failed = |source| Error::io(format!("open {path} for the saved state"), source);
    // Data may be waiting already. Nothing else may run between opening and going raw, or the line
    // discipline would get at it.
    let file = sys::without_preemption(|| {
        let file = OpenOptions::new().read(true).open(path)?;
        sys::make_raw(&file)?;
        Ok(file)
    })
    .map_err(failed)?;
    sys::keep_across_exec(&file).map_err(failed)?;
    let descriptor = file.as_raw_fd();
    Ok((file, descriptor))
}

/// Opens a console for binary output.
pub(crate) fn open_raw_output(path: &str) -> Result<File> {
    let failed = |source| Error::io(format!("open {path}"), source);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(failed)?;
    sys::make_raw(&file).map_err(failed)?;
    Ok(file)
}
