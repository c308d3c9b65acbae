//! How large the files may become that a QEMU in dom0 writes for a stub domain: its log, its saved state, the guest's serial
//! ports. The stub domain decides how much comes, so the kernel has to hold it (`RLIMIT_FSIZE`, see [`crate::sys::spawn`]):
//! Debian's QEMU has no bound of its own. One limit counts for all files of a process, its disk images among them.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::args;
use crate::engine::Op;
use crate::log::Level;
use crate::types::{DeviceDisk, DiskBackend, DiskFormat, DomainConfig, MEMKB_DEFAULT};
use crate::{DOM0, Domid, log_line};

/// More of a log nobody reads. A saved QEMU takes some 10 KiB, without its guest's memory.
const BASE: u64 = 16 << 20;

/// What an image has beside its data: tables for each cluster, 3 % of the data where clusters are smallest, and space that
/// grows in large steps.
const STEPS: u64 = 16 << 20;
const TABLES: u64 = 16;

/// The longest beginning of an image that tells its size.
const HEADER: usize = 56;

/// Protocols of QEMU's by which no file of this host is reached.
const REMOTE: [&str; 10] = [
    "nbd", "rbd", "iscsi", "http", "https", "ftp", "ftps", "ssh", "gluster", "nfs",
];

/// [`of_stubdom`] for the stub domain of `guest`, which has these disks. Says what the user may not expect of it.
pub(super) fn for_stubdom(
    op: &Op,
    guest: Domid,
    config: &DomainConfig,
    disks: &[DeviceDisk],
) -> Option<u64> {
    let build = &config.b_info;
    let warn = |what: String| log_line!(op.log(), Level::Warn, guest, "{what}");
    let limit = match of_stubdom(build.video_memkb, disks) {
        Ok(limit) => limit,
        Err(image) => {
            warn(format!(
                "how large {image} can become is not known, so the stub domain's log has no limit"
            ));
            return None;
        }
    };
    let ports = args::hvm(build).map(args::serial_ports).unwrap_or_default();
    for file in ports.iter().filter_map(|port| port.strip_prefix("file:")) {
        let size = limit >> 20;
        warn(format!(
            "{file} takes the first {size} MiB of what the serial port sends"
        ));
    }
    Some(limit)
}

/// The largest size, in bytes, of any file that a stub domain's QEMU in dom0 may write, from the guest's video memory in KiB
/// and the stub domain's disks.
///
/// 16 MiB and the video memory, or as large as the largest image that this QEMU serves can become. `Err` names an image of
/// which that cannot be told; then there is no limit.
fn of_stubdom(video_memkb: u64, disks: &[DeviceDisk]) -> Result<u64, &str> {
    let served = disks
        .iter()
        .filter(|disk| disk.backend == DiskBackend::Qdisk);
    Ok(largest(served)?.max(of_state(video_memkb)))
}

/// The largest size, in bytes, of the saved state of a QEMU in a stub domain.
pub(super) fn of_state(video_memkb: u64) -> u64 {
    let video = match video_memkb {
        MEMKB_DEFAULT => 0,
        kilobytes => kilobytes.saturating_mul(1024),
    };
    BASE.saturating_add(video)
}

/// The largest size, in bytes, of any file that a guest's restricted QEMU may write, which opens all disks itself: `least`,
/// or as large as the largest image can become. No limit where that cannot be told.
pub(super) fn of_restricted(least: u64, disks: &[DeviceDisk]) -> u64 {
    largest(disks.iter()).unwrap_or(u64::MAX).max(least)
}

/// How large the largest image can become that is written here. `Err` names one of which that cannot be told.
fn largest<'a>(disks: impl Iterator<Item = &'a DeviceDisk>) -> Result<u64, &'a str> {
    let mut largest = 0;
    for disk in disks {
        let read_only = disk.format == DiskFormat::Empty || disk.readwrite == 0;
        let Some(path) = disk.pdev_path.as_deref() else {
            continue;
        };
        if read_only || disk.backend_domid != DOM0 {
            continue;
        }
        // Another backend reads the image's format itself, and QEMU sees a raw disk.
        let format = match disk.backend {
            DiskBackend::Qdisk => disk.format,
            _ => DiskFormat::Raw,
        };
        largest = largest.max(image(path, format).ok_or(path)?);
    }
    Ok(largest)
}

