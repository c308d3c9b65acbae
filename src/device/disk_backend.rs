//! What can serve a disk: the kernel, QEMU, or a backend of its own.

use std::fs::OpenOptions;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use crate::log::{Level, Logger};
use crate::paths::XEN_RUNDIR;
use crate::release;
use crate::types::{DeviceDisk, DiskBackend, DiskFormat, DiskSpecification};
use crate::{Code, DOM0, Domid, Error, Result, log_line};

/// What the host says about a disk's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// A block device or a plain file, both of which the kernel can serve.
    BlockOrFile,
    /// Something else, or not to be looked at from here.
    Other,
}

/// The file that the empty CD drives of a guest have in common where the kernel serves them.
pub fn empty_cdrom(domid: Domid) -> String {
    format!("{}{domid}", empty_cdrom_prefix())
}

fn empty_cdrom_prefix() -> String {
    format!("{XEN_RUNDIR}/empty-cdrom.")
}

impl DeviceDisk {
    /// QEMU serves the guest's CD drives itself, so their media are QEMU's to open, unless the configuration says otherwise.
    pub(super) fn choose_cd_backend(&mut self) -> Result<()> {
        match self.backend {
            DiskBackend::Qdisk | DiskBackend::Unknown => self.backend = DiskBackend::Qdisk,
            DiskBackend::Phy if release::CD_MEDIA_FROM_THE_KERNEL => {}
            _ => {
                let allowed = match release::CD_MEDIA_FROM_THE_KERNEL {
                    true => "qdisk or phy",
                    false => "qdisk",
                };
                let what =
                    format!("is a CD drive of an HVM guest and must have the backend {allowed}");
                return Err(self.error_fail(&what));
            }
        }
        Ok(())
    }

    /// The kernel serves no drive without a file, so an empty one has an empty file.
    pub(super) fn give_empty_file(&mut self, domid: Domid) -> Result<()> {
        if self.is_empty_drive_of_kernel() && self.backend_domid == DOM0 {
            let path = empty_cdrom(domid);
            let mut file = OpenOptions::new();
            file.write(true).create(true).truncate(true).mode(0o400);
            let made = file.open(&path);
            made.map_err(|error| Error::io(format!("cannot make {path}"), &error).domain(domid))?;
            self.pdev_path = Some(path);
        }
        Ok(())
    }

    fn is_empty_drive_of_kernel(&self) -> bool {
        let empty = self.is_cdrom != 0 && self.format == DiskFormat::Empty;
        release::CD_MEDIA_FROM_THE_KERNEL && empty && self.backend == DiskBackend::Phy
    }

    pub(super) fn choose_backend(&mut self, log: &Logger, domid: Domid) -> Result<()> {
        let source = self.look()?;
        let wanted: &[DiskBackend] = match self.backend {
            DiskBackend::Unknown => &[
                DiskBackend::Phy,
                DiskBackend::Qdisk,
                DiskBackend::Standalone,
            ],
            ref one => &[*one],
        };
        let mut reasons = Vec::new();
        for backend in wanted {
            match self.unsuitable(*backend, source) {
                None => {
                    self.backend = *backend;
                    let (vdev, name) = (self.name(), backend.name());
                    log_line!(
                        log,
                        Level::Debug,
                        domid,
                        "disk {vdev} uses the backend {name}"
                    );
                    return Ok(());
                }
                Some(reason) => reasons.push(format!("{}: {reason}", backend.name())),
            }
        }
        Err(self.error(&format!("has no suitable backend ({})", reasons.join("; "))))
    }

    /// Looks at the path when the choice of the backend depends on it.
    fn look(&self) -> Result<Source> {
        let path = self.pdev_path.as_deref();
        if self.format == DiskFormat::Empty {
            if self.is_cdrom == 0 {
                return Err(self.error("is empty, which only a CD drive can be"));
            }
            let ours = |path: &str| {
                self.is_empty_drive_of_kernel() && path.starts_with(&empty_cdrom_prefix())
            };
            if let Some(path) = path.filter(|path| !path.is_empty() && !ours(path)) {
                return Err(self.error(&format!("is to be empty, but has the image {path}")));
            }
            return Ok(Source::Other);
        }
        let kernel = matches!(
            self.backend,
            DiskBackend::Unknown | DiskBackend::Phy | DiskBackend::Standalone
        );
        if !kernel || self.backend_domid != DOM0 || self.script.is_some() {
            return Ok(Source::Other);
        }
        let path = path.ok_or_else(|| self.error("has no path"))?;
        let found = std::fs::metadata(path)
            .map_err(|e| Error::io(format!("disk {}: cannot look at {path}", self.name()), &e))
            .map_err(|e| e.code_as(Code::Inval))?;
        let served = found.file_type().is_block_device() || found.is_file();
        Ok(if served {
            Source::BlockOrFile
        } else {
            Source::Other
        })
    }

    /// Why `backend` cannot serve this disk; `None` when it can.
    fn unsuitable(&self, backend: DiskBackend, source: Source) -> Option<&'static str> {
        let virtio = self.specification == DiskSpecification::Virtio;
        if virtio != (backend == DiskBackend::Standalone) {
            return Some("does not fit the specification");
        }
        let raw_from_host = |script_is_fine: bool| {
            if self.format != DiskFormat::Raw {
                return Some("needs the format raw");
            }
            if self.colo_enable == Some(true) {
                return Some("cannot do COLO");
            }
            if self.backend_domid != DOM0 || (script_is_fine && self.script.is_some()) {
                return None;
            }
            (source != Source::BlockOrFile).then_some("needs a block device or a file")
        };
        match backend {
            DiskBackend::Phy if self.is_empty_drive_of_kernel() => {
                (self.colo_enable == Some(true)).then_some("cannot do COLO")
            }
            DiskBackend::Phy => raw_from_host(true),
            DiskBackend::Qdisk | DiskBackend::Standalone if self.script.is_some() => {
                Some("runs no script")
            }
            DiskBackend::Qdisk => None,
            DiskBackend::Standalone => raw_from_host(false),
            DiskBackend::Tap | DiskBackend::Unknown => Some("is not there any more"),
        }
    }

    pub(super) fn name(&self) -> &str {
        self.vdev.as_deref().unwrap_or("without a name")
    }

    pub(super) fn error(&self, what: &str) -> Error {
        Error::inval(format!("disk {} {what}", self.name()))
    }

    pub(super) fn error_fail(&self, what: &str) -> Error {
        Error::fail(format!("disk {} {what}", self.name()))
    }
}
