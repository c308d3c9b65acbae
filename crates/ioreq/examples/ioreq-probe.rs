//! A device model for a device that nobody needs: `ioreq-probe DOMID [TRIPS [SECONDS]]` claims ports, memory and a PCI
//! function of a running HVM guest, beside its QEMU, and answers until the guest says that it has done. The guest is
//! compat-tests/testbed/guests/probe.S, which also times TRIPS of its reads.
//!
//! As the first process of a stub domain's image it lets the image's own first process go on and serves beside QEMU.
//! The kernel's command line takes `trips=N` and `peer=PATH`, a program that serves in its place.

use std::collections::BTreeMap;
use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use xenlight::engine::{Ctx, Op};
use xenlight::log::Logger;
use xenlight::store::layout;
use xenlight::{Code, Domid, Error, Result};
use xenlight_ioreq::{Address, Device, PciFunction, Server};
use xenlight_stubdom_agent::error::Error as AgentError;
use xenlight_stubdom_agent::store::Store;

const PORTS: u16 = 0xe80;
const MEMORY: u64 = 0xf800_0000;
/// Where a VGA has its memory; the hypervisor buffers writes to it.
const WINDOW: u64 = 0xa0000;
const PAGE: u64 = 4096;
const FUNCTION: PciFunction = PciFunction {
    segment: 0,
    bus: 0,
    device: 0x1d,
    function: 7,
};
/// Vendor and device of the function, as its first register has them.
const PCI_ID: u64 = 0xbeef_5853;

const TRIPS: u32 = 200;
const SECONDS: u64 = 60;

/// The device. Ports, from [`PORTS`] on: 0 reads a constant, and takes one byte as a reset and four as the time; 4 keeps
/// a value; 8 adds up what is written; 10 counts; 12 is what the guest times; 14 ends.
struct Probe {
    kept: u64,
    sum: u64,
    count: u64,
    memory: Vec<u8>,
    /// What was written to the window; the hypervisor may repeat a write.
    window: BTreeMap<u64, u8>,
    trips_left: u32,
    /// Ticks that each timed read took.
    ticks: Vec<u64>,
    /// The guest's time in units of 256 ticks, and ours.
    marks: Vec<(u64, Instant)>,
    clock: Option<i64>,
    done: bool,
}

impl Probe {
    fn new(trips: u32) -> Self {
        Self {
            kept: 0,
            sum: 0,
            count: 0x100,
            memory: vec![0; 4096],
            window: BTreeMap::new(),
            trips_left: trips,
            ticks: Vec::new(),
            marks: Vec::new(),
            clock: None,
            done: false,
        }
    }

    /// The bytes of an access to the memory, which the server keeps within what was claimed.
    fn bytes(&mut self, address: u64, size: u8) -> &mut [u8] {
        let at = usize::try_from(address - MEMORY).unwrap_or(0);
        &mut self.memory[at..at + usize::from(size)]
    }

    /// Microseconds of a guest's tick, by both clocks.
    fn tick(&self) -> Option<f64> {
        let [(first, then), (last, now)] = self.marks[..] else {
            return None;
        };
        // The guest sends 32 bits.
        let ticks = (last.wrapping_sub(first) & 0xffff_ffff) as f64 * 256.0;
        Some((now - then).as_secs_f64() * 1e6 / ticks)
    }

    /// Median, 99th percentile and maximum of the round trips, in microseconds.
    fn times(&self) -> Option<[f64; 3]> {
        let mut ticks = self.ticks.clone();
        ticks.sort_unstable();
        let last = ticks.len().checked_sub(1)?;
        let tick = self.tick()?;
        Some([last / 2, last * 99 / 100, last].map(|at| ticks[at] as f64 * tick))
    }
}

