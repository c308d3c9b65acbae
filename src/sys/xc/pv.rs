//! What PV guests alone need: address size, hypercall page, pinned page tables, the first vCPU's registers.

use std::io;

use super::{Xc, check, control};

/// Processor state on reset (`X86_DR6_DEFAULT`, `X86_DR7_DEFAULT`).
const DR6: u32 = 0xffff_0ff0;
const DR7: u32 = 0x400;
/// Interrupts are enabled.
const FLAG_INTERRUPTS: u32 = 1 << 9;

/// How a PV guest's first vCPU starts; addresses are virtual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PvStart {
    /// Where it runs.
    pub entry: u64,
    /// The end of its stack.
    pub stack: u64,
    /// Its start info, which it finds in rsi.
    pub start_info: u64,
    /// The machine frame of its top page table.
    pub top_table: u64,
}

/// Where a 64-bit guest says in its shared info page how to find its table of frames: offsets of 64-bit numbers.
pub mod shared_info {
    use super::control::{arch_shared_info, shared_info};

    const ARCH: usize = std::mem::offset_of!(shared_info, arch);
    /// The frame of a list of lists of its pages.
    pub const FRAME_LIST_LIST: usize =
        ARCH + std::mem::offset_of!(arch_shared_info, pfn_to_mfn_frame_list_list);
    /// Page tables in which it is, as in CR3; 0 for none.
    pub const P2M_CR3: usize = ARCH + std::mem::offset_of!(arch_shared_info, p2m_cr3);
    /// Its address in them.
    pub const P2M_VADDR: usize = ARCH + std::mem::offset_of!(arch_shared_info, p2m_vaddr);
}

impl Xc {
    /// Makes a PV domain without memory a 32-bit or 64-bit one.
    pub fn domain_set_address_size(&self, domid: u32, bits: u32) -> io::Result<()> {
        let size = control::xen_domctl_address_size { size: bits };
        let argument = control::xen_domctl__bindgen_ty_1 { address_size: size };
        self.pv_domctl(domid, control::XEN_DOMCTL_set_address_size, argument)
    }

    /// Fills a machine frame of the domain with the code that makes hypercalls.
    pub fn domain_hypercall_init(&self, domid: u32, frame: u64) -> io::Result<()> {
        let page = control::xen_domctl_hypercall_init { gmfn: frame };
        let argument = control::xen_domctl__bindgen_ty_1 {
            hypercall_init: page,
        };
        self.pv_domctl(domid, control::XEN_DOMCTL_hypercall_init, argument)
    }

    fn pv_domctl(
        &self,
        domid: u32,
        command: u32,
        argument: control::xen_domctl__bindgen_ty_1,
    ) -> io::Result<()> {
        let domid = u16::try_from(domid).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        let mut domctl = control::xen_domctl {
            cmd: command,
            domain: domid,
            u: argument,
            ..Default::default()
        };
        // SAFETY: the pointer is to a local; the commands used here have no pointers in their arguments.
        check(|| unsafe { control::xc_domctl(self.as_ptr(), &mut domctl) }).map(drop)
    }

    /// Lets the hypervisor check the page tables below a top one with four levels, and keep them checked.
    pub fn pin_top_table(&self, domid: u32, frame: u64) -> io::Result<()> {
        let mut operation = control::mmuext_op {
            cmd: control::MMUEXT_PIN_L4_TABLE,
            arg1: control::mmuext_op__bindgen_ty_1 { mfn: frame },
            ..Default::default()
        };
        // SAFETY: one operation is passed, which is a local and has no pointers.
        check(|| unsafe { control::xc_mmuext_op(self.as_ptr(), &mut operation, 1, domid) })
            .map(drop)
    }

    /// Sets the first vCPU of a 64-bit PV domain up.
    pub fn vcpu_start_pv(&self, domid: u32, start: &PvStart) -> io::Result<()> {
        let mut context = control::vcpu_guest_context_x86_64::default();
        let registers = &mut context.user_regs;
        registers.__bindgen_anon_16.rip = start.entry;
        registers.__bindgen_anon_18.rsp = start.stack;
        registers.__bindgen_anon_14.rsi = start.start_info;
        registers.__bindgen_anon_17.rflags = FLAG_INTERRUPTS.into();
        // The data segments are empty, as 64-bit code has it.
        registers.cs = selector(control::FLAT_KERNEL_CS_X86_64);
        registers.ss = selector(control::FLAT_KERNEL_SS_X86_64);
        context.kernel_ss = control::FLAT_KERNEL_SS_X86_64.into();
        context.kernel_sp = start.stack;
        context.debugreg[6] = DR6.into();
        context.debugreg[7] = DR7.into();
        context.flags = (control::VGCF_in_kernel_X86_64 | control::VGCF_online_X86_64).into();
        context.ctrlreg[3] = start.top_table << 12;
        let mut context = control::vcpu_guest_context_any_t { x64: context };
        // SAFETY: the pointer is to a local, of which the call reads the part for the domain's address size.
        check(|| unsafe { control::xc_vcpu_setcontext(self.as_ptr(), domid, 0, &mut context) })
            .map(drop)
    }
}

/// Selectors have 16 bits.
fn selector(value: u32) -> u16 {
    u16::try_from(value).unwrap_or(0)
}
