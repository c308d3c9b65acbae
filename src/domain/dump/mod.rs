//! A guest's memory and the state of its vCPUs, as a file for crash analysis.

mod elf;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod p2m;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use rustix::fs::{Advice, fadvise};

use crate::engine::{Op, Work};
use crate::log::Level;
use crate::sys::poll::{PollFd, poll};
use crate::sys::xc::PAGE_SIZE;
use crate::xen::{DomainInfo, Xen};
use crate::{Code, Domid, Error, Result, log_line};
use elf::{Core, put64};

/// Pages that are read at once: 4 MiB.
const BATCH: usize = 1024;
/// Frames of 4 GiB: what the machine's and the guest's devices may leave holes in.
const HOLES: u64 = 1 << 20;
/// Frames in which an HVM guest has the VGA's memory, and devices below 4 GiB.
const VGA: std::ops::Range<u64> = 0xa0..0xc0;
const DEVICES: std::ops::Range<u64> = 0xf_0000..HOLES;
/// How long a pipe without a reader is waited for between two looks at an abort.
const PATIENCE: Duration = Duration::from_millis(200);
/// Stands for a frame that there is not.
const NO_FRAME: u64 = u64::MAX;

/// Writes a core of the domain into the file at `path`, which is made or emptied; it may be a pipe. A file that could not be
/// completed is removed. Takes as long as writing that much, and can be aborted.
pub async fn dump_core(op: &Op, domid: Domid, path: &str) -> Result<()> {
    let path = path.to_owned();
    op.blocking("dump-core", move |work: &Work| dump(work, domid, &path))
        .await
}

fn dump(work: &Work, domid: Domid, path: &str) -> Result<()> {
    let doing = format!("dumping the domain's core to {path}");
    let found = work.xen().domain_info_required(domid);
    // As the C library: the number says only that it failed.
    let info = found.map_err(|error| error.code_as(Code::Fail))?;
    let mut open = OpenOptions::new();
    // Guests hold secrets; and a pipe opened for both does not wait for its reader.
    open.read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600);
    let mut out = open
        .open(path)
        .and_then(|file| Out::new(file, work))
        .map_err(|error| Error::io(&doing, &error).domain(domid))?;
    let dumped = Dump::of(work, &info).and_then(|dump| dump.write(&mut out));
    if dumped.is_err() && out.is_file {
        let _ = std::fs::remove_file(path);
    }
    dumped.map_err(|error| error.context(doing))
}

/// The file, whose pages dom0 has no use for.
struct Out<'a> {
    file: File,
    is_file: bool,
    work: &'a Work,
}

impl<'a> Out<'a> {
    fn new(file: File, work: &'a Work) -> io::Result<Self> {
        let is_file = file.metadata()?.is_file();
        if !is_file {
            // Nobody may be reading at the other end.
            rustix::io::ioctl_fionbio(&file, true)?;
        }
        Ok(Self {
            file,
            is_file,
            work,
        })
    }

    /// Writes all of it; an abort ends the wait for a reader.
    fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(Error::fail("writing: nothing more is taken")),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait()?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Error::io("writing", &error).hint("see df for free space"));
                }
            }
        }
        Ok(())
    }

    fn wait(&self) -> Result<()> {
        self.work.check()?;
        let mut fds = [PollFd {
            fd: self.file.as_raw_fd(),
            events: libc::POLLOUT,
            revents: 0,
        }];
        let waited = poll(&mut fds, Some(PATIENCE));
        waited
            .map(drop)
            .map_err(|error| Error::io("waiting for a reader", &error))
    }

    /// Waits until all is on disk; a pipe has nothing to wait for.
    fn finish(&self) -> Result<()> {
        if self.is_file {
            let synced = self.file.sync_data();
            synced.map_err(|error| Error::io("writing", &error))?;
        }
        self.forget();
        Ok(())
    }

    /// Drops what was written from the page cache, which has better use for the room.
    fn forget(&self) {
        let _ = fadvise(&self.file, 0, None, Advice::DontNeed);
    }
}

