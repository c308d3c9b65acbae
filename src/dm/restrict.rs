//! A QEMU in dom0 without privileges (`dm_restrict`): its socket is made for it, its root directory is empty, its
//! namespaces and limits are its own.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};

use super::limit;
use crate::engine::Command;
use crate::paths::XEN_RUNDIR;
use crate::types::DeviceDisk;
use crate::{Domid, Error, Result, qmp};

/// Enough for a log file, too little to fill the disk. Images may be larger.
const LARGEST_FILE: u64 = 256 * 1024;

/// The empty directory that QEMU takes for its root.
pub(super) fn root_directory(domid: Domid) -> String {
    format!("{XEN_RUNDIR}/qemu-root-{domid}")
}

/// Makes the root directory anew; nobody may look into it.
pub(super) fn make_root(domid: Domid) -> Result<()> {
    remove_root(domid)?;
    let path = root_directory(domid);
    fs::DirBuilder::new()
        .mode(0o000)
        .create(&path)
        .map_err(|error| Error::io(format_args!("cannot make {path}"), &error).domain(domid))
}

/// Removes the root directory. What is in it was put there against the rules: it is reported, not removed.
pub(super) fn remove_root(domid: Domid) -> Result<()> {
    let path = root_directory(domid);
    match fs::remove_dir(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::io(format_args!("cannot remove {path}"), &error).domain(domid))
        }
        _ => Ok(()),
    }
}

/// The QMP socket, listening already: QEMU could not make it where it runs.
pub(super) fn listen_for_qmp(domid: Domid) -> Result<OwnedFd> {
    let path = qmp::socket_path(domid);
    let made = || -> std::io::Result<OwnedFd> {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        bind(&socket, &SocketAddrUnix::new(&path)?)?;
        listen(&socket, 1)?;
        Ok(socket)
    };
    made().map_err(|error| Error::io(format_args!("cannot listen on {path}"), &error).domain(domid))
}

/// Takes from the process what QEMU does not need for these disks.
pub(super) fn confine(command: &mut Command, disks: &[DeviceDisk]) {
    command.unshare = libc::CLONE_NEWNS | libc::CLONE_NEWIPC;
    command.limits = vec![
        limit::of_files(limit::of_restricted(LARGEST_FILE, disks)),
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_MSGQUEUE, 0),
        (libc::RLIMIT_LOCKS, 0),
        (libc::RLIMIT_MEMLOCK, 0),
    ];
}
