//! Log files of device models: the last eleven runs of each name are kept.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::paths::XEN_LOGDIR;
use crate::{Error, Result};

/// Older files are numbered up to here.
const KEPT: u32 = 10;

/// Makes way for a new log file: `NAME.log` becomes `NAME.log.1`, and so on. Gives the new file's path, not yet made.
pub fn rotate(name: &str) -> Result<PathBuf> {
    rotate_in(Path::new(XEN_LOGDIR), name)
}

/// Rotates, then opens the new file for a process to write into.
pub(super) fn open(name: &str) -> Result<File> {
    open_in(Path::new(XEN_LOGDIR), name).map(|(file, _)| file)
}

/// The same in any directory; gives the path as well.
pub fn open_in(directory: &Path, name: &str) -> Result<(File, PathBuf)> {
    let path = rotate_in(directory, name)?;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o644)
        .open(&path)
        .map_err(|error| Error::io(format_args!("cannot open {}", path.display()), &error))?;
    Ok((file, path))
}

fn rotate_in(directory: &Path, name: &str) -> Result<PathBuf> {
    if name.contains('/') {
        let what = format!("{name:?} cannot name a log file: it has a slash");
        return Err(Error::inval(what).hint("choose another name for the domain"));
    }
    let newest = directory.join(format!("{name}.log"));
    if !newest.exists() {
        return Ok(newest);
    }
    let numbered = |number: u32| directory.join(format!("{name}.log.{number}"));
    for number in (1..KEPT).rev() {
        rename(&numbered(number), &numbered(number + 1))?;
    }
    rename(&newest, &numbered(1))?;
    Ok(newest)
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            let what = format!("cannot rename {} to {}", from.display(), to.display());
            Err(Error::io(what, &error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eleven_runs_are_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path();
        for run in 0..15 {
            let path = rotate_in(directory, "qemu-dm-guest").unwrap();
            assert!(!path.exists());
            fs::write(&path, run.to_string()).unwrap();
        }
        let content = |file: &str| fs::read_to_string(directory.join(file)).unwrap();
        assert_eq!(content("qemu-dm-guest.log"), "14");
        assert_eq!(content("qemu-dm-guest.log.1"), "13");
        assert_eq!(content("qemu-dm-guest.log.10"), "4");
        assert_eq!(fs::read_dir(directory).unwrap().count(), 11);
    }

    #[test]
    fn a_name_cannot_leave_the_directory() {
        assert!(rotate_in(Path::new("/nonexistent"), "../../etc/passwd").is_err());
    }
}