/// What a core is made of.
struct Dump<'a> {
    work: &'a Work,
    xen: &'a Xen,
    info: &'a DomainInfo,
    vcpus: Vec<Vec<u8>>,
    shared_info: Option<Vec<u8>>,
    frames: Frames,
}

/// Where a guest's pages may be.
enum Frames {
    /// Guest frames below this one.
    Below(u64),
    /// A PV guest's table of machine frames: its pages, how many entries count, the highest frame that is memory.
    Table {
        pages: Vec<u64>,
        size: u64,
        highest: u64,
    },
}

/// A page of the guest: its frame, and where it can be mapped.
#[derive(Clone, Copy)]
struct Place {
    pfn: u64,
    frame: u64,
}

impl<'a> Dump<'a> {
    fn of(work: &'a Work, info: &'a DomainInfo) -> Result<Self> {
        let xen = work.xen();
        let domid = info.domid;
        let translated = info.flags.hvm();
        let shared_info = page(xen, domid, info.shared_info_frame);
        let vcpus = match info.max_vcpu_id {
            u32::MAX => Vec::new(),
            last => (0..=last)
                .filter_map(|vcpu| xen.vcpu_context(domid, vcpu).ok())
                .collect(),
        };
        if vcpus.is_empty() {
            return Err(Error::fail("the domain has no vCPU with a state").domain(domid));
        }
        let size = xen.maximum_gpfn(domid)?.saturating_add(1);
        let frames = match (&shared_info, translated) {
            // Pages beyond are devices', or the hypervisor's that the guest has put there.
            (_, true) => Frames::Below(size.min(info.max_pages.saturating_add(2 * HOLES))),
            (None, false) => {
                return Err(Error::fail("its shared info page cannot be read").domain(domid));
            }
            (Some(shared_info), false) => table(xen, info, shared_info, size)?,
        };
        Ok(Self {
            work,
            xen,
            info,
            vcpus,
            shared_info,
            frames,
        })
    }

    fn write(&self, out: &mut Out<'_>) -> Result<()> {
        let core = Core {
            translated: self.info.flags.hvm(),
            version: &self.xen.version()?,
            vcpus: &self.vcpus,
            shared_info: self.shared_info.as_deref(),
            pages: self.info.tot_pages,
        };
        out.put(&core.head())?;
        let mut pages = Pages::new(self, out);
        match &self.frames {
            Frames::Below(end) => {
                let present = |pfn: &u64| !VGA.contains(pfn) && !DEVICES.contains(pfn);
                for first in (0..*end).step_by(BATCH) {
                    let places = (first..*end).take(BATCH).filter(present);
                    pages.copy(places.map(|pfn| Place { pfn, frame: pfn }))?;
                }
            }
            Frames::Table {
                pages: table,
                size,
                highest,
            } => {
                let mut next = 0;
                for chunk in table.chunks(BATCH / 512) {
                    let entries = self.entries(chunk)?;
                    let places = (next..*size).zip(entries);
                    let places = places.map(|(pfn, frame)| Place { pfn, frame });
                    pages.copy(places.filter(|place| place.frame <= *highest))?;
                    next += BATCH as u64;
                }
            }
        }
        let (lost, table) = pages.finish()?;
        if lost > 0 {
            let domid = self.info.domid;
            let text = format!(
                "the domain got {lost} pages more while its core was written: they are missing"
            );
            log_line!(self.work.log(), Level::Warn, domid, "{text}");
        }
        out.put(&table)?;
        out.put(&core.names())?;
        out.finish()
    }

    /// The numbers in some pages of a PV guest's table.
    fn entries(&self, table: &[u64]) -> Result<Vec<u64>> {
        let mapped = self.xen.map_readable(self.info.domid, table)?;
        let mut entries = Vec::new();
        let mut bytes = vec![0; PAGE_SIZE];
        for (index, frame) in table.iter().enumerate() {
            if !mapped.read(index, &mut bytes) {
                return Err(Error::fail(format!(
                    "the frame {frame:#x} of the guest's table of its frames cannot be read"
                ))
                .domain(self.info.domid));
            }
            entries.extend(p2m::words(&bytes));
        }
        Ok(entries)
    }
}

