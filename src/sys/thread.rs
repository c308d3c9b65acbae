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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::UnsafeCell;
    use std::sync::{Arc, Barrier};

    struct Unguarded(UnsafeCell<u32>);

    // SAFETY: not sound, which is the point; nothing but the test below uses it, and a lost count is all that can come of it.
    unsafe impl Sync for Unguarded {}

    #[test]
    #[ignore = "a fault on purpose: `make tsan` must find it"]
    fn a_data_race() {
        let shared = Arc::new((Unguarded(UnsafeCell::new(0)), Barrier::new(2)));
        let threads = [0; 2].map(|_| {
            let shared = Arc::clone(&shared);
            start("race", move || {
                let (count, both) = &*shared;
                both.wait();
                // SAFETY: the pointer is that of a live number.
                unsafe { *count.0.get() += 1 };
            })
        });
        for thread in threads {
            thread.unwrap().join().unwrap();
        }
    }
}
