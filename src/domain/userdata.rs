//! Small files that belong to a domain: the library's own JSON, the application's configuration, locks.
//!
//! `LIB/userdata-W.DOMID.UUID.NAME`, where W is `d` for data, `n` for data being written, `l` for a lock. Domain number
//! and UUID together name one life of one domain, so a successor never sees its predecessor's files.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::engine::{FileLock, Op};
use crate::paths::XEN_STATEDIR;
use crate::types::Uuid;
use crate::xen::Xen;
use crate::{Code, Domid, Error, Result};

const LOCK: &str = "domain-userdata-lock";
const DEVICES_LOCK: &str = "libxl-device-changes-lock";

/// The most that one file may hold; the JSON of a large configuration has some hundred KiB.
const MAX_BYTES: u64 = 16 << 20;

/// The files of one domain.
#[derive(Clone, Debug)]
pub struct Userdata {
    dir: PathBuf,
    domid: Domid,
    uuid: Uuid,
}

impl Userdata {
    /// The files of the domain that has the number `domid` now. `ERROR_DOMAIN_NOTFOUND` when there is none.
    pub fn of(xen: &Xen, domid: Domid) -> Result<Self> {
        let info = super::query::info(xen, domid)?;
        Ok(Self {
            dir: XEN_STATEDIR.into(),
            domid,
            uuid: info.uuid,
        })
    }

    /// The files of a domain that is gone, which had this number and UUID.
    pub(super) fn of_former(domid: Domid, uuid: Uuid) -> Self {
        Self {
            dir: XEN_STATEDIR.into(),
            domid,
            uuid,
        }
    }

    /// Where the file called `name` of kind `kind` (`d`, `n` or `l`) is.
    pub fn path(&self, kind: char, name: &str) -> PathBuf {
        let Self { dir, domid, uuid } = self;
        dir.join(format!("userdata-{kind}.{domid}.{uuid}.{name}"))
    }

    /// The lock of whoever changes the devices of the domain step by step, or reads them all. It is taken before the one of
    /// [`Userdata::lock`] and held longer.
    pub fn device_changes_lock(&self) -> PathBuf {
        self.path('l', DEVICES_LOCK)
    }

    /// Takes the lock under which files of the domain are read and written. `ERROR_LOCK_FAIL` when the domain is gone by
    /// the time the lock is had: then nobody would remove what is written.
    pub async fn lock(&self, op: &Op) -> Result<Locked<'_>> {
        let lock = FileLock::acquire(op, self.path('l', LOCK)).await;
        let lock = lock.map_err(|e| e.domain(self.domid))?;
        match op.xen()?.domain_info(self.domid)? {
            Some(_) => Ok(Locked {
                files: self,
                _lock: lock,
            }),
            None => {
                let what = "the domain ended while its files were to be used";
                Err(Error::new(Code::LockFail, what).domain(self.domid))
            }
        }
    }

    fn retrieve(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.data_path(name)?;
        let bytes = match read_bounded(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => {
                return Err(Error::io(format!("cannot read {}", path.display()), &e));
            }
        };
        if bytes.is_empty() {
            return Err(Error::fail(format!("{} is empty", path.display())));
        }
        Ok(Some(bytes))
    }

    fn store(&self, name: &str, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return self.unlink(name);
        }
        let path = self.data_path(name)?;
        let new = self.path('n', name);
        let written = write_new(&new, bytes).and_then(|()| fs::rename(&new, &path));
        written.map_err(|e| Error::io(format!("cannot write {}", path.display()), &e))
    }

    fn unlink(&self, name: &str) -> Result<()> {
        let path = self.data_path(name)?;
        fs::remove_file(&path)
            .map_err(|e| Error::io(format!("cannot remove {}", path.display()), &e))
    }

    /// Removes every file; gives the paths that could not be removed, with the reason.
    pub(super) fn remove_all(&self) -> Vec<(PathBuf, io::Error)> {
        let Self { dir, domid, uuid } = self;
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(e) => return vec![(dir.clone(), e)],
        };
        entries
            .flatten()
            .filter(|entry| belongs_to(&entry.file_name().to_string_lossy(), *domid, uuid))
            .filter_map(|entry| {
                let path = entry.path();
                fs::remove_file(&path).err().map(|e| (path, e))
            })
            .collect()
    }

    fn data_path(&self, name: &str) -> Result<PathBuf> {
        if name.is_empty() || name.contains('/') || name.contains('\0') {
            return Err(Error::inval(format!("{name:?} is no name for userdata")));
        }
        Ok(self.path('d', name))
    }
}

