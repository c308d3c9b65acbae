//! The files of a run: one for the bootloader's result, a directory for what it takes out of the disk. All of them are gone
//! when the run is over, and at the latest when the domain is destroyed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, openat};
use rustix::mount::{UnmountFlags, unmount};

use super::output;
use crate::domain::build::{BootFile, MAX_BOOT_FILE};
use crate::{Domid, Error, Result};

/// Where the files of one domain's bootloader are.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// Its result.
    pub(super) output: PathBuf,
    /// What it takes out of the disk.
    pub(super) directory: PathBuf,
}

/// Which files a bootloader may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those in its directory.
    Directory,
    /// Any file of the host.
    Host,
}

impl Files {
    /// Those of domain `domid`, below `state`.
    pub(super) fn of(state: &Path, domid: Domid) -> Self {
        let named = |kind| state.join(format!("bootloader.{domid}.{kind}"));
        Self {
            output: named("out"),
            directory: named("d"),
        }
    }

    /// Whether a run has left any.
    pub(super) fn any(&self) -> bool {
        let there = |path| fs::symlink_metadata(path).is_ok();
        there(&self.output) || there(&self.directory)
    }

    /// Makes the directory and an empty file, after it has removed those of an earlier run.
    pub(super) fn make(&self) -> Result<()> {
        self.remove()?;
        let made = DirBuilder::new().mode(0o700).create(&self.directory);
        made.map_err(|error| failed("make", &self.directory, &error))?;
        let mut file = OpenOptions::new();
        let made = file.write(true).create_new(true).mode(0o600);
        let made = made.open(&self.output);
        made.map(drop)
            .map_err(|error| failed("make", &self.output, &error))
    }

    /// Removes all of them. Fine when there are none.
    pub(super) fn remove(&self) -> Result<()> {
        let output = unless_missing(fs::remove_file(&self.output));
        let output = output.map_err(|error| failed("remove", &self.output, &error));
        let directory = self.remove_directory();
        output.and(directory.map_err(|error| failed("remove", &self.directory, &error)))
    }

    fn remove_directory(&self) -> io::Result<()> {
        // A bootloader that was killed may have left its root directory mounted.
        for point in mounted_below(&self.directory) {
            unmount(&point, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)?;
        }
        unless_missing(fs::remove_dir_all(&self.directory))
    }

    /// What the bootloader found, with nothing read of it yet.
    pub(super) fn result(&self) -> Result<output::Found> {
        let failed = |error| failed("read", &self.output, &error);
        let path = self.output.as_os_str();
        // A bootloader may have put another file in its place.
        let file = open(rustix::fs::CWD, path, OFlags::NOFOLLOW).map_err(failed)?;
        output::parse(&read(file, output::LARGEST).map_err(failed)?)
    }

    /// Reads all files that the bootloader has named, and removes them whether they could be read or not.
    pub(super) fn take(&self, found: &output::Found, reach: Reach) -> Result<Taken> {
        let kernel = found.kernel.as_deref().map(|path| self.read(path, reach));
        let ramdisk = found.ramdisk.as_deref().map(|path| self.read(path, reach));
        let named = [&found.kernel, &found.ramdisk];
        for path in named.into_iter().flatten().chain(&found.superseded) {
            // What is in the directory goes with that.
            if reach == Reach::Host && Path::new(path).is_absolute() {
                unless_missing(fs::remove_file(path))
                    .map_err(|error| failed("remove", Path::new(path), &error))?;
            }
        }
        Ok(Taken {
            kernel: kernel.transpose()?,
            ramdisk: ramdisk.transpose()?,
        })
    }

    fn read(&self, path: &str, reach: Reach) -> Result<BootFile> {
        let limit = usize::try_from(MAX_BOOT_FILE).unwrap_or(usize::MAX);
        let bytes = match reach {
            Reach::Directory => self.open_below(Path::new(path)),
            Reach::Host if !Path::new(path).is_absolute() => {
                Err(io::Error::other("the path is not absolute"))
            }
            Reach::Host => open(rustix::fs::CWD, OsStr::new(path), OFlags::empty()),
        }
        .and_then(|file| read(file, limit));
        let bytes = bytes.map_err(|error| failed("read", Path::new(path), &error))?;
        Ok(BootFile::Bytes {
            path: path.to_owned(),
            bytes: Arc::new(bytes),
        })
    }

    /// Opens a file of the directory. A name that leads elsewhere opens none.
    fn open_below(&self, path: &Path) -> io::Result<File> {
        let mut below = path
            .strip_prefix(&self.directory)
            .map_err(|_| io::Error::other("it is not in the bootloader's directory"))?
            .components();
        let (Some(Component::Normal(name)), None) = (below.next(), below.next()) else {
            return Err(io::Error::other("it is not in the bootloader's directory"));
        };
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(rustix::fs::CWD, &self.directory, flags, Mode::empty())?;
        open(&directory, name, OFlags::NOFOLLOW)
    }
}

/// What the guest boots, read.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) kernel: Option<BootFile>,
    pub(super) ramdisk: Option<BootFile>,
}

fn failed(doing: &str, path: &Path, error: &io::Error) -> Error {
    Error::io(format_args!("cannot {doing} {}", path.display()), error)
}

fn unless_missing(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Opens a file that ends; nothing else is waited for.
fn open(directory: impl AsFd, path: &OsStr, more: OFlags) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | more;
    let file = File::from(openat(directory, path.as_bytes(), flags, Mode::empty())?);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no file")),
    }
}

/// The whole of a file that has at most `limit` bytes.
fn read(file: File, limit: usize) -> io::Result<Vec<u8>> {
    let too_large = || io::Error::other(format!("it has more than {limit} bytes"));
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if size > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // A reader that finds the end with its buffer full doubles it.
    bytes.try_reserve_exact(size + 1)?;
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    match bytes.len() > limit {
        true => Err(too_large()),
        false => Ok(bytes),
    }
}

/// What is mounted below a directory, the innermost first.
fn mounted_below(directory: &Path) -> Vec<PathBuf> {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let points = table.split(|byte| *byte == b'\n').filter_map(|line| {
        let field = line.split(|byte| *byte == b' ').nth(4)?;
        Some(PathBuf::from(OsString::from_vec(unescaped(field))))
    });
    let mut below: Vec<_> = points
        .filter(|point| point != directory && point.starts_with(directory))
        .collect();
    below.reverse();
    below
}

/// The kernel writes blanks and backslashes as three octal digits.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, more)) = rest.split_first() {
        let digits = more.get(..3).filter(|_| *first == b'\\');
        let number = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match number.and_then(|number| u8::from_str_radix(number, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[3..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_mount_points_are_read_back() {
        assert_eq!(unescaped(b"/a\\040b\\134c\\x"), b"/a b\\c\\x");
        assert_eq!(unescaped(b"\\04"), b"\\04");
        assert!(mounted_below(Path::new("/")).contains(&PathBuf::from("/proc")));
        assert_eq!(
            mounted_below(Path::new("/proc/self/nothing")),
            [""; 0].map(PathBuf::from)
        );
    }
}
