//! A SIGCHLD handler for the applications that ask the library to collect their children.
//!
//! The handler writes to an eventfd per context; nothing else is done in signal context.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};

use super::fork::SensitiveFd;

const FREE: i32 = -1;
/// Contexts that can have a handler at the same time.
const CONTEXTS: usize = 256;

static TARGETS: [AtomicI32; CONTEXTS] = [const { AtomicI32::new(FREE) }; CONTEXTS];
static BEFORE: Mutex<Option<Before>> = Mutex::new(None);

struct Before {
    action: libc::sigaction,
    users: usize,
}

/// One context's share in the handler; dropping the last one restores what was there before.
#[derive(Debug)]
pub struct Handler {
    fd: SensitiveFd,
    target: &'static AtomicI32,
}

impl Handler {
    /// Installs the handler, unless another context has done so. The application must not have one.
    pub fn install() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        let fd: OwnedFd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let fd = SensitiveFd::new(fd);
        let raw = fd.as_raw_fd();
        let taken = TARGETS.iter().find(|target| {
            target
                .compare_exchange(FREE, raw, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
        });
        let Some(target) = taken else {
            return Err(io::Error::other("too many contexts collect children"));
        };
        let handler = Self { fd, target };
        add_user()?;
        Ok(handler)
    }

    /// Readable after a child ended.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.fd.get()
    }

    /// Makes it unreadable again; to be called before children are looked at.
    pub fn clear(&self) {
        if let Some(fd) = self.fd.get() {
            // EAGAIN means that no child ended since the last time.
            let _ = rustix::io::read(fd, &mut [0; 8]);
        }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.target.store(FREE, Ordering::Release);
        let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = before.as_mut() {
            state.users -= 1;
            if state.users == 0 {
                restore(&state.action);
                *before = None;
            }
        }
    }
}

fn add_user() -> io::Result<()> {
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(state) = before.as_mut() {
        state.users += 1;
        return Ok(());
    }
    // SAFETY: plain memory, filled before it is read; the handler is async-signal-safe.
    let action = unsafe {
        let mut ours: libc::sigaction = std::mem::zeroed();
        ours.sa_sigaction = handler as *const () as usize;
        ours.sa_flags = libc::SA_NOCLDSTOP | libc::SA_RESTART;
        libc::sigemptyset(&raw mut ours.sa_mask);
        let mut action = std::mem::zeroed();
        if libc::sigaction(libc::SIGCHLD, &raw const ours, &raw mut action) < 0 {
            return Err(io::Error::last_os_error());
        }
        action
    };
    *before = Some(Before { action, users: 1 });
    Ok(())
}

fn restore(action: &libc::sigaction) {
    // SAFETY: `action` came from sigaction(2).
    unsafe {
        libc::sigaction(
            libc::SIGCHLD,
            std::ptr::from_ref(action),
            std::ptr::null_mut(),
        )
    };
}

/// Whether the process ignores SIGCHLD, so that exit statuses would be lost.
pub fn is_ignored() -> bool {
    // SAFETY: only asks; the result is plain memory.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGCHLD, std::ptr::null(), &raw mut action);
        action.sa_sigaction == libc::SIG_IGN || action.sa_flags & libc::SA_NOCLDWAIT != 0
    }
}

/// In a forked child: the handler is the parent's affair, the default comes back.
pub fn forget_in_child() {
    TARGETS
        .iter()
        .for_each(|target| target.store(FREE, Ordering::Release));
    // Another thread of the parent may have held the lock; then there is nothing to restore from.
    let Ok(mut before) = BEFORE.try_lock() else {
        return;
    };
    if let Some(state) = before.take() {
        restore(&state.action);
    }
}

extern "C" fn handler(_: libc::c_int) {
    // SAFETY: errno is this thread's; write(2) is async-signal-safe, and a closed descriptor only gives EBADF.
    unsafe {
        let errno = *libc::__errno_location();
        for target in &TARGETS {
            let fd = target.load(Ordering::Acquire);
            if fd != FREE {
                let one = 1_u64.to_ne_bytes();
                libc::write(fd, one.as_ptr().cast(), one.len());
            }
        }
        *libc::__errno_location() = errno;
    }
}
