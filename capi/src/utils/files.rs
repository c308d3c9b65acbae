//! Files, descriptors and exit statuses.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::fs::File;
use std::io::{Error as IoError, ErrorKind, Read};
use std::ptr::null_mut;

use xenlight::log::Level;
use xenlight::{Code, Error, Result};

use crate::args::{Buffer, Bytes, LogOf, Out, Room, Text};
use crate::boundary::OK;
use crate::export::export;
use crate::mem;

export! {
    /// What follows the last slash, malloc'd; `.` for NULL and for nothing.
    fn libxl_basename(name: Text) -> *mut c_char [else null_mut()] {
        let name = name.bytes().unwrap_or_default();
        match name.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => mem::c_string(&name[slash + 1..]),
            None if name.is_empty() => mem::string("."),
            None => mem::c_string(name),
        }
    }

    /// Makes way for `/var/log/xen/NAME.log`, keeping ten older ones, and gives its path, malloc'd.
    fn libxl_create_logfile(_this, name: Text, full_name: Out<*mut c_char>) {
        let path = xenlight::dm::rotate_log(name.required()?)?;
        full_name.text(&path.to_string_lossy())
    }

    /// Reads a plain file into malloc'd memory; 0 or an errno, of which only ENOENT is not logged.
    fn libxl_read_file_contents(
        ctx: LogOf,
        filename: Text,
        data_r: Out<*mut c_void>,
        datalen_r: Out<c_int>,
    ) -> c_int [else libc::EIO] {
        match filename.required().and_then(read_plain_file) {
            Ok(data) => {
                data_r.offer(|| mem::slice(&data).cast());
                // read_plain_file checks that the length fits.
                datalen_r.offer(|| c_int::try_from(data.len()).unwrap_or(c_int::MAX));
                0
            }
            Err(error) => {
                let errno = error.errno().unwrap_or(libc::EINVAL);
                if errno != libc::ENOENT {
                    ctx.failure(&error);
                }
                errno
            }
        }
    }

    /// Reads exactly `sz` bytes; 0, an errno, or EPROTO where the file ends first.
    fn libxl_read_exactly(
        ctx: LogOf,
        fd: c_int,
        data: Buffer[sz],
        sz: isize,
        source: Text,
        what: Text,
    ) -> c_int [else libc::EIO] {
        exactly(ctx, "read", sz, source, what, |done| data.read(fd, done))
    }

    /// Writes exactly `sz` bytes; 0 or an errno.
    fn libxl_write_exactly(
        ctx: LogOf,
        fd: c_int,
        data: Bytes<*const c_void>[sz],
        sz: isize,
        source: Text,
        what: Text,
    ) -> c_int [else libc::EIO] {
        exactly(ctx, "write", sz, source, what, |done| data.write(fd, done))
    }

    /// Makes a pipe; 0, or -1 after a line in the log.
    fn libxl_pipe(ctx: LogOf, pipes: Room<c_int>[2]) -> c_int [else -1] {
        // SAFETY: pipe refuses NULL, and there is room for two otherwise.
        if unsafe { libc::pipe(pipes.place()) } == 0 {
            return 0;
        }
        ctx.failure(&Error::io("cannot make a pipe", &IoError::last_os_error()));
        -1
    }

    /// Sets or clears close-on-exec.
    fn libxl_fd_set_cloexec(ctx: LogOf, fd: c_int, cloexec: c_int) -> c_int [else Code::Fail.raw()] {
        let commands = (libc::F_GETFD, libc::F_SETFD);
        set_flag(ctx, fd, commands, libc::FD_CLOEXEC, cloexec != 0)
    }

    /// Sets or clears non-blocking mode.
    fn libxl_fd_set_nonblock(ctx: LogOf, fd: c_int, nonblock: c_int) -> c_int [else Code::Fail.raw()] {
        let commands = (libc::F_GETFL, libc::F_SETFL);
        set_flag(ctx, fd, commands, libc::O_NONBLOCK, nonblock != 0)
    }

    /// Logs how a child ended, as a failure in any case.
    fn libxl_report_child_exitstatus(
        this,
        level: c_int,
        what: Text,
        pid: libc::pid_t,
        status: c_int,
    ) -> () [else ()] {
        let (what, pid) = (what.lossy_or("child"), c_long::from(pid));
        this.log.line(
            level_of(level),
            None,
            format_args!("{what} [{pid}] {}", how_it_ended(status)),
        );
        Ok(())
    }
}

fn read_plain_file(name: &str) -> Result<Vec<u8>> {
    let refuse = |errno| {
        Error::io(
            format_args!("cannot read {name}"),
            &IoError::from_raw_os_error(errno),
        )
    };
    let fail = |error: IoError| Error::io(format_args!("cannot read {name}"), &error);
    let mut file = File::open(name).map_err(fail)?;
    let about = file.metadata().map_err(fail)?;
    if !about.is_file() {
        return Err(refuse(libc::ENOTTY));
    }
    if about.len() > c_int::MAX as u64 {
        return Err(refuse(libc::EFBIG));
    }
    // What was appended since does not count, nor what a file has that says to be empty, as those in /proc do.
    let mut data = Vec::new();
    file.by_ref()
        .take(about.len())
        .read_to_end(&mut data)
        .map_err(fail)?;
    if data.len() as u64 != about.len() {
        return Err(refuse(libc::EAGAIN).hint("it became shorter while it was read"));
    }
    Ok(data)
}

