//! Files, descriptors and exit statuses.

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::fs::File;
use std::io::{Error as IoError, ErrorKind, Read};
use std::ptr::null_mut;

use xenlight::log::Level;
use xenlight::{Code, Error, Result};

use crate::boundary::{self, OK, plain, required_str, store_out};
use crate::ctx::libxl_ctx;
use crate::mem;
use crate::types::log_failure;

/// What follows the last slash, malloc'd; `.` for NULL and for nothing.
///
/// # Safety
/// `name` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_basename(name: *const c_char) -> *mut c_char {
    plain("libxl_basename", null_mut(), || {
        if name.is_null() {
            return mem::string(".");
        }
        // SAFETY: not NULL, so a C string by the caller's promise.
        let name = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
        match name.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => mem::slice(&name[slash + 1..]).cast(),
            None if name.len() == 1 => mem::string("."),
            None => mem::slice(name).cast(),
        }
    })
}

/// Makes way for `/var/log/xen/NAME.log`, keeping ten older ones, and gives its path, malloc'd.
///
/// # Safety
/// `ctx` is a live context; `name` is NULL or a C string; `full_name` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_create_logfile(
    ctx: *mut libxl_ctx,
    name: *const c_char,
    full_name: *mut *mut c_char,
) -> c_int {
    boundary::status(ctx, "libxl_create_logfile", |_| {
        // SAFETY: NULL or a C string.
        let name = unsafe { required_str("name", name) }?;
        let path = xenlight::dm::rotate_log(name)?;
        let path = mem::string(&path.to_string_lossy());
        // SAFETY: NULL or valid for writing.
        unsafe { store_out("full_name", full_name, path) }?;
        Ok(OK)
    })
}

/// Reads a plain file into malloc'd memory; 0 or an errno, of which only ENOENT is not logged.
///
/// # Safety
/// `ctx` is NULL or a live context; `filename` is NULL or a C string; the others are NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_read_file_contents(
    ctx: *mut libxl_ctx,
    filename: *const c_char,
    data_r: *mut *mut c_void,
    datalen_r: *mut c_int,
) -> c_int {
    plain("libxl_read_file_contents", libc::EIO, || {
        // SAFETY: NULL or a C string.
        let read = unsafe { required_str("filename", filename) }.and_then(read_plain_file);
        match read {
            Ok(data) => {
                // read_plain_file checks that the length fits.
                let length = c_int::try_from(data.len()).unwrap_or(c_int::MAX);
                // SAFETY: NULL or valid for writing.
                unsafe {
                    if !data_r.is_null() {
                        data_r.write(mem::slice(&data).cast());
                    }
                    if !datalen_r.is_null() {
                        datalen_r.write(length);
                    }
                }
                0
            }
            Err(error) => {
                let errno = error.errno().unwrap_or(libc::EINVAL);
                if errno != libc::ENOENT {
                    // SAFETY: NULL or a live context.
                    unsafe { log_failure(ctx, &error) };
                }
                errno
            }
        }
    })
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

/// Reads exactly `sz` bytes; 0, an errno, or EPROTO where the file ends first.
///
/// # Safety
/// `ctx` is NULL or a live context; `data` is valid for writing `sz` bytes; the strings are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_read_exactly(
    ctx: *mut libxl_ctx,
    fd: c_int,
    data: *mut c_void,
    sz: isize,
    source: *const c_char,
    what: *const c_char,
) -> c_int {
    // SAFETY: the caller's buffer has room for what is asked for.
    let step = |done, left| unsafe { libc::read(fd, data.byte_add(done), left) };
    // SAFETY: the same contract.
    unsafe { exactly(ctx, "read", sz, source, what, step) }
}

/// Writes exactly `sz` bytes; 0 or an errno.
///
/// # Safety
/// `ctx` is NULL or a live context; `data` is valid for reading `sz` bytes; the strings are NULL or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_write_exactly(
    ctx: *mut libxl_ctx,
    fd: c_int,
    data: *const c_void,
    sz: isize,
    source: *const c_char,
    what: *const c_char,
) -> c_int {
    // SAFETY: the caller's buffer holds what is to be written.
    let step = |done, left| unsafe { libc::write(fd, data.byte_add(done), left) };
    // SAFETY: the same contract.
    unsafe { exactly(ctx, "write", sz, source, what, step) }
}