/// The limit as [`crate::engine::Command`] takes it.
pub(super) fn of_files(bytes: u64) -> (u32, u64) {
    (libc::RLIMIT_FSIZE, bytes)
}

/// How large an image can become; 0 for what is no file of this host.
fn image(path: &str, format: DiskFormat) -> Option<u64> {
    let local = match path.split_once(':') {
        Some(("file", local)) => local,
        Some((protocol, _)) if !protocol.contains('/') => {
            let name = protocol.split_once('+').map_or(protocol, |(name, _)| name);
            return REMOTE.contains(&name).then_some(0);
        }
        _ => path,
    };
    let Ok(meta) = fs::metadata(local) else {
        // QEMU cannot open it either.
        return Some(0);
    };
    // The limit does not count for devices.
    if !meta.is_file() {
        return Some(0);
    }
    let grows = match format {
        DiskFormat::Raw => None,
        _ => virtual_size(&header(Path::new(local))),
    };
    // Every block may come to lie behind all that is in the file now.
    let grows = grows.map(|size| size.saturating_add(size / TABLES).saturating_add(STEPS));
    Some(meta.len().saturating_add(grows.unwrap_or(0)))
}

fn header(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEADER as u64).read_to_end(&mut bytes));
    // QEMU will say what is wrong with it.
    read.map(|_| bytes).unwrap_or_default()
}

