//! The server: what it claimed, the vCPUs' slots, and who answers.

use std::fmt;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use xenlight::xen::Xen;
use xenlight::xen::ioreq::{EventChannels, IoreqPages, Registration};
use xenlight::{Domid, Result};

use crate::access::{self, Device, Nobody};
use crate::memory::GuestMemory;
use crate::request::{Access, Address, Control, Malformed, PciFunction, Request, SLOT_WORDS};
use crate::ring;

/// What was served so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Requests for whose end a vCPU waited.
    pub answered: u64,
    /// Requests out of the ring.
    pub buffered: u64,
    /// Those of both kinds that made no sense; reads of them gave all ones.
    pub refused: u64,
    /// The latest of these.
    pub last_refusal: Option<Malformed>,
}

/// A range that the server has claimed.
#[derive(Debug)]
enum Claim {
    Ports(RangeInclusive<u16>),
    Memory(RangeInclusive<u64>),
    Pci(PciFunction),
}

impl Claim {
    fn covers(&self, access: &Access) -> bool {
        let size = u16::from(access.size);
        match (self, access.address) {
            // Request::from_slot saw that the access ends within the ports.
            (Self::Ports(range), Address::Port(port)) => {
                range.contains(&port) && range.contains(&(port + (size - 1)))
            }
            (Self::Memory(range), Address::Memory(address)) => {
                let touched = access.memory(address);
                range.contains(touched.start()) && range.contains(touched.end())
            }
            (Self::Pci(function), Address::Pci(address, _)) => *function == address,
            _ => false,
        }
    }
}

/// An ioreq server of this domain's, for one guest. Readable as a descriptor when [`Server::answer`] has work.
pub struct Server<'a> {
    // In the order in which they are given back.
    events: EventChannels,
    pages: IoreqPages<'a>,
    registration: Registration<'a>,
    claims: Vec<Claim>,
    /// Our ends of the vCPUs' event channels, by vCPU.
    ports: Vec<u32>,
    served: Served,
}

impl fmt::Debug for Server<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({:?}, {:?})", self.registration, self.claims)
    }
}

impl AsFd for Server<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

impl<'a> Server<'a> {
    /// A server that gets no requests yet. `buffered`: the hypervisor may let the guest go on after some writes
    /// (to the VGA window, to the clock) and put them into a ring.
    ///
    /// Fails for a PV domain, and where there are eight servers.
    pub fn new(xen: &'a Xen, domid: Domid, buffered: bool) -> Result<Self> {
        let registration = xen.register_ioreq_server(domid, buffered)?;
        Ok(Self {
            pages: registration.pages()?,
            events: registration.event_channels()?,
            registration,
            claims: Vec::new(),
            ports: Vec::new(),
            served: Served::default(),
        })
    }

    /// The server's number among those of the guest.
    pub fn id(&self) -> u16 {
        self.registration.id()
    }

    /// The guest's vCPUs that can send requests; none before [`Server::enable`].
    pub fn vcpus(&self) -> usize {
        self.ports.len()
    }

    /// What was served so far.
    pub fn served(&self) -> Served {
        self.served
    }

    /// Asks for the accesses to these ports.
    pub fn claim_ports(&mut self, ports: RangeInclusive<u16>) -> Result<()> {
        self.registration.claim_ports(&ports)?;
        self.claims.push(Claim::Ports(ports));
        Ok(())
    }

    /// Asks for the accesses to this guest physical memory, as far as there is no RAM.
    pub fn claim_memory(&mut self, range: RangeInclusive<u64>) -> Result<()> {
        self.registration.claim_memory(&range)?;
        self.claims.push(Claim::Memory(range));
        Ok(())
    }

    /// Asks for the accesses to a PCI function's configuration space.
    pub fn claim_pci(&mut self, function: PciFunction) -> Result<()> {
        let PciFunction {
            segment,
            bus,
            device,
            function: number,
        } = function;
        self.registration
            .claim_pci((segment, bus, device, number))?;
        self.claims.push(Claim::Pci(function));
        Ok(())
    }

