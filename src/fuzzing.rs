//! For compat-tests/fuzz only: what guests, stub domains and device models can make this library read, one function for
//! each way in. A function returns whatever the bytes are; a panic or endless memory is a finding.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::device::{XenbusState, info, list, tty};
use crate::engine::testing::Bench;
use crate::engine::{Ctx, Op};
use crate::log::Logger;
use crate::store::{self, layout};
use crate::types::{
    ConsoleType, DeviceChannel, DeviceDisk, DeviceNic, DeviceVdispl, DeviceVkb, DeviceVtpm,
    VkbBackend,
};
use crate::{Domid, Error, dm, domain, log, qmp};

/// The domain that the nodes in a corpus are about.
const GUEST: Domid = 3;

/// Messages of xenstored, one behind the other.
pub fn store_wire(data: &[u8]) {
    store::fuzzing::messages(data);
}

/// A whole connection to xenstored.
pub fn store_conversation(data: &[u8]) {
    store::fuzzing::conversation(data);
}

/// Permissions as xenstored sends them.
pub fn store_perms(data: &[u8]) {
    store::fuzzing::permissions(data);
}

/// All commands against a QEMU that says `data`, whatever it is asked.
pub fn qmp_conversation(data: &[u8]) {
    let (ours, mut theirs) = UnixStream::pair().expect("socket pair");
    ours.set_nonblocking(true).expect("non-blocking");
    let said = data.to_vec();
    let qemu = std::thread::spawn(move || {
        let _ = theirs.write_all(&said);
        let _ = theirs.shutdown(std::net::Shutdown::Write);
        let _ = theirs.read_to_end(&mut Vec::new());
    });
    let ctx = Ctx::new(Logger::silent()).expect("a context");
    let outcome = ctx.block_on(async |op: &Op| {
        let limit = Duration::from_secs(20);
        op.timeout(limit, "fuzzing", qmp::fuzzing(op, ours)).await
    });
    if let Err(error) = outcome {
        assert_ne!(error.code(), crate::Code::Timedout, "{error}");
    }
    qemu.join().expect("the other end");
}

/// `PATH=VALUE` lines become the store; then everything that reads back devices, consoles and device models does so.
pub fn store_nodes(data: &[u8]) {
    let bench = Bench::new();
    for line in data.split(|byte| *byte == b'\n') {
        let split = line.iter().position(|byte| *byte == b'=');
        let Some((path, value)) = split.map(|at| (&line[..at], &line[at + 1..])) else {
            continue;
        };
        // Only what xenstored would let in.
        if let Ok(path) = std::str::from_utf8(path)
            && path.starts_with('/')
            && value.len() <= 4096
        {
            bench.store.set(path, value);
        }
    }
    let read = bench.ctx.block_on(async |op: &Op| {
        read_everything(op).await;
        Ok::<(), Error>(())
    });
    read.expect("nothing of it is fatal");
}

async fn read_everything(op: &Op) {
    let disks = list::disks(op, GUEST).await.unwrap_or_default();
    for disk in disks.iter().chain([&disk("xvda")]) {
        drop(info::disk(op, GUEST, disk).await);
    }
    drop(list::disk(op, GUEST, "xvda").await);
    let nics = list::nics(op, GUEST).await.unwrap_or_default();
    for nic in nics.iter().chain([&DeviceNic::default()]) {
        drop(info::nic(op, GUEST, nic).await);
    }
    for vkb in list::vkbs(op, GUEST).await.unwrap_or_default() {
        assert!(matches!(
            vkb.backend_type,
            VkbBackend::Linux | VkbBackend::Qemu
        ));
    }
    drop(info::vkb(op, GUEST, &DeviceVkb::default()).await);
    drop(info::vtpm(op, GUEST, &DeviceVtpm::default()).await);
    drop(list::vdispls(op, GUEST).await);
    drop(info::vdispl(op, GUEST, &DeviceVdispl::default()).await);
    let channels = list::channels(op, GUEST).await.unwrap_or_default();
    for channel in channels.iter().chain([&DeviceChannel::default()]) {
        drop(info::channel(op, GUEST, channel).await);
    }
    let stubdom = dm::stubdom_of(op, GUEST).await.ok().flatten();
    for (domid, number, type_) in [
        (GUEST, 0, ConsoleType::Serial),
        (GUEST, 1, ConsoleType::Pv),
        (
            stubdom.unwrap_or(GUEST),
            tty::STUBDOM_SERIAL,
            ConsoleType::Pv,
        ),
    ] {
        let console = tty::Address {
            domid,
            number,
            type_,
        };
        drop(tty::path(op, console).await);
    }
    drop(tty::viewer(op, GUEST, true).await);
    drop(dm::target_of(op, GUEST).await);
    drop(domain::query::start_time(op, GUEST).await);
    if let Some(words) = domain::fuzzing_complaint(op, GUEST).await {
        assert!(words.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
    }
}

fn disk(vdev: &str) -> DeviceDisk {
    DeviceDisk {
        vdev: Some(vdev.to_owned()),
        ..DeviceDisk::default()
    }
}

/// Numbers and states as domains write them.
pub fn numbers(data: &[u8]) {
    if let Some(state) = XenbusState::parse(data) {
        assert_eq!(data, state.number().to_string().as_bytes());
    }
    let text = String::from_utf8_lossy(data);
    if let Some(domid) = layout::parse_domid(&text) {
        assert!(domid <= 0x7fff);
    }
    if layout::parse_number(&text).is_some() {
        assert!(text.bytes().all(|byte| byte.is_ascii_digit()));
    }
    info::fuzzing_resolution(data);
    domain::history::fuzzing_history(&text);
}

/// What a guest can put into an ioreq server's pages: slots of vCPUs, then a ring.
pub fn ioreq(data: &[u8]) {
    crate::xen::ioreq::fuzzing::requests(data);
}

/// What a PV guest says of its frames, for a core dump.
pub fn guest_frames(data: &[u8]) {
    domain::dump::fuzzing::table(data);
}

/// A kernel of any format, to the plan of a PV guest with it.
pub fn kernel_image(data: &[u8]) {
    domain::build::fuzzing_kernel(data);
}

/// The notes of a kernel.
pub fn kernel_notes(data: &[u8]) {
    domain::build::kernel::fuzzing_notes(data);
}

/// What a bzImage packs, or a packed ramdisk.
pub fn kernel_payload(data: &[u8]) {
    domain::build::kernel::fuzzing_payload(data);
}

/// A log line that quotes a domain.
pub fn log_line(data: &[u8]) {
    struct Check;
    impl log::Sink for Check {
        fn line(&self, _: log::Level, _: Option<i32>, text: &str) {
            assert!(!text.contains(char::is_control));
            assert!(text.chars().count() <= 8192);
        }
    }
    let text = String::from_utf8_lossy(data);
    Logger::new(Check).failure(&Error::fail(text.clone()).hint(text).domain(GUEST));
    crate::device::fuzzing_script_words(data);
}