/// The files of one domain, while their lock is held.
pub struct Locked<'a> {
    files: &'a Userdata,
    _lock: FileLock,
}

impl Locked<'_> {
    /// The bytes of the file called `name`, or `None` when it was never written. An empty one is damaged.
    pub fn retrieve(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.files.retrieve(name)
    }

    /// Replaces the file called `name`, readable for root alone; no reader ever sees half of it. No bytes remove it.
    pub fn store(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.files.store(name, bytes)
    }

    /// Removes the file called `name`.
    pub fn unlink(&self, name: &str) -> Result<()> {
        self.files.unlink(name)
    }

    /// Removes every file of the domain; gives back the paths that could not be removed, with the reason.
    pub fn remove_all(&self) -> Vec<(PathBuf, io::Error)> {
        self.files.remove_all()
    }
}

/// Takes the lock of `domid` and runs `body` with its files.
pub async fn with<T>(
    op: &Op,
    domid: Domid,
    body: impl FnOnce(&Locked<'_>) -> Result<T>,
) -> Result<T> {
    let files = Userdata::of(op.xen()?, domid).map_err(|e| e.code_as(Code::LockFail))?;
    let locked = files.lock(op).await?;
    body(&locked).map_err(|e| e.domain(domid))
}

/// Whether `file` is one of the domain's files, other than the lock that its remover holds.
fn belongs_to(file: &str, domid: Domid, uuid: &Uuid) -> bool {
    let rest = file
        .strip_prefix("userdata-")
        .and_then(|rest| rest.get(1..))
        .and_then(|rest| rest.strip_prefix(format!(".{domid}.{uuid}.").as_str()));
    rest.is_some_and(|name| !name.contains(LOCK))
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = fs::File::open(path)?.take(MAX_BYTES + 1);
    file.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "file too large"));
    }
    Ok(bytes)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn scratch() -> (TempDir, Userdata) {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let files = Userdata {
            dir: scratch.path().to_owned(),
            domid: 7,
            uuid: Uuid([0x11; 16]),
        };
        (scratch, files)
    }

    #[test]
    fn stores_replaces_and_removes() {
        let (_scratch, data) = scratch();
        assert!(data.retrieve("xl").expect("nothing there").is_none());
        data.store("xl", b"one").expect("store");
        data.store("xl", b"two").expect("replace");
        assert_eq!(
            data.retrieve("xl").expect("read").as_deref(),
            Some(&b"two"[..])
        );
        let path = data.path('d', "xl");
        assert!(path.ends_with("userdata-d.7.11111111-1111-1111-1111-111111111111.xl"));
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&path).expect("file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        data.store("xl", b"").expect("no bytes remove");
        assert!(!path.exists());
        assert!(data.unlink("xl").is_err());
        fs::write(&path, b"").expect("an empty file");
        assert!(data.retrieve("xl").is_err());
    }

    #[test]
    fn names_stay_in_their_directory() {
        let (_scratch, data) = scratch();
        for name in ["", "../../etc/passwd", "a/b", "a\0b"] {
            assert!(data.store(name, b"x").is_err(), "{name:?}");
        }
    }

    #[test]
    fn removes_all_of_one_life_only() {
        let (_scratch, files) = scratch();
        let other = Userdata {
            uuid: Uuid([0x22; 16]),
            ..files.clone()
        };
        fs::write(files.path('d', "libxl-json"), b"{}").expect("write");
        fs::write(files.path('l', "qmp-socket-lock"), b"").expect("write");
        fs::write(other.path('d', "libxl-json"), b"{}").expect("write");
        fs::write(files.path('l', LOCK), b"").expect("the lock its remover holds");
        assert!(files.remove_all().is_empty());
        assert!(!files.path('d', "libxl-json").exists());
        assert!(!files.path('l', "qmp-socket-lock").exists());
        assert!(files.path('l', LOCK).exists());
        assert!(other.path('d', "libxl-json").exists());
    }
}