/// The size of the disk that an image in a format of its own holds, by the specifications of qcow, qcow2, QED and VHD. `None`
/// where the beginning is another's: QEMU refuses the image, or it is a VHD of fixed size.
fn virtual_size(header: &[u8]) -> Option<u64> {
    let number = |at: usize| header.get(at..at + 8)?.try_into().ok();
    match header.get(..4)? {
        b"QFI\xfb" => number(24).map(u64::from_be_bytes),
        b"QED\0" => number(48).map(u64::from_le_bytes),
        _ if header.starts_with(b"conectix") => number(48).map(u64::from_be_bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const VIDEO: u64 = 8 * 1024;

    fn disk(path: &str, format: DiskFormat) -> DeviceDisk {
        DeviceDisk {
            pdev_path: Some(path.into()),
            backend: DiskBackend::Qdisk,
            format,
            readwrite: 1,
            ..DeviceDisk::default()
        }
    }

    /// A sparse file of that beginning and length.
    fn file(dir: &Path, name: &str, header: &[u8], length: u64) -> String {
        let path = dir.join(name);
        fs::write(&path, header).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(length).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn without_images_a_log_and_a_saved_state_fit() {
        assert_eq!(of_stubdom(VIDEO, &[]), Ok(24 * MIB));
        assert_eq!(of_stubdom(MEMKB_DEFAULT, &[]), Ok(16 * MIB));
        // What the kernel or another domain serves, a CD and an empty drive are no files that this QEMU writes.
        let dir = tempfile::tempdir().unwrap();
        let path = file(dir.path(), "large", b"", 1 << 40);
        let mut kernel = disk(&path, DiskFormat::Raw);
        kernel.backend = DiskBackend::Phy;
        let mut elsewhere = disk(&path, DiskFormat::Raw);
        elsewhere.backend_domid = 3;
        let empty = disk(&path, DiskFormat::Empty);
        let mut cd = disk(&path, DiskFormat::Raw);
        cd.readwrite = 0;
        let disks = [kernel, elsewhere, empty, cd];
        assert_eq!(of_stubdom(VIDEO, &disks), Ok(24 * MIB));
    }

    #[test]
    fn the_largest_image_fits() {
        let dir = tempfile::tempdir().unwrap();
        let raw = file(dir.path(), "raw", b"", 100 * MIB);
        let small = file(dir.path(), "small", b"", MIB);
        let disks = [&small, &raw].map(|path| disk(path, DiskFormat::Raw));
        assert_eq!(of_stubdom(VIDEO, &disks), Ok(100 * MIB));
        let by_protocol = disk(&format!("file:{raw}"), DiskFormat::Raw);
        assert_eq!(of_stubdom(VIDEO, &[by_protocol]), Ok(100 * MIB));
    }

    #[test]
    fn a_restricted_qemu_can_write_its_disks() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(dir.path(), "raw", b"", 100 * MIB);
        let mut kernel = disk(&path, DiskFormat::Raw);
        kernel.backend = DiskBackend::Phy;
        assert_eq!(of_restricted(MIB, &[]), MIB);
        assert_eq!(of_restricted(MIB, &[kernel.clone()]), 100 * MIB);
        kernel.readwrite = 0;
        assert_eq!(of_restricted(MIB, &[kernel]), MIB);
        let device = disk("/dev/null", DiskFormat::Raw);
        assert_eq!(of_restricted(MIB, &[device]), MIB);
        let unknown = disk("json:{}", DiskFormat::Raw);
        assert_eq!(of_restricted(MIB, &[unknown]), libc::RLIM_INFINITY);
    }

    #[test]
    fn an_image_may_grow_to_its_disks_size_and_what_describes_it() {
        let dir = tempfile::tempdir().unwrap();
        let size = 160 * MIB;
        let with = |magic: &[u8], at: usize, number: [u8; 8]| {
            let mut header = vec![0; at + 8];
            header[..magic.len()].copy_from_slice(magic);
            header[at..].copy_from_slice(&number);
            header
        };
        for (name, format, header) in [
            (
                "qcow2",
                DiskFormat::Qcow2,
                with(b"QFI\xfb\0\0\0\x03", 24, size.to_be_bytes()),
            ),
            (
                "qcow",
                DiskFormat::Qcow,
                with(b"QFI\xfb\0\0\0\x01", 24, size.to_be_bytes()),
            ),
            (
                "qed",
                DiskFormat::Qed,
                with(b"QED\0", 48, size.to_le_bytes()),
            ),
            (
                "vhd",
                DiskFormat::Vhd,
                with(b"conectix", 48, size.to_be_bytes()),
            ),
        ] {
            let path = file(dir.path(), name, &header, 2 * MIB);
            let disks = [disk(&path, format)];
            let limit = of_stubdom(VIDEO, &disks);
            assert_eq!(limit, Ok((2 + 160 + 10 + 16) * MIB), "{name}");
        }
        // A disk of 16 EiB is as good as no limit, and no overflow.
        let all = with(b"QFI\xfb", 24, [0xff; 8]);
        let path = file(dir.path(), "all", &all, MIB);
        assert_eq!(image(&path, DiskFormat::Qcow2), Some(u64::MAX));
        // Cut short, of fixed size, or no image at all: it stays as it is.
        for header in [&b"QFI\xfb\0\0"[..], b"", b"boot sector"] {
            let path = file(dir.path(), "odd", header, header.len() as u64);
            assert_eq!(image(&path, DiskFormat::Vhd), Some(header.len() as u64));
        }
    }

    #[test]
    fn what_is_no_file_here_counts_nothing_and_the_unknown_no_limit() {
        for path in [
            "/dev/null",
            "/",
            "/nonexistent",
            "nbd:host:10809",
            "nbd+unix:///x?socket=y",
        ] {
            assert_eq!(image(path, DiskFormat::Raw), Some(0), "{path}");
        }
        for path in ["json:{\"driver\":\"raw\"}", "blkdebug:x:/y", "fat:rw:/tmp"] {
            assert_eq!(image(path, DiskFormat::Raw), None, "{path}");
            let disks = [disk(path, DiskFormat::Raw)];
            assert_eq!(of_stubdom(VIDEO, &disks), Err(path));
        }
        let dir = tempfile::tempdir().unwrap();
        let odd = file(dir.path(), "a:b", b"", 7);
        assert_eq!(image(&odd, DiskFormat::Raw), Some(7));
    }
}
