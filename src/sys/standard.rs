//! Standard input, output and error of an application, which may have closed them: a file that is opened then gets such a
//! number, and what the application prints.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// The first number that is not one of the three.
const FIRST_OTHER: RawFd = 3;

/// Whether the descriptor with this number is open.
pub fn is_open(number: RawFd) -> bool {
    // SAFETY: the number is only asked about; that it is closed is one of the answers.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_getfd(fd).is_ok()
}

/// A copy of standard error, or /dev/null where it is closed.
pub fn error() -> io::Result<OwnedFd> {
    let stderr = io::stderr();
    match rustix::io::fcntl_dupfd_cloexec(stderr.as_fd(), FIRST_OTHER) {
        Err(rustix::io::Errno::BADF) => null(),
        copy => Ok(copy?),
    }
}

/// /dev/null, for reading and writing.
pub fn null() -> io::Result<OwnedFd> {
    let file = File::options().read(true).write(true).open("/dev/null")?;
    Ok(file.into())
}

/// Gives a descriptor that got one of the three numbers another one, as far as there is any.
pub fn not_one_of_them(fd: OwnedFd) -> OwnedFd {
    if fd.as_raw_fd() >= FIRST_OTHER {
        return fd;
    }
    rustix::io::fcntl_dupfd_cloexec(&fd, FIRST_OTHER).unwrap_or(fd)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::elsewhere;
    use super::super::fork::SensitiveFd;
    use super::*;
    use crate::engine::testing::Bench;
    use crate::engine::{Command, Op};

    #[test]
    fn closed_streams_stay_free_of_ours_and_scripts_have_some() {
        let status = elsewhere::command(module_path!(), "").status().unwrap();
        assert_eq!(status.code(), Some(0), "the line that failed");
    }

    /// The test program's own words must not go into what has the numbers of its streams.
    fn check(line: u32, holds: bool) {
        if !holds {
            std::process::exit(i32::try_from(line).unwrap());
        }
    }

    #[test]
    #[ignore = "another test runs it"]
    fn in_a_process_of_its_own() {
        std::panic::set_hook(Box::new(|why| {
            check(why.location().map_or(1, |at| at.line()), false);
        }));
        for number in [1, 2] {
            // SAFETY: nothing in this process uses them; what is opened next gets their numbers.
            unsafe { libc::close(number) };
        }
        check(line!(), !is_open(2));
        let (reads, writes) = rustix::pipe::pipe().unwrap();
        check(line!(), (reads.as_raw_fd(), writes.as_raw_fd()) == (1, 2));
        let kept = SensitiveFd::new(writes);
        check(line!(), kept.as_raw_fd() > 2 && !is_open(2));

        // Standard error is /dev/null then, and so is a child's.
        error().unwrap();
        drop(reads);
        let bench = Bench::new();
        let (ours, theirs) = std::io::pipe().unwrap();
        let (ours, theirs) = (not_one_of_them(ours.into()), not_one_of_them(theirs.into()));
        let status = bench.ctx.block_on(async |op: &Op| {
            let mut command = Command::new("sh").args(["-c", "readlink /proc/$$/fd/2 >&7"]);
            command.fds.push((7, theirs));
            op.spawn(command)?.wait().await
        });
        let mut text = String::new();
        File::from(ours).read_to_string(&mut text).unwrap();
        check(line!(), status.unwrap().success());
        check(line!(), text == "/dev/null\n");
        std::process::exit(0);
    }
}