impl Device for Probe {
    fn read(&mut self, address: Address, size: u8) -> u64 {
        match address {
            Address::Port(port) => match port - PORTS {
                0 => 0x4433_2211,
                4 => !self.kept,
                8 => self.sum,
                10 => {
                    self.count += 1;
                    self.count
                }
                12 => {
                    self.trips_left = self.trips_left.saturating_sub(1);
                    u64::from(self.trips_left)
                }
                14 => self.window.len() as u64,
                _ => u64::MAX,
            },
            Address::Memory(address) if address >= MEMORY => {
                let bytes = self.bytes(address, size).iter().rev();
                !bytes.fold(0, |value, byte| value << 8 | u64::from(*byte))
            }
            Address::Memory(address) => (address..address + u64::from(size))
                .rev()
                .filter_map(|address| self.window.get(&address))
                .fold(0, |value, byte| value << 8 | u64::from(*byte)),
            Address::Pci(_, 0) => PCI_ID,
            Address::Pci(..) => 0,
        }
    }

    fn write(&mut self, address: Address, size: u8, value: u64) {
        match address {
            Address::Port(port) => match (port - PORTS, size) {
                (0, 1) => *self = Self::new(self.trips_left),
                (0, 4) => self.marks.push((value, Instant::now())),
                (4, _) => self.kept = value,
                (8, _) => self.sum += value,
                (12, _) => self.ticks.push(value),
                (14, _) => self.done = true,
                _ => {}
            },
            Address::Memory(address) if address >= MEMORY => {
                let value = value.to_le_bytes();
                let bytes = self.bytes(address, size);
                bytes.copy_from_slice(&value[..bytes.len()]);
            }
            Address::Memory(address) => {
                let bytes = value.to_le_bytes();
                self.window.extend((address..).zip(bytes).take(size.into()));
            }
            Address::Pci(..) => {}
        }
    }

    fn time_offset(&mut self, seconds: i64) {
        self.clock = Some(seconds);
    }
}

struct Work {
    domid: Domid,
    trips: u32,
    limit: Duration,
}

/// Claims, answers, and reports to `out`.
async fn serve(op: &Op, work: &Work, out: &mut dyn Write) -> Result<()> {
    let mut say = |text: String| {
        writeln!(out, "{text}").map_err(|error| Error::io("writing the report", &error))
    };
    let mut probe = Probe::new(work.trips);
    let mut server = Server::new(op.xen()?, work.domid, true)?;
    server.claim_ports(PORTS..=PORTS + 15)?;
    server.claim_memory(MEMORY..=MEMORY + PAGE - 1)?;
    server.claim_memory(WINDOW..=WINDOW + PAGE - 1)?;
    server.claim_pci(FUNCTION)?;
    server.enable()?;
    let (id, vcpus) = (server.id(), server.vcpus());
    say(format!(
        "ready: ioreq server {id} of domain {}, {vcpus} vCPUs",
        work.domid
    ))?;

    let deadline = Instant::now() + work.limit;
    while !probe.done {
        let turn = async {
            while !probe.done {
                op.readable(&server).await?;
                server.answer(&mut probe)?;
            }
            Ok(())
        };
        match op.timeout(Duration::from_secs(1), "a turn", turn).await {
            Err(error) if error.code() == Code::Timedout => check(op, work, deadline)?,
            other => other?,
        }
    }

    let served = server.served();
    say(format!(
        "served: {} answered, {} buffered, {} refused",
        served.answered, served.buffered, served.refused
    ))?;
    if let Some(refusal) = served.last_refusal {
        say(format!("refused last: {refusal}"))?;
    }
    if let Some(seconds) = probe.clock {
        say(format!("clock: {seconds} s"))?;
    }
    if let Some([median, high, longest]) = probe.times() {
        let trips = probe.ticks.len();
        say(format!(
            "round trips: {trips}, p50 {median:.1} us, p99 {high:.1} us, longest {longest:.1} us"
        ))?;
    }
    drop(server);
    say("done".to_owned())
}

