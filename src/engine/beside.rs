//! A thread that works for an operation, beside the context.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::{fmt, io};

use super::wake::lock;
use crate::sys::held_log::{self, Held};

/// The thread, as others see it.
pub(super) struct Beside {
    pub(super) bell: OwnedFd,
    pub(super) held: Arc<Held>,
    /// Nobody waits for its result: it is to end soon.
    pub(super) unwanted: AtomicBool,
    /// It was told to end, and so its result is not whole.
    pub(super) stopped: AtomicBool,
    pub(super) ended: AtomicBool,
    pub(super) thread: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Beside(ended {})", self.ended.load(Ordering::SeqCst))
    }
}

impl Beside {
    pub(super) fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Self {
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            held: Arc::default(),
            unwanted: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            thread: Mutex::default(),
        })
    }

    pub(super) fn ring(&self) {
        // EAGAIN means that the counter is full, hence that the bell is heard anyway.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    pub(super) fn hush(&self) {
        let _ = rustix::io::read(&self.bell, &mut [0; 8]);
    }

    /// Tells the work to end soon.
    pub(super) fn abandon(&self) {
        self.unwanted.store(true, Ordering::SeqCst);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Waits in the calling thread. The work may need the context's lock to drop what it holds, so it must be free.
    pub(super) fn join(&self) {
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // Its panics were caught.
            let _ = thread.join();
        }
        self.deliver();
    }

    pub(super) fn deliver(&self) {
        self.held.take().iter().for_each(held_log::Line::deliver);
    }
}