    /// Lets requests come, and binds their event channels.
    pub fn enable(&mut self) -> Result<()> {
        let vcpus = self.registration.vcpus()?;
        // The hypervisor puts the numbers of the event channels into the slots now.
        self.registration.set_enabled(true)?;
        let bind = |port| {
            let bound = self
                .events
                .bind_interdomain(self.registration.domid(), port);
            bound.map_err(self.registration.failed("binding an event channel"))
        };
        let slots = self.pages.slots().chunks_exact(SLOT_WORDS);
        self.ports = slots
            .take(vcpus as usize)
            .map(|slot| bind(Control(slot[3].load(Acquire)).port()))
            .collect::<Result<_>>()?;
        if self.pages.ring().is_some() {
            // Its number tells nothing: the ring is looked at after each event.
            bind(self.registration.ring_port()?)?;
        }
        Ok(())
    }

    /// Serves requests that are there, without waiting: those of 64 events at most, so that others on the same reactor
    /// get their turn. Writes that were buffered before a request come before it.
    ///
    /// Fails when the event channels do; a request that makes no sense is answered and counted.
    pub fn answer(&mut self, device: &mut impl Device) -> Result<()> {
        let ports = self.events.pending();
        for port in ports.map_err(self.registration.failed("waiting for events"))? {
            self.drain_ring(device);
            if let Some(vcpu) = self.ports.iter().position(|bound| *bound == port) {
                self.answer_vcpu(vcpu, device)?;
            }
            let unmasked = self.events.unmask(port);
            unmasked.map_err(self.registration.failed("unmasking an event channel"))?;
        }
        Ok(())
    }

    fn drain_ring(&mut self, device: &mut impl Device) {
        let Self {
            pages,
            registration,
            claims,
            served,
            ..
        } = self;
        if let Some(ring) = pages.ring() {
            ring::drain(ring, |request| {
                served.buffered += 1;
                let served_as =
                    request.and_then(|request| serve(request, claims, device, registration));
                served.refuse(served_as.err());
            });
        }
    }

    /// Answers the request in the vCPU's slot, if one waits there.
    fn answer_vcpu(&mut self, vcpu: usize, device: &mut impl Device) -> Result<()> {
        let slot = self.pages.slots().chunks_exact(SLOT_WORDS).nth(vcpu);
        let Some((slot, taken)) = slot.and_then(|slot| Some((slot, Taken::take(slot)?))) else {
            return Ok(());
        };
        let outcome = Request::from_slot(taken.words)
            .and_then(|request| serve(request, &self.claims, device, &self.registration));
        self.served.answered += 1;
        self.served.refuse(outcome.err());
        if !taken.answer(slot, outcome.unwrap_or(u64::MAX)) {
            self.served.refuse(Some(Malformed::Slot));
        }
        let notified = self.events.notify(self.ports[vcpu]);
        notified.map_err(self.registration.failed("notifying a vCPU"))
    }
}

impl Served {
    fn refuse(&mut self, refusal: Option<Malformed>) {
        if refusal.is_some() {
            self.refused += 1;
            self.last_refusal = refusal;
        }
    }
}

/// A request that was taken out of its slot: a copy that the guest cannot change.
struct Taken {
    words: [u64; SLOT_WORDS],
    control: Control,
}

impl Taken {
    fn take(slot: &[AtomicU64]) -> Option<Self> {
        let control = Control(slot[3].load(Acquire));
        if !control.ready() {
            return None;
        }
        let mut words = [0; SLOT_WORDS];
        for (word, shared) in words.iter_mut().zip(slot) {
            *word = shared.load(Relaxed);
        }
        words[3] = control.0;
        let in_process = control.in_process();
        slot[3].store(in_process.0, Relaxed);
        Some(Self {
            words,
            control: in_process,
        })
    }