/// One page, if it can be read.
fn page(xen: &Xen, domid: Domid, frame: u64) -> Option<Vec<u8>> {
    let mut bytes = vec![0; PAGE_SIZE];
    let mapped = xen.map_readable(domid, &[frame]).ok()?;
    mapped.read(0, &mut bytes).then_some(bytes)
}

/// A PV guest's table. It says itself how long that is, so that is bounded by what the machine and its own memory allow.
fn table(xen: &Xen, info: &DomainInfo, shared_info: &[u8], size: u64) -> Result<Frames> {
    let domid = info.domid;
    let width = xen.guest_width(domid)?;
    if width != 8 {
        return Err(
            Error::fail(format!("a PV guest of {} bits cannot be dumped", width * 8)).domain(domid),
        );
    }
    let highest = xen.maximum_ram_page()?;
    let own = info.max_pages.saturating_mul(2).saturating_add(HOLES);
    if size < info.tot_pages || size > highest.max(own) {
        return Err(Error::fail(format!(
            "the guest says that it has {size} frames, and the hypervisor that it has {} pages",
            info.tot_pages
        ))
        .domain(domid)
        .hint("a guest says so once its kernel runs"));
    }
    let pages = p2m::frames(&|frame| page(xen, domid, frame), shared_info, size);
    Ok(Frames::Table {
        pages: pages.map_err(|error| error.domain(domid))?,
        size,
        highest,
    })
}

/// The pages on their way into the file: as many as the header says, in ascending order.
struct Pages<'a, 'b> {
    dump: &'a Dump<'a>,
    out: &'a mut Out<'b>,
    written: Vec<Place>,
    lost: u64,
}

impl<'a, 'b> Pages<'a, 'b> {
    fn new(dump: &'a Dump<'a>, out: &'a mut Out<'b>) -> Self {
        Self {
            dump,
            out,
            written: Vec::new(),
            lost: 0,
        }
    }

    fn copy(&mut self, places: impl Iterator<Item = Place>) -> Result<()> {
        let places: Vec<_> = places.collect();
        if places.is_empty() {
            return Ok(());
        }
        let (xen, info) = (self.dump.xen, self.dump.info);
        let frames: Vec<_> = places.iter().map(|place| place.frame).collect();
        let mapped = xen.map_readable(info.domid, &frames)?;
        let mut bytes = Vec::with_capacity(frames.len() * PAGE_SIZE);
        let mut one = vec![0; PAGE_SIZE];
        for (index, place) in places.into_iter().enumerate() {
            if !mapped.read(index, &mut one) {
                continue;
            }
            if self.written.len() as u64 >= info.tot_pages {
                self.lost += 1;
                continue;
            }
            bytes.extend_from_slice(&one);
            self.written.push(place);
        }
        self.out.put(&bytes)?;
        self.out.forget();
        Ok(())
    }

    /// Pages of zeros for those that were not there, and the table of all: how many had no room, and the bytes.
    fn finish(self) -> Result<(u64, Vec<u8>)> {
        let zeros = vec![0; PAGE_SIZE];
        let missing = self
            .dump
            .info
            .tot_pages
            .saturating_sub(self.written.len() as u64);
        for _ in 0..missing {
            self.out.put(&zeros)?;
        }
        let none = Place {
            pfn: NO_FRAME,
            frame: NO_FRAME,
        };
        let mut table = Vec::new();
        let all = self.written.iter().copied();
        for place in all.chain((0..missing).map(|_| none)) {
            if self.dump.info.flags.hvm() {
                put64(&mut table, &[place.pfn]);
            } else {
                put64(&mut table, &[place.pfn, place.frame]);
            }
        }
        Ok((self.lost, table))
    }
}
