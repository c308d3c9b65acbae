//! For compat-tests/fuzz only: what guests, stub domains and device models can make this library read, one function for
//! each way in. A function returns, for any bytes; a panic or endless memory is a finding.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::device::{self, Listed, XenbusState, for_each_kind, info, list, serve, tty};
use crate::engine::testing::Bench;
use crate::engine::{Ctx, Op};
use crate::log::Logger;
use crate::store::{self, layout};
use crate::types::{ConsoleType, DeviceDisk, DeviceVkb, VkbBackend};
use crate::{DOM0, Domid, Error, dm, domain, log, qmp};

/// The domain that the nodes in a corpus are about.
const GUEST: Domid = 3;

/// A whole connection to xenstored.
pub fn store_conversation(data: &[u8]) {
    store::fuzzing::conversation(data);
}

/// All commands against a QEMU that says `data` to every question.
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

/// Reads back the devices of one kind, and how they stand, a device of that kind without a record among them.
async fn read_kind<K: Listed>(op: &Op) {
    let devices = list::all::<K>(op, GUEST).await.unwrap_or_default();
    for device in devices.iter().chain([&K::default()]) {
        drop(info::of(op, GUEST, device).await);
    }
    drop(list::one::<K>(op, GUEST, 0).await);
}

async fn read_everything(op: &Op) {
    drop(device::disk_called(op, GUEST, "xvda").await);
    drop(info::of(op, GUEST, &disk("xvda")).await);
    for vkb in list::all::<DeviceVkb>(op, GUEST).await.unwrap_or_default() {
        assert!(matches!(
            vkb.backend_type,
            VkbBackend::Linux | VkbBackend::Qemu
        ));
    }
    macro_rules! read_kinds {
        ($($(#[$doc:meta])* $kind:ident $name:literal $served:ident $(($listed:ident))?;)+) => {
            $($(read_kind::<crate::types::$listed>(op).await;)?)+
        };
    }
    for_each_kind!(read_kinds);
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
    serve_everything(op).await;
    drop(dm::target_of(op, GUEST).await);
    drop(domain::query::start_time(op, GUEST).await);
    if let Some(words) = domain::fuzzing_complaint(op, GUEST).await {
        assert!(words.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
    }
}

/// What a driver domain reads of the devices that it serves.
async fn serve_everything(op: &Op) {
    const MOST: usize = 16;
    for server in [DOM0, GUEST] {
        let all = serve::all(op, server, MOST).await;
        let (devices, more) = all.unwrap_or_default();
        assert!(devices.len() <= MOST && (!more || devices.len() == MOST));
        for device in devices {
            assert_eq!(serve::at(server, &device.backend()), Some(device));
            drop(serve::look(op, &device).await);
        }
    }
}

fn disk(vdev: &str) -> DeviceDisk {
    DeviceDisk {
        vdev: Some(vdev.to_owned()),
        ..DeviceDisk::default()
    }
}

/// What a bootloader says that it found on a guest's disk.
pub fn bootloader_output(data: &[u8]) {
    domain::fuzzing_output(data);
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
    if let Some(device) = serve::at(DOM0, &text) {
        assert_eq!(device.backend(), text);
    }
    device::fuzzing_resolution(data);
    domain::history::fuzzing_history(&text);
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
    device::fuzzing_script_words(data);
}
