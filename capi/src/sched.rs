//! Exports about vCPUs and scheduling.

use std::ffi::{c_int, c_uint};
use std::ptr::null_mut;

use xenlight::domain::sched;
use xenlight::domain::vcpus::{self, Which};
use xenlight::engine::Op;
use xenlight::host::sched as pool;
use xenlight::types::Bitmap;
use xenlight::xen::Xen;
use xenlight::{Domid, Error, Result};

use crate::args::{AoHow, In, InOut, Out};
use crate::ctx::libxl_ctx;
use crate::export::{export, list_free};
use crate::types::{
    libxl_bitmap, libxl_domain_sched_params, libxl_sched_credit_params, libxl_sched_credit2_params,
    libxl_vcpu_sched_params, libxl_vcpuinfo,
};

list_free! {
    libxl_vcpuinfo_list_free: libxl_vcpuinfo;
}

/// Hard and soft.
type Maps = (Option<Bitmap>, Option<Bitmap>);

/// The maps, of which at least one must be there.
fn maps(hard: In<libxl_bitmap>, soft: In<libxl_bitmap>) -> Result<Maps> {
    let maps = (hard.optional()?, soft.optional()?);
    if maps == (None, None) {
        return Err(Error::inval("neither a hard nor a soft affinity is given"));
    }
    Ok(maps)
}

fn affinity(this: &libxl_ctx, domid: Domid, vcpu: u32, maps: &Maps, force: bool) -> Result<()> {
    let (hard, soft) = maps;
    vcpus::set_affinity(
        &this.log,
        this.core.xen()?,
        domid,
        vcpu,
        (hard.as_ref(), soft.as_ref()),
        force,
    )
}

fn get_vcpus(
    xen: &Xen,
    domid: Domid,
    which: Which,
    params: InOut<libxl_vcpu_sched_params>,
) -> Result<()> {
    let wanted = params.native()?;
    let found = vcpus::sched_params(xen, domid, which, &wanted.vcpus)?;
    params.replace(&found)
}

