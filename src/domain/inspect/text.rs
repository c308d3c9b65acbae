//! The picture in words.

use std::fmt;

use super::{Picture, Port, findings};
use crate::types::DomainType;
use crate::xen::ioreq::Owner;
use crate::xen::{Channel, HvmParam};

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DomainType::Pv => "PV",
            DomainType::Pvh => "PVH",
            _ => "HVM",
        };
        let (domid, state, vcpus) = (self.domid, self.state, self.vcpus);
        let name = self.name.as_deref().unwrap_or("without a name");
        writeln!(f, "domain {domid}, {name}: {kind}, vCPUs: {vcpus}, {state}")?;
        if !self.params.is_empty() {
            self.params(f)?;
            self.pages(f)?;
            self.servers(f)?;
        }
        writeln!(f, "event channels")?;
        for (number, port) in &self.channels {
            writeln!(f, "  {number:<4} {port}")?;
        }
        self.model(f)?;
        let findings = findings(self);
        if findings.is_empty() {
            return writeln!(f, "nothing is inconsistent");
        }
        writeln!(f, "inconsistent")?;
        findings
            .iter()
            .try_for_each(|finding| writeln!(f, "  {finding}"))
    }
}

impl Picture {
    fn params(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "HVM parameters")?;
        for (param, value) in &self.params {
            let number = *param as u32;
            writeln!(f, "  {number:<3} {:<22} {value:#x}", param.name())?;
        }
        Ok(())
    }

    fn pages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "special pages")?;
        for page in &self.pages {
            let present = if page.present { "memory" } else { "no memory" };
            writeln!(
                f,
                "  {:<#10x} {:<22} {present}",
                page.gfn,
                page.param.name()
            )?;
        }
        Ok(())
    }

    fn servers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "ioreq servers")?;
        for (id, owner) in &self.servers {
            match owner {
                Owner::Here(0) => writeln!(f, "  {id} of dom0")?,
                Owner::Here(port) => {
                    writeln!(f, "  {id} of dom0, buffered requests at port {port}")?
                }
                Owner::Elsewhere => writeln!(f, "  {id} of another domain")?,
            }
        }
        if self.servers.is_empty() {
            writeln!(f, "  none")?;
        }
        Ok(())
    }

    fn model(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = &self.model;
        writeln!(f, "device model")?;
        if let Some(version) = &model.version {
            writeln!(f, "  {version}")?;
        }
        if let Some(pid) = model.pid {
            match &model.process {
                Some(program) => writeln!(f, "  process {pid} in dom0: {program}")?,
                None => writeln!(f, "  process {pid} in dom0, which has ended")?,
            }
        }
        if let Some(stubdom) = &model.stubdom {
            let name = stubdom.name.as_deref().unwrap_or("without a name");
            let state = stubdom.state.unwrap_or("missing");
            writeln!(f, "  stub domain {}, {name}: {state}", stubdom.domid)?;
        }
        if model.pid.is_none() && model.stubdom.is_none() {
            writeln!(f, "  none")?;
        }
        if let Some(state) = &model.state {
            writeln!(f, "  it says: {state}")?;
        }
        if let Some(target) = self.target {
            writeln!(f, "  this domain serves domain {}", target.domid)?;
        }
        Ok(())
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.channel, self.peer) {
            (Channel::Closed, _) => write!(f, "closed")?,
            (Channel::Unbound(domid), _) => write!(f, "open for domain {domid}")?,
            (Channel::Interdomain(domid, port), _) => write!(f, "domain {domid} port {port}")?,
            (Channel::Pirq(number), _) => write!(f, "physical interrupt {number}")?,
            (Channel::Virq(number), _) => write!(f, "virtual interrupt {number}")?,
            (Channel::Ipi, _) => write!(f, "between vCPUs")?,
            (Channel::Hypervisor, Some((domid, port))) => {
                write!(f, "hypervisor to domain {domid} port {port}")?;
            }
            (Channel::Hypervisor, None) => write!(f, "hypervisor, bound by nobody")?,
        }
        match &self.purpose {
            Some(purpose) => write!(f, " ({purpose})"),
            None if self.channel == Channel::Hypervisor => f.write_str(" (ioreq server)"),
            None => Ok(()),
        }
    }
}

impl HvmParam {
    /// As xen/hvm/params.h has it, without its prefix.
    pub fn name(self) -> &'static str {
        match self {
            Self::CallbackIrq => "CALLBACK_IRQ",
            Self::StorePfn => "STORE_PFN",
            Self::StoreEvtchn => "STORE_EVTCHN",
            Self::IoreqPfn => "IOREQ_PFN",
            Self::BufIoreqPfn => "BUFIOREQ_PFN",
            Self::Viridian => "VIRIDIAN",
            Self::TimerMode => "TIMER_MODE",
            Self::HpetEnabled => "HPET_ENABLED",
            Self::IdentPt => "IDENT_PT",
            Self::AcpiSState => "ACPI_S_STATE",
            Self::Vm86Tss => "VM86_TSS",
            Self::VptAlign => "VPT_ALIGN",
            Self::ConsolePfn => "CONSOLE_PFN",
            Self::ConsoleEvtchn => "CONSOLE_EVTCHN",
            Self::AcpiIoportsLocation => "ACPI_IOPORTS_LOCATION",
            Self::PagingRingPfn => "PAGING_RING_PFN",
            Self::MonitorRingPfn => "MONITOR_RING_PFN",
            Self::SharingRingPfn => "SHARING_RING_PFN",
            Self::TripleFaultReason => "TRIPLE_FAULT_REASON",
            Self::IoreqServerPfn => "IOREQ_SERVER_PFN",
            Self::NrIoreqServerPages => "NR_IOREQ_SERVER_PAGES",
            Self::VmGenerationIdAddr => "VM_GENERATION_ID_ADDR",
            Self::Altp2m => "ALTP2M",
            Self::X87FipWidth => "X87_FIP_WIDTH",
            Self::McaCap => "MCA_CAP",
        }
    }
}
