//! The bootloader's terminal, and the one at which `xl console` shows it. What the bootloader prints comes out of the guest's
//! disk: it is copied and noted, never waited for and never understood.

use std::collections::VecDeque;
use std::fs::File;
use std::future::pending;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::io::{Errno, ioctl_fionbio};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::dm::{self, first};
use crate::engine::{Command, Op};
use crate::log::Level;
use crate::sys::standard;
use crate::{Domid, Error, Result, log_line};

/// Characters for the viewer that wait; the oldest are dropped for more.
const DISPLAY: usize = 64 * 1024;
/// The same for keys.
const KEYS: usize = 64 * 1024;
/// What is read at once.
const PIECE: usize = 4096;
/// What a bootloader that has ended may have left to be read.
const REST: usize = 256 * 1024;
/// A log takes so much.
const LARGEST_LOG: u64 = 1 << 20;

/// Both terminals, each with its two ends.
#[derive(Debug)]
pub(super) struct Terminal {
    program: Pty,
    viewer: Pty,
}

/// A pseudo-terminal. Its far end stays open here as well, so that it lives as long as this.
#[derive(Debug)]
struct Pty {
    near: OwnedFd,
    far: OwnedFd,
    path: String,
}

impl Pty {
    fn open() -> io::Result<Self> {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        let near = standard::not_one_of_them(near);
        grantpt(&near)?;
        unlockpt(&near)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let far = standard::not_one_of_them(ioctl_tiocgptpeer(&near, flags)?);
        // Nothing is changed or echoed on the way; the bootloader may set its own as it likes.
        let mut settings = tcgetattr(&near)?;
        settings.make_raw();
        tcsetattr(&near, OptionalActions::Now, &settings)?;
        ioctl_fionbio(&near, true)?;
        let path = ptsname(&near, Vec::new())?;
        let path = path.into_string().map_err(io::Error::other)?;
        Ok(Self { near, far, path })
    }
}

impl Terminal {
    /// Makes both.
    pub(super) fn open() -> Result<Self> {
        let failed = |error| Error::io("cannot make a terminal for the bootloader", &error);
        Ok(Self {
            program: Pty::open().map_err(failed)?,
            viewer: Pty::open().map_err(failed)?,
        })
    }

    /// Where a viewer finds it.
    pub(super) fn path(&self) -> &str {
        &self.viewer.path
    }

    /// Gives a process the one end for its standard input, output and error, and for its controlling terminal.
    pub(super) fn give_to(&self, mut command: Command) -> Result<Command> {
        let end = || self.program.far.try_clone();
        let failed = |error| Error::io("cannot share the bootloader's terminal", &error);
        command.stdin = Some(end().map_err(failed)?);
        command.stdout = Some(end().map_err(failed)?);
        command.stderr = Some(end().map_err(failed)?);
        command.setsid = true;
        command.terminal = true;
        Ok(command)
    }

