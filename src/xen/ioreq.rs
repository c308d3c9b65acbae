//! ioreq servers as the hypervisor has them. The crate `xenlight-ioreq` answers a guest's accesses through one.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;

use super::Xen;
use crate::sys::xc::Xc;
use crate::{Domid, Error, Result};

pub use crate::sys::evtchn::EventChannels;
pub use crate::sys::xc::{ForeignMemory, IoreqPages, PAGE_SIZE, SharedPage};

/// Servers that a guest can have (`MAX_NR_IOREQ_SERVERS` of the hypervisor).
const MAX_SERVERS: u16 = 8;

/// Whose an ioreq server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The calling domain's; with the guest's event channel for buffered requests, 0 when it takes none.
    Here(u32),
    /// Another domain's; the hypervisor does not say which.
    Elsewhere,
}

impl Xen {
    /// The ioreq servers of an HVM or PVH guest by number. Changes nothing.
    pub fn ioreq_servers(&self, domid: Domid) -> Result<Vec<(u16, Owner)>> {
        let xc = self.xc_about(domid)?;
        let mut servers = Vec::new();
        for id in 0..MAX_SERVERS {
            match xc.ioreq_server_ring_port(domid, id) {
                Ok(port) => servers.push((id, Owner::Here(port))),
                Err(error) => match error.raw_os_error() {
                    Some(libc::ENOENT) => {}
                    Some(libc::EPERM) => servers.push((id, Owner::Elsewhere)),
                    _ => {
                        return Err(Error::io("looking at the ioreq servers", &error).domain(domid));
                    }
                },
            }
        }
        Ok(servers)
    }

    /// Makes an ioreq server of this domain's that gets no requests yet. `buffered`: the hypervisor may let the guest go
    /// on after some writes (to the VGA window, to the clock) and put them into a ring.
    ///
    /// Fails for a PV domain, and where there are eight servers.
    pub fn register_ioreq_server(&self, domid: Domid, buffered: bool) -> Result<Registration<'_>> {
        let xc = self.xc_about(domid)?;
        let id = xc.ioreq_server_create(domid, buffered).map_err(|error| {
            Error::io("creating an ioreq server", &error)
                .domain(domid)
                .hint("is it an HVM or PVH domain, and this one allowed to be its device model?")
        })?;
        Ok(Registration {
            xen: self,
            xc,
            domid,
            id,
            buffered,
        })
    }
}

/// A server that the hypervisor knows; dropping takes it away.
pub struct Registration<'a> {
    xen: &'a Xen,
    xc: &'a Xc,
    domid: Domid,
    id: u16,
    buffered: bool,
}

impl fmt::Debug for Registration<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registration({} of domain {})", self.id, self.domid)
    }
}

impl<'a> Registration<'a> {
    /// The guest.
    pub fn domid(&self) -> Domid {
        self.domid
    }

    /// The server's number among those of the guest.
    pub fn id(&self) -> u16 {
        self.id
    }

    /// Makes an error of a failed step about this server.
    pub fn failed<'s>(&self, doing: &'s str) -> impl FnOnce(io::Error) -> Error + use<'s> {
        let Self { domid, id, .. } = *self;
        move |error| Error::io(format!("{doing} of ioreq server {id}"), &error).domain(domid)
    }

    /// Maps the pages through which the guest's accesses come.
    pub fn pages(&self) -> Result<IoreqPages<'a>> {
        let pages = self
            .xc
            .ioreq_server_pages(self.domid, self.id, self.buffered);
        pages.map_err(self.failed("mapping the pages"))
    }

    /// A handle for the event channels that tell of them; none is bound yet.
    pub fn event_channels(&self) -> Result<EventChannels> {
        EventChannels::open(self.xen.logger().cloned())
            .map_err(self.failed("opening the event channels"))
    }

    /// Asks for the accesses to these ports.
    pub fn claim_ports(&self, ports: &RangeInclusive<u16>) -> Result<()> {
        let (first, last) = (*ports.start(), *ports.end());
        self.xc
            .ioreq_server_claim(self.domid, self.id, false, first.into(), last.into())
            .map_err(self.failed(&format!("claiming ports {first:#x} to {last:#x}")))
    }

    /// Asks for the accesses to this guest physical memory, as far as there is no RAM.
    pub fn claim_memory(&self, range: &RangeInclusive<u64>) -> Result<()> {
        let (first, last) = (*range.start(), *range.end());
        self.xc
            .ioreq_server_claim(self.domid, self.id, true, first, last)
            .map_err(self.failed(&format!("claiming memory {first:#x} to {last:#x}")))
    }

    /// Asks for the accesses to the configuration space of a PCI function: segment, bus, device, function.
    pub fn claim_pci(&self, function: (u16, u8, u8, u8)) -> Result<()> {
        self.xc
            .ioreq_server_claim_pci(self.domid, self.id, function)
            .map_err(self.failed(&format!("claiming PCI function {function:x?}")))
    }

    /// Lets requests come, or no more; the guest is paused meanwhile. The first puts the numbers of the vCPUs' event channels
    /// into their slots.
    pub fn set_enabled(&self, enabled: bool) -> Result<()> {
        let doing = if enabled { "enabling" } else { "disabling" };
        self.xc
            .ioreq_server_set_enabled(self.domid, self.id, enabled)
            .map_err(self.failed(doing))
    }

    /// The guest's event channel for the ring.
    pub fn ring_port(&self) -> Result<u32> {
        self.xc
            .ioreq_server_ring_port(self.domid, self.id)
            .map_err(self.failed("asking for the ring"))
    }

    /// How many vCPUs the guest can have.
    pub fn vcpus(&self) -> Result<u32> {
        self.xc
            .device_model_vcpus(self.domid)
            .map_err(self.failed("counting the vCPUs"))
    }

    /// Maps a page of the guest's memory; an error where there is none, which a guest may ask for.
    pub fn map(&self, frame: u64) -> io::Result<ForeignMemory<'a>> {
        self.xc.map_frames(self.domid, &[frame])
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        // Where this fails, the domain and all its servers are gone.
        let _ = self.xc.ioreq_server_destroy(self.domid, self.id);
    }
}