/// Whether it is worth going on.
fn check(op: &Op, work: &Work, deadline: Instant) -> Result<()> {
    let domid = work.domid;
    // A stub domain may not ask, and goes with its guest.
    let gone = match op.xen()?.domain_info(domid) {
        Ok(info) => info.is_none_or(|info| info.flags.dying()),
        Err(_) => false,
    };
    if gone {
        return Err(Error::fail("the guest is gone").domain(domid));
    }
    if Instant::now() > deadline {
        let text = format!("the guest has not done within {:?}", work.limit);
        return Err(Error::new(Code::Timedout, text).domain(domid));
    }
    Ok(())
}

/// In a stub domain, beside its first process: which guest, and where the words go.
fn in_stubdom() -> Result<()> {
    let began = Instant::now();
    // The domain's own first process makes these.
    let paths = ["/dev/hvc0", "/dev/xen/privcmd", "/dev/xen/evtchn"];
    while !paths.iter().all(|path| Path::new(path).exists()) {
        if began.elapsed() > Duration::from_secs(20) {
            return Err(Error::fail("the device files do not appear"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut log = OpenOptions::new()
        .write(true)
        .open("/dev/hvc0")
        .map_err(|error| Error::io("opening the log", &error))?;
    serve_target(&mut log)
}

fn serve_target(log: &mut File) -> Result<()> {
    // By the agent's client: the core's takes no path relative to the domain.
    let mut store = Store::open().map_err(unreadable)?;
    let target = store.read("target").map_err(unreadable)?;
    let domid = layout::parse_domid(&target);
    let domid = domid.ok_or_else(|| Error::fail("the node 'target' holds no domain"))?;
    // QEMU's server first: of two with the same range the newer one is asked.
    let ctx = Ctx::new(Logger::silent())?;
    while ctx.xen()?.ioreq_servers(domid)?.is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let trips = env::var("trips").ok().and_then(|trips| trips.parse().ok());
    let trips = trips.unwrap_or(TRIPS);
    if let Ok(peer) = env::var("peer") {
        let log = log.try_clone();
        let log = log.map_err(|error| Error::io("copying the log", &error))?;
        let arguments = [domid.to_string(), trips.to_string()];
        let error = Command::new(&peer).args(arguments).stdout(log).exec();
        return Err(Error::io(peer, &error));
    }
    let work = Work {
        domid,
        trips,
        limit: Duration::from_secs(SECONDS),
    };
    ctx.block_on(async |op: &Op| serve(op, &work, log).await)
}

fn unreadable(error: AgentError) -> Error {
    Error::fail(format!("the stub domain's guest: {error}"))
}

/// Starts the probe, and becomes the image's own first process.
fn first_process() -> io::Error {
    let started = Command::new("/probe/init").arg("stubdom").spawn();
    started.map_or_else(|error| error, |_| Command::new("/init").exec())
}

fn run() -> Result<ExitCode> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if arguments == ["stubdom"] {
        return in_stubdom().map(|()| ExitCode::SUCCESS);
    }
    let number = |at: usize, default: u64| match arguments.get(at) {
        Some(text) => text.parse().ok(),
        None => Some(default),
    };
    let domid = arguments.first().and_then(|text| layout::parse_domid(text));
    let (Some(domid), Some(trips), Some(seconds), ..=3) = (
        domid,
        number(1, TRIPS.into()).and_then(|trips| u32::try_from(trips).ok()),
        number(2, SECONDS),
        arguments.len(),
    ) else {
        eprintln!("usage: ioreq-probe DOMID [TRIPS [SECONDS]]");
        return Ok(ExitCode::from(2));
    };
    let work = Work {
        domid,
        trips,
        limit: Duration::from_secs(seconds),
    };
    let ctx = Ctx::new(Logger::silent())?;
    ctx.block_on(async |op: &Op| serve(op, &work, &mut io::stdout()).await)?;
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    if std::process::id() == 1 {
        eprintln!("ioreq-probe: {}", first_process());
        return ExitCode::FAILURE;
    }
    run().unwrap_or_else(|error| {
        eprintln!("ioreq-probe: {error}");
        ExitCode::FAILURE
    })
}