    /// Copies until the bootloader's side hangs up, as at its end.
    pub(super) async fn copy(&self, op: &Op, log: &mut Log) -> Result<()> {
        let (program, viewer) = (&self.program.near, &self.viewer.near);
        let (mut display, mut keys) = (Queue::new(DISPLAY), Queue::new(KEYS));
        loop {
            let read = first(op.readable(program), op.readable(viewer));
            let write = first(writable(op, viewer, &display), writable(op, program, &keys));
            first(read, write).await?;
            let goes_on = self.pass(log, &mut display, &mut keys, op)?;
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// Does all that can be done without waiting; false when the bootloader's side has hung up.
    fn pass(&self, log: &mut Log, display: &mut Queue, keys: &mut Queue, op: &Op) -> Result<bool> {
        let (program, viewer) = (&self.program.near, &self.viewer.near);
        let of_program = |error| Error::io("the bootloader's terminal", &error);
        let of_viewer = |error| Error::io("the console's terminal", &error);
        let mut piece = [0; PIECE];
        match get(program, &mut piece).map_err(of_program)? {
            Got::Bytes(bytes) => {
                log.write(op, bytes);
                display.push(bytes);
            }
            Got::Nothing => {}
            Got::End => return Ok(false),
        }
        match get(viewer, &mut piece).map_err(of_viewer)? {
            Got::Bytes(bytes) => keys.push(bytes),
            Got::Nothing => {}
            // Its far end is open here, so somebody has forced it.
            Got::End => return Err(of_viewer(io::Error::other("was hung up"))),
        }
        display.write_to(viewer).map_err(of_viewer)?;
        match keys.write_to(program) {
            Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(false),
            written => written.map(|()| true).map_err(of_program),
        }
    }

    /// Copies what is left of a bootloader that has ended.
    pub(super) fn finish(&self, op: &Op, log: &mut Log) {
        let mut display = Queue::new(DISPLAY);
        let mut piece = [0; PIECE];
        let mut rest = REST;
        while let Ok(Got::Bytes(bytes)) = get(&self.program.near, &mut piece) {
            log.write(op, bytes);
            display.push(bytes);
            rest = rest.saturating_sub(bytes.len());
            if rest == 0 {
                break;
            }
        }
        // As far as there is room; nobody may be looking.
        let _ = display.write_to(&self.viewer.near);
    }
}

/// Waits until something that is there to be written can be.
async fn writable(op: &Op, fd: &OwnedFd, queue: &Queue) -> Result<()> {
    match queue.bytes.is_empty() {
        true => pending().await,
        false => op.writable(fd).await,
    }
}

/// What a read without waiting gave.
enum Got<'a> {
    Bytes(&'a [u8]),
    Nothing,
    End,
}

fn get<'a>(fd: &OwnedFd, piece: &'a mut [u8; PIECE]) -> io::Result<Got<'a>> {
    match rustix::io::read(fd, &mut piece[..]) {
        // That is what a terminal gives whose far end is gone.
        Ok(0) | Err(Errno::IO) => Ok(Got::End),
        Ok(count) => Ok(Got::Bytes(&piece[..count])),
        Err(Errno::AGAIN | Errno::INTR) => Ok(Got::Nothing),
        Err(error) => Err(error.into()),
    }
}

/// Characters on their way. When there is no room for more, the oldest go.
struct Queue {
    bytes: VecDeque<u8>,
    room: usize,
}

impl Queue {
    fn new(room: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            room,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(self.room)..];
        let surplus = (self.bytes.len() + bytes.len()).saturating_sub(self.room);
        self.bytes.drain(..surplus);
        self.bytes.extend(bytes);
    }

    /// Writes what can be written without waiting.
    fn write_to(&mut self, fd: &OwnedFd) -> io::Result<()> {
        while !self.bytes.is_empty() {
            match rustix::io::write(fd, self.bytes.as_slices().0) {
                Ok(count) => drop(self.bytes.drain(..count)),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// What the bootloader has printed, for who wants to know what went wrong.
#[derive(Debug)]
pub(super) struct Log {
    file: Option<File>,
    path: PathBuf,
    room: u64,
    domid: Domid,
}

impl Log {
    /// A new log of domain `domid` in this directory; those of earlier runs are kept.
    pub(super) fn open(directory: &Path, domid: Domid) -> Result<Self> {
        let (file, path) = dm::open_log(directory, &format!("bootloader.{domid}"))?;
        Ok(Self {
            file: Some(file),
            path,
            room: LARGEST_LOG,
            domid,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes what was printed, as long as there is room.
    fn write(&mut self, op: &Op, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        let fits = usize::try_from(self.room).map_or(bytes.len(), |room| room.min(bytes.len()));
        self.room -= fits as u64;
        let mut written = file.write_all(&bytes[..fits]);
        let full = fits < bytes.len();
        if full {
            written = written.and(file.write_all(b"\n[The rest is left out.]\n"));
        }
        if let Err(error) = &written {
            let (path, domid) = (self.path.display(), self.domid);
            log_line!(
                op.log(),
                Level::Warn,
                domid,
                "cannot write to {path}, the rest is left out: {error}"
            );
        }
        if full || written.is_err() {
            self.file = None;
        }
    }
}