/// Repeats `step(done)` until `size` bytes are done.
fn exactly(
    ctx: LogOf,
    verb: &str,
    size: isize,
    source: Text,
    what: Text,
    step: impl Fn(usize) -> isize,
) -> c_int {
    let size = usize::try_from(size).unwrap_or(0);
    let mut done = 0;
    while done < size {
        let error = match usize::try_from(step(done)) {
            Ok(0) => IoError::from_raw_os_error(libc::EPROTO),
            Ok(some) => {
                done += some;
                continue;
            }
            Err(_) => IoError::last_os_error(),
        };
        if error.kind() == ErrorKind::Interrupted {
            continue;
        }
        let (source, what) = (source.lossy_or("a file"), what.lossy_or("data"));
        let left = size.saturating_sub(done);
        let doing = format!("cannot {verb} {what} ({source}), {left} bytes are missing");
        ctx.failure(&Error::io(doing, &error));
        return error.raw_os_error().unwrap_or(libc::EIO);
    }
    0
}

fn set_flag(ctx: LogOf, fd: c_int, (get, set): (c_int, c_int), flag: c_int, on: bool) -> c_int {
    // SAFETY: these commands touch no memory; a bad descriptor is an error.
    let changed = unsafe {
        match libc::fcntl(fd, get) {
            -1 => -1,
            flags if on => libc::fcntl(fd, set, flags | flag),
            flags => libc::fcntl(fd, set, flags & !flag),
        }
    };
    if changed != -1 {
        return OK;
    }
    let what = format!("cannot change the flags of descriptor {fd}");
    ctx.failure(&Error::io(what, &IoError::last_os_error()));
    Code::Fail.raw()
}

fn level_of(level: c_int) -> Level {
    match level {
        ..=1 => Level::Debug,
        2 => Level::Verbose,
        3 | 4 => Level::Detail,
        5 | 6 => Level::Info,
        7 => Level::Warn,
        _ => Level::Error,
    }
}

fn how_it_ended(status: c_int) -> String {
    if libc::WIFEXITED(status) {
        match libc::WEXITSTATUS(status) {
            0 => "unexpectedly exited status zero".to_owned(),
            code => format!("exited with error status {code}"),
        }
    } else if libc::WIFSIGNALED(status) {
        let core = if libc::WCOREDUMP(status) {
            " (core dumped)"
        } else {
            ""
        };
        format!("died due to signal {}{core}", libc::WTERMSIG(status))
    } else {
        format!("gave unknown wait status {status:#x}")
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn basename(path: &CStr) -> String {
        // SAFETY: a C string in, a malloc'd one out.
        unsafe {
            let base = libxl_basename(path.as_ptr());
            let text = CStr::from_ptr(base).to_string_lossy().into_owned();
            libc::free(base.cast());
            text
        }
    }

    #[test]
    fn base_names() {
        assert_eq!(basename(c"/a/b"), "b");
        assert_eq!(basename(c"b"), "b");
        assert_eq!(basename(c"/a/"), "");
        assert_eq!(basename(c""), ".");
    }

    #[test]
    fn exactly_means_exactly() {
        let mut pipe = [0; 2];
        let mut buffer = [0_u8; 4];
        // SAFETY: descriptors of this test and its buffers.
        unsafe {
            assert_eq!(libxl_pipe(null_mut(), pipe.as_mut_ptr()), 0);
            let data = c"abc".as_ptr();
            assert_eq!(
                libxl_write_exactly(null_mut(), pipe[1], data.cast(), 3, data, data),
                0
            );
            libc::close(pipe[1]);
            let read = |size, buffer: &mut [u8]| {
                libxl_read_exactly(
                    null_mut(),
                    pipe[0],
                    buffer.as_mut_ptr().cast(),
                    size,
                    data,
                    data,
                )
            };
            assert_eq!(read(2, &mut buffer), 0);
            assert_eq!(&buffer[..2], b"ab");
            assert_eq!(read(2, &mut buffer), libc::EPROTO);
            libc::close(pipe[0]);
            assert_eq!(read(1, &mut buffer), libc::EBADF);
            assert_eq!(libxl_fd_set_cloexec(null_mut(), -1, 1), Code::Fail.raw());
        }
    }

    #[test]
    fn plain_files_only() {
        assert_eq!(
            read_plain_file("/").unwrap_err().errno(),
            Some(libc::ENOTTY)
        );
        assert_eq!(
            read_plain_file("/nonexistent").unwrap_err().errno(),
            Some(libc::ENOENT)
        );
    }
}
