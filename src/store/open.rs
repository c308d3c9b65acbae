//! Finding xenstored: its socket first, the kernel's device second, as libxenstore does.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::conn::{Conn, Transport};
use crate::{Error, Result};

impl Conn {
    /// Connects to xenstored. `XENSTORED_PATH` names the socket or device to use, `XENSTORED_RUNDIR` the socket's
    /// directory.
    pub fn open() -> Result<Self> {
        let places = places(|name| std::env::var_os(name).map(PathBuf::from));
        let mut first = None;
        for place in &places {
            match open_one(place) {
                Ok((fd, transport)) => return Ok(Self::new(fd, transport)),
                Err(error) => {
                    first.get_or_insert((place, error));
                }
            }
        }
        let (place, error) = match first {
            Some((place, error)) => (place.as_path(), error),
            None => (Path::new(""), io::ErrorKind::NotFound.into()),
        };
        let what = format!("connecting to xenstored at {}", place.display());
        Err(Error::io(what, &error).hint("is this Xen's dom0, and is xenstored running?"))
    }
}

fn places(env: impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Some(path) = env("XENSTORED_PATH") {
        places.push(path);
    } else if let Some(dir) = env("XENSTORED_RUNDIR") {
        places.push(dir.join("socket"));
    } else {
        places.push("/run/xenstored/socket".into());
        places.push("/var/run/xenstored/socket".into());
    }
    places.push("/dev/xen/xenbus".into());
    places.push("/proc/xen/xenbus".into());
    places
}

fn open_one(place: &Path) -> io::Result<(OwnedFd, Transport)> {
    if std::fs::metadata(place)?.file_type().is_socket() {
        let stream = UnixStream::connect(place)?;
        stream.set_nonblocking(true)?;
        return Ok((stream.into(), Transport::Socket));
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(place)?;
    Ok((file.into(), Transport::Device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_comes_first() {
        let none = places(|_| None);
        assert_eq!(none[0], Path::new("/run/xenstored/socket"));
        assert_eq!(none[3], Path::new("/proc/xen/xenbus"));
        let dir = places(|name| (name == "XENSTORED_RUNDIR").then(|| "/x".into()));
        assert_eq!(dir[0], Path::new("/x/socket"));
        let path = places(|name| (name == "XENSTORED_PATH").then(|| "/s".into()));
        assert_eq!(path[0], Path::new("/s"));
        assert_eq!(path[1], Path::new("/dev/xen/xenbus"));
    }
}
