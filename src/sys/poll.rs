//! poll(2) on descriptors that are known by number: the reactor's table outlives no descriptor, but borrows none either.

use std::io;
use std::time::Duration;

pub use libc::pollfd as PollFd;

/// Waits until a descriptor is ready, `limit` has passed, or a signal came (then nothing is ready).
pub fn poll(fds: &mut [PollFd], limit: Option<Duration>) -> io::Result<usize> {
    let limit = limit.map(|limit| libc::timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(limit.subsec_nanos()),
    });
    let limit = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let count = libc::nfds_t::try_from(fds.len()).map_err(io::Error::other)?;
    // SAFETY: pointer and count are those of a live slice; the limit is NULL or a live timespec; no signal mask.
    let ready = unsafe { libc::ppoll(fds.as_mut_ptr(), count, limit, std::ptr::null()) };
    match usize::try_from(ready) {
        Ok(ready) => Ok(ready),
        Err(_) => {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
            fds.iter_mut().for_each(|fd| fd.revents = 0);
            Ok(0)
        }
    }
}