export! {
    /// All vCPUs of a domain, with their affinity; NULL on failure.
    fn libxl_list_vcpu(
        this,
        domid: u32,
        nb_vcpu: Out<c_int>,
        nr_cpus_out: Out<c_int>,
    ) -> *mut libxl_vcpuinfo [else null_mut()] {
        let xen = this.core.xen()?;
        let list = vcpus::list(xen, domid)?;
        let cpus = c_int::try_from(xen.max_cpus()?).unwrap_or(c_int::MAX);
        nr_cpus_out.set(cpus)?;
        nb_vcpu.list(&list)
    }

    /// Sets the affinity of one vCPU; a NULL map leaves that kind alone.
    fn libxl_set_vcpuaffinity(
        this,
        domid: u32,
        vcpuid: u32,
        cpumap_hard: In<libxl_bitmap>,
        cpumap_soft: In<libxl_bitmap>,
    ) {
        let maps = maps(cpumap_hard, cpumap_soft)?;
        affinity(this, domid, vcpuid, &maps, false)
    }

    /// [`libxl_set_vcpuaffinity`], over a temporary pin, as dom0's drivers ask for; without a map only that is undone.
    fn libxl_set_vcpuaffinity_force(
        this,
        domid: u32,
        vcpuid: u32,
        cpumap_hard: In<libxl_bitmap>,
        cpumap_soft: In<libxl_bitmap>,
    ) {
        let maps = (cpumap_hard.optional()?, cpumap_soft.optional()?);
        affinity(this, domid, vcpuid, &maps, true)
    }

    /// [`libxl_set_vcpuaffinity`] for vCPUs 0 to `max_vcpus` - 1; tries each, and fails when one failed.
    fn libxl_set_vcpuaffinity_all(
        this,
        domid: u32,
        max_vcpus: c_uint,
        cpumap_hard: In<libxl_bitmap>,
        cpumap_soft: In<libxl_bitmap>,
    ) {
        let maps = maps(cpumap_hard, cpumap_soft)?;
        let mut failed = 0;
        for vcpu in 0..max_vcpus {
            if let Err(error) = affinity(this, domid, vcpu, &maps, false) {
                this.log.failure(&error);
                failed += 1;
            }
        }
        match failed {
            0 => Ok(()),
            some => Err(Error::fail(format!("{some} vCPUs kept their affinity")).domain(domid)),
        }
    }

    /// Nodes whose memory the domain gets, in a bitmap that has room already.
    fn libxl_domain_get_nodeaffinity(this, domid: u32, nodemap: InOut<libxl_bitmap>) {
        let bytes = this.core.xen()?.node_affinity(domid)?;
        nodemap.fill(&Bitmap { bytes })
    }

    /// Sets the nodes whose memory the domain gets.
    fn libxl_domain_set_nodeaffinity(this, domid: u32, nodemap: InOut<libxl_bitmap>) {
        let nodes = nodemap.native()?;
        this.core.xen()?.set_node_affinity(domid, &nodes.bytes)?;
        Ok(())
    }

    /// The domain's parameters under the scheduler of its pool.
    fn libxl_domain_sched_params_get(this, domid: u32, params: Out<libxl_domain_sched_params>) {
        params.give(&sched::read(this.core.xen()?, domid)?)
    }

    /// Sets those parameters that are not at their default.
    fn libxl_domain_sched_params_set(this, domid: u32, params: In<libxl_domain_sched_params>) {
        let params = params.native()?;
        sched::apply(this.core.xen()?, domid, &params)?;
        Ok(())
    }

    /// Parameters of the vCPUs that the list names.
    fn libxl_vcpu_sched_params_get(this, domid: u32, params: InOut<libxl_vcpu_sched_params>) {
        get_vcpus(this.core.xen()?, domid, Which::Listed, params)
    }

    /// Parameters of all vCPUs; the list is empty on entry.
    fn libxl_vcpu_sched_params_get_all(this, domid: u32, params: InOut<libxl_vcpu_sched_params>) {
        get_vcpus(this.core.xen()?, domid, Which::All, params)
    }

    /// Sets parameters of the vCPUs that the list names.
    fn libxl_vcpu_sched_params_set(this, domid: u32, params: In<libxl_vcpu_sched_params>) {
        let params = params.native()?;
        vcpus::set_sched_params(this.core.xen()?, domid, Which::Listed, &params)?;
        Ok(())
    }

    /// Sets the one set of parameters for all vCPUs.
    fn libxl_vcpu_sched_params_set_all(this, domid: u32, params: In<libxl_vcpu_sched_params>) {
        let params = params.native()?;
        vcpus::set_sched_params(this.core.xen()?, domid, Which::All, &params)?;
        Ok(())
    }

    /// A pool's parameters under credit.
    fn libxl_sched_credit_params_get(this, poolid: u32, scinfo: Out<libxl_sched_credit_params>) {
        scinfo.give(&pool::credit(this.core.xen()?, poolid)?)
    }

    /// Sets them; `scinfo` gets what the hypervisor made of them.
    fn libxl_sched_credit_params_set(this, poolid: u32, scinfo: InOut<libxl_sched_credit_params>) {
        let xen = this.core.xen()?;
        let wanted = scinfo.native()?;
        scinfo.replace(&pool::set_credit(xen, poolid, &wanted)?)
    }

    /// A pool's parameters under credit2.
    fn libxl_sched_credit2_params_get(this, poolid: u32, scinfo: Out<libxl_sched_credit2_params>) {
        scinfo.give(&pool::credit2(this.core.xen()?, poolid)?)
    }

    /// Sets them; `scinfo` gets what the hypervisor made of them.
    fn libxl_sched_credit2_params_set(this, poolid: u32, scinfo: InOut<libxl_sched_credit2_params>) {
        let xen = this.core.xen()?;
        let wanted = scinfo.native()?;
        scinfo.replace(&pool::set_credit2(xen, poolid, &wanted)?)
    }

    /// Plugs and unplugs vCPUs of a running guest, so that it has those in `cpumap`.
    fn libxl_set_vcpuonline(this, domid: u32, cpumap: InOut<libxl_bitmap>, ao_how: AoHow) {
        let wanted = cpumap.native()?;
        let body = async move |op: Op| vcpus::set_online(&op, domid, &wanted).await;
        ao_how.start(domid, body)
    }
}