/// Repeats `step(done, left)` until nothing is left.
///
/// # Safety
/// `ctx` is NULL or a live context; the strings are NULL or C strings.
unsafe fn exactly(
    ctx: *mut libxl_ctx,
    verb: &str,
    size: isize,
    source: *const c_char,
    what: *const c_char,
    step: impl Fn(usize, usize) -> isize,
) -> c_int {
    let mut left = usize::try_from(size).unwrap_or(0);
    let mut done = 0;
    while left > 0 {
        let error = match usize::try_from(step(done, left)) {
            Ok(0) => IoError::from_raw_os_error(libc::EPROTO),
            Ok(some) => {
                done += some;
                left = left.saturating_sub(some);
                continue;
            }
            Err(_) => IoError::last_os_error(),
        };
        if error.kind() == ErrorKind::Interrupted {
            continue;
        }
        plain("libxl_*_exactly", (), || {
            // SAFETY: NULL or C strings.
            let (source, what) = unsafe { (text_or(source, "a file"), text_or(what, "data")) };
            let doing = format!("cannot {verb} {what} ({source}), {left} bytes are missing");
            // SAFETY: NULL or a live context.
            unsafe { log_failure(ctx, &Error::io(doing, &error)) };
        });
        return error.raw_os_error().unwrap_or(libc::EIO);
    }
    0
}

/// # Safety
/// `text` is NULL or a C string.
unsafe fn text_or(text: *const c_char, otherwise: &str) -> String {
    if text.is_null() {
        return otherwise.to_owned();
    }
    // SAFETY: not NULL, so a C string by the caller's promise.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

/// Makes a pipe; 0, or -1 after a line in the log.
///
/// # Safety
/// `ctx` is NULL or a live context; `pipes` is NULL or has room for two descriptors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_pipe(ctx: *mut libxl_ctx, pipes: *mut c_int) -> c_int {
    // SAFETY: pipe refuses a bad address, and the caller promises room for two.
    if unsafe { libc::pipe(pipes) } == 0 {
        return 0;
    }
    let error = Error::io("cannot make a pipe", &IoError::last_os_error());
    // SAFETY: NULL or a live context.
    plain("libxl_pipe", (), || unsafe { log_failure(ctx, &error) });
    -1
}

/// Sets or clears close-on-exec.
///
/// # Safety
/// `ctx` is NULL or a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_fd_set_cloexec(
    ctx: *mut libxl_ctx,
    fd: c_int,
    cloexec: c_int,
) -> c_int {
    let commands = (libc::F_GETFD, libc::F_SETFD);
    // SAFETY: the same contract.
    unsafe { set_flag(ctx, fd, commands, libc::FD_CLOEXEC, cloexec != 0) }
}

/// Sets or clears non-blocking mode.
///
/// # Safety
/// `ctx` is NULL or a live context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_fd_set_nonblock(
    ctx: *mut libxl_ctx,
    fd: c_int,
    nonblock: c_int,
) -> c_int {
    let commands = (libc::F_GETFL, libc::F_SETFL);
    // SAFETY: the same contract.
    unsafe { set_flag(ctx, fd, commands, libc::O_NONBLOCK, nonblock != 0) }
}

/// # Safety
/// `ctx` is NULL or a live context.
unsafe fn set_flag(
    ctx: *mut libxl_ctx,
    fd: c_int,
    (get, set): (c_int, c_int),
    flag: c_int,
    on: bool,
) -> c_int {
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
    let error = Error::io(what, &IoError::last_os_error());
    // SAFETY: NULL or a live context.
    plain("libxl_fd_set", (), || unsafe { log_failure(ctx, &error) });
    Code::Fail.raw()
}

/// Logs how a child ended, as a failure in any case.
///
/// # Safety
/// `ctx` is a live context; `what` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_report_child_exitstatus(
    ctx: *mut libxl_ctx,
    level: c_int,
    what: *const c_char,
    pid: libc::pid_t,
    status: c_int,
) {
    boundary::value(ctx, "libxl_report_child_exitstatus", (), |ctx| {
        // SAFETY: NULL or a C string.
        let what = unsafe { text_or(what, "child") };
        let pid = c_long::from(pid);
        ctx.log.line(
            level_of(level),
            None,
            format_args!("{what} [{pid}] {}", how_it_ended(status)),
        );
        Ok(())
    });
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
    use super::*;

    fn basename(path: &CStr) -> String {
        // SAFETY: a C string in, a malloc'd one out.
        unsafe {
            let base = libxl_basename(path.as_ptr());
            let text = text_or(base, "NULL");
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
