//! Threads of the library's own. An application's signal handlers never run in them.

use std::io;
use std::thread::{Builder, JoinHandle};

use super::spawn::BlockedSignals;

/// Starts a thread that no signal is delivered to; `name` is cut to 15 bytes by the kernel.
pub fn start(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    // The new thread inherits the mask.
    let signals = BlockedSignals::new();
    let started = Builder::new().name(name.to_owned()).spawn(body);
    drop(signals);
    started
}
