//! Descriptors that must not survive in a forked child: store connections, held lock files.
//!
//! The application may fork at any time in any thread, and then ask the library to forget what belongs to the parent.
//! So the table is lock-free: slots are atomics that are made once and never freed, hence a child always finds it
//! in a usable state.

use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use super::standard;

const FREE: i32 = -1;
const PER_BLOCK: usize = 64;

struct Block {
    slots: [AtomicI32; PER_BLOCK],
    next: OnceLock<Box<Block>>,
}

impl Block {
    const fn new() -> Self {
        Self {
            slots: [const { AtomicI32::new(FREE) }; PER_BLOCK],
            next: OnceLock::new(),
        }
    }
}

static TABLE: Block = Block::new();

/// How often this process was told that it is a forked child.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// The number of times that [`close_all_in_child`] ran in this process and its ancestors. What was made under another
/// number is a parent's.
pub fn generation() -> u64 {
    GENERATION.load(Ordering::Acquire)
}

/// An owned descriptor that [`close_all_in_child`] closes; afterwards it reads as closed (-1).
#[derive(Debug)]
pub struct SensitiveFd {
    slot: &'static AtomicI32,
}

impl SensitiveFd {
    /// Takes over `fd`, under another number where it has that of a standard stream.
    pub fn new(fd: OwnedFd) -> Self {
        let raw = standard::not_one_of_them(fd).into_raw_fd();
        let mut block = &TABLE;
        loop {
            for slot in &block.slots {
                let taken = slot.compare_exchange(FREE, raw, Ordering::AcqRel, Ordering::Relaxed);
                if taken.is_ok() {
                    return Self { slot };
                }
            }
            block = block.next.get_or_init(|| Box::new(Block::new()));
        }
    }

    /// The descriptor, unless it was closed because this is a forked child.
    pub fn get(&self) -> Option<BorrowedFd<'_>> {
        let raw = self.slot.load(Ordering::Acquire);
        if raw == FREE {
            return None;
        }
        // SAFETY: the slot owns the descriptor while it is not FREE; it is closed by drop, which needs `self`
        // exclusively, or by close_all_in_child, before which the caller promises that no other call is running.
        Some(unsafe { BorrowedFd::borrow_raw(raw) })
    }
}

impl AsRawFd for SensitiveFd {
    fn as_raw_fd(&self) -> RawFd {
        self.slot.load(Ordering::Acquire)
    }
}

impl Drop for SensitiveFd {
    fn drop(&mut self) {
        // A slot emptied by close_all_in_child may belong to another owner by now only in a child whose old contexts
        // are dead; those are leaked, never dropped (see engine::Ctx::close).
        close(self.slot.swap(FREE, Ordering::AcqRel));
    }
}

/// Closes the parent's descriptors in a forked child. All contexts made before are dead afterwards.
pub fn close_all_in_child() {
    GENERATION.fetch_add(1, Ordering::AcqRel);
    let mut block = Some(&TABLE);
    while let Some(now) = block {
        for slot in &now.slots {
            close(slot.swap(FREE, Ordering::AcqRel));
        }
        block = now.next.get().map(|next| &**next);
    }
}

fn close(raw: RawFd) {
    if raw != FREE {
        // SAFETY: the slot owned `raw` and was emptied by the caller, so nobody else closes or uses it.
        unsafe { libc::close(raw) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owns_until_dropped() {
        let (ours, theirs) = rustix::pipe::pipe().unwrap();
        let fds: Vec<_> = (0..2 * PER_BLOCK)
            .map(|_| SensitiveFd::new(ours.try_clone().unwrap()))
            .collect();
        let raws: std::collections::BTreeSet<_> = fds.iter().map(|fd| fd.as_raw_fd()).collect();
        assert_eq!(raws.len(), fds.len());
        let last = SensitiveFd::new(ours);
        assert_eq!(rustix::io::write(&theirs, b"x").unwrap(), 1);
        let mut byte = [0];
        assert_eq!(rustix::io::read(last.get().unwrap(), &mut byte).unwrap(), 1);
        let id = |fd: BorrowedFd| rustix::fs::fstat(fd).map(|stat| (stat.st_dev, stat.st_ino));
        let pipe = id(last.get().unwrap()).unwrap();
        drop((fds, last));
        // Other threads may hold these numbers by now, and their children copies of the pipe: only who has it here counts.
        for raw in raws {
            // SAFETY: fstat takes a closed number for an answer.
            let fd = unsafe { BorrowedFd::borrow_raw(raw) };
            assert_ne!(id(fd), Ok(pipe), "{raw} is still open");
        }
    }
}
