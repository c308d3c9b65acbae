//! Exports of the area "memory": what a guest needs, what is free, what a domain is asked to have.

use std::ffi::{c_int, c_uint, c_ulong};

use xenlight::domain::{defaults, memory};
use xenlight::engine::Counted;
use xenlight::types::DomainType;
use xenlight::{Error, Result};

use crate::args::{In, InOut, Out};
use crate::ctx::libxl_ctx;
use crate::export::export;
use crate::types::{libxl_domain_build_info, libxl_domain_config};

fn need_of(this: &libxl_ctx, b_info: In<libxl_domain_build_info>) -> Result<u64> {
    this.core.counted_memory(Counted::WithoutPaging);
    let mut info = b_info.native_named()?;
    let machine = this.core.xen()?.physinfo()?;
    defaults::fill_build_info(&mut info, &defaults::host(&machine, false))?;
    memory::need_kb(&info)
}

fn narrow(kb: u64) -> Result<u32> {
    u32::try_from(kb).map_err(|_| {
        Error::fail(format!("{kb} KiB is too large for a 32 bit value"))
            .hint("build the program for a newer LIBXL_API_VERSION")
    })
}

/// How long to wait; nothing at all where the number makes no sense.
fn seconds(given: c_int) -> u32 {
    u32::try_from(given).unwrap_or(0)
}

export! {
    /// KiB that must be free to make the domain; fills in what `config` left open.
    fn libxl_domain_need_memory(
        this,
        config: InOut<libxl_domain_config>,
        _domid_for_logging: u32,
        need_memkb: Out<u64>,
    ) {
        this.core.counted_memory(Counted::All);
        let mut native = config.native_named()?;
        this.core
            .block_on(async |op| defaults::complete(op, &mut native).await)?;
        config.replace(&native)?;
        need_memkb.set(memory::need_kb(&native.b_info)?)
    }

    /// [`libxl_domain_need_memory`] as it was before Xen 4.13, without memory for page tables.
    fn libxl_domain_need_memory_0x041200(
        this,
        b_info: In<libxl_domain_build_info>,
        need_memkb: Out<u64>,
    ) {
        need_memkb.set(need_of(this, b_info)?)
    }

    /// [`libxl_domain_need_memory`] as it was before Xen 4.8, in 32 bits.
    fn libxl_domain_need_memory_0x040700(
        this,
        b_info: In<libxl_domain_build_info>,
        need_memkb: Out<u32>,
    ) {
        need_memkb.set(narrow(need_of(this, b_info)?)?)
    }

    /// KiB that no domain has.
    fn libxl_get_free_memory(this, memkb: Out<u64>) {
        memkb.set(memory::free_kb(this.core.xen()?)?)
    }

    /// [`libxl_get_free_memory`] in 32 bits.
    fn libxl_get_free_memory_0x040700(this, memkb: Out<u32>) {
        memkb.set(narrow(memory::free_kb(this.core.xen()?)?)?)
    }

    /// Waits at most `wait_secs` until that much memory is free.
    fn libxl_wait_for_free_memory(this, _domid: u32, memory_kb: u64, wait_secs: c_int) {
        let most = seconds(wait_secs);
        this.core
            .block_on(async |op| memory::wait_for_free(op, memory_kb, most).await)
    }

    /// Waits until the domain has come down to its target, as long as it makes progress.
    fn libxl_wait_for_memory_target(this, domid: u32, wait_secs: c_int) {
        let most = seconds(wait_secs);
        this.core
            .block_on(async |op| memory::wait_for_target(op, domid, most).await)
    }

    /// KiB that the domain is asked to have.
    fn libxl_get_memory_target(this, domid: u32, out_target: Out<u64>) {
        let target = this
            .core
            .block_on(async |op| memory::target(op, domid).await)?;
        out_target.offer(|| target.target_kb);
        Ok(())
    }

    /// [`libxl_get_memory_target`] in 32 bits.
    fn libxl_get_memory_target_0x040700(this, domid: u32, out_target: Out<u32>) {
        let target = this
            .core
            .block_on(async |op| memory::target(op, domid).await)?;
        out_target.set(narrow(target.target_kb)?)
    }

    /// Asks the domain to have that many KiB, or that many more; with `enforce` Xen holds it to that.
    fn libxl_set_memory_target(
        this,
        domid: u32,
        target_memkb: i64,
        relative: c_int,
        enforce: c_int,
    ) {
        let change = if relative == 0 {
            memory::Change::To(target_memkb)
        } else {
            memory::Change::By(target_memkb)
        };
        this.core
            .block_on(async |op| memory::set_target(op, domid, change, enforce != 0).await)
    }

    /// Sets the most that the domain can be asked to have; fails when its target is higher.
    fn libxl_domain_setmaxmem(this, domid: u32, max_memkb: u64) {
        this.core
            .block_on(async |op| memory::set_max(op, domid, max_memkb).await)
    }

    /// KiB for the shadow page tables of a guest, not counting on hardware's help.
    fn libxl_get_required_shadow_memory(maxmem_kb: c_ulong, smp_cpus: c_uint) -> c_ulong [else 0] {
        memory::paging_kb(maxmem_kb, smp_cpus.into(), DomainType::Invalid, false)
    }
}