    /// Hands the slot back; false when it did not look as it was left.
    fn answer(&self, slot: &[AtomicU64], value: u64) -> bool {
        if self.control.wants_value() {
            slot[1].store(value, Relaxed);
        }
        let answered = self.control.answered();
        let undisturbed = slot[3]
            .compare_exchange(self.control.0, answered.0, AcqRel, Relaxed)
            .is_ok();
        if !undisturbed {
            slot[3].store(answered.0, Release);
        }
        undisturbed
    }
}

/// Carries out a request; the value for the guest's register.
fn serve(
    request: Request,
    claims: &[Claim],
    device: &mut impl Device,
    registration: &Registration<'_>,
) -> Result<u64, Malformed> {
    let access = match request {
        Request::Access(access) => access,
        Request::TimeOffset(seconds) => {
            device.time_offset(seconds);
            return Ok(0);
        }
        Request::Invalidate => {
            device.invalidate();
            return Ok(0);
        }
    };
    let mut memory = GuestMemory::new(registration);
    if !claims.iter().any(|claim| claim.covers(&access)) {
        let _ = access::perform(&access, &mut Nobody, &mut memory);
        return Err(Malformed::Unclaimed(access.address));
    }
    access::perform(&access, device, &mut memory).map_err(|_| memory.failed())
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        // No request comes after this. The vCPUs that wait now would wait for ever.
        if self.registration.set_enabled(false).is_ok() {
            for vcpu in 0..self.ports.len() {
                let _ = self.answer_vcpu(vcpu, &mut Nobody);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Data;

    fn slot(control: u64) -> [AtomicU64; SLOT_WORDS] {
        [0x80, 5, 1 << 32 | 1, control].map(AtomicU64::new)
    }

    const READY: u64 = 1 << 48;
    const READ: u64 = 1 << 53;

    #[test]
    fn a_request_is_taken_once_and_answered() {
        let slot = slot(READY | READ | 9);
        let taken = Taken::take(&slot).expect("a request");
        // What the guest changes now counts no more.
        slot[0].store(0xffff_ffff, Relaxed);
        assert_eq!(taken.words[0], 0x80);
        assert!(Taken::take(&slot).is_none());
        assert!(taken.answer(&slot, 77));
        assert_eq!(slot[1].load(Relaxed), 77);
        assert_eq!(slot[3].load(Relaxed), 3 << 48 | READ | 9);
        assert!(Taken::take(&slot).is_none());
    }

    #[test]
    fn a_write_leaves_its_data_and_a_disturbed_slot_is_noticed() {
        let slot = slot(READY | 9);
        let taken = Taken::take(&slot).expect("a request");
        slot[3].store(READY | READ | 1, Relaxed);
        assert!(!taken.answer(&slot, 77));
        assert_eq!(slot[1].load(Relaxed), 5);
        assert_eq!(slot[3].load(Relaxed), 3 << 48 | 9);
    }

    #[test]
    fn claims_cover_whole_accesses() {
        let access = |address, size, count| Access {
            address,
            size,
            count,
            write: false,
            backwards: false,
            data: Data::Value(0),
        };
        let ports = Claim::Ports(0xe80..=0xe8f);
        assert!(ports.covers(&access(Address::Port(0xe8c), 4, 1)));
        assert!(!ports.covers(&access(Address::Port(0xe8d), 4, 1)));
        assert!(!ports.covers(&access(Address::Memory(0xe80), 1, 1)));
        let top = Claim::Ports(0xff00..=0xffff);
        assert!(top.covers(&access(Address::Port(0xfffc), 4, 1)));
        let memory = Claim::Memory(0x1000..=0x1fff);
        assert!(memory.covers(&access(Address::Memory(0x1000), 8, 512)));
        assert!(!memory.covers(&access(Address::Memory(0x1008), 8, 512)));
        let function = |device| PciFunction {
            segment: 0,
            bus: 0,
            device,
            function: 0,
        };
        let pci = Claim::Pci(function(3));
        assert!(pci.covers(&access(Address::Pci(function(3), 0), 4, 1)));
        assert!(!pci.covers(&access(Address::Pci(function(4), 0), 4, 1)));
    }
}
