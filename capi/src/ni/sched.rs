//! Exports of the area "vcpus/sched/numa/cpupool" that are not built yet: each logs its name once and returns ERROR_NI.

use std::ffi::{c_char, c_int, c_uint};

use crate::boundary::not_yet;
use crate::ctx::libxl_ctx;
use crate::types::{
    libxl_asyncop_how, libxl_bitmap, libxl_cpupoolinfo, libxl_cputopology,
    libxl_domain_sched_params, libxl_numainfo, libxl_sched_credit_params,
    libxl_sched_credit2_params, libxl_scheduler, libxl_uuid, libxl_vcpu_sched_params,
    libxl_vcpuinfo,
};

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpu_bitmap_alloc(
    ctx: *mut libxl_ctx,
    _cpumap: *mut libxl_bitmap,
    _max_cpus: c_int,
) -> c_int {
    not_yet(ctx, "libxl_cpu_bitmap_alloc")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpumap_to_nodemap(
    ctx: *mut libxl_ctx,
    _cpumap: *const libxl_bitmap,
    _nodemap: *mut libxl_bitmap,
) -> c_int {
    not_yet(ctx, "libxl_cpumap_to_nodemap")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_cpuadd(ctx: *mut libxl_ctx, _poolid: u32, _cpu: c_int) -> c_int {
    not_yet(ctx, "libxl_cpupool_cpuadd")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_cpuadd_cpumap(
    ctx: *mut libxl_ctx,
    _poolid: u32,
    _cpumap: *const libxl_bitmap,
) -> c_int {
    not_yet(ctx, "libxl_cpupool_cpuadd_cpumap")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_cpuadd_node(
    ctx: *mut libxl_ctx,
    _poolid: u32,
    _node: c_int,
    _cpus: *mut c_int,
) -> c_int {
    not_yet(ctx, "libxl_cpupool_cpuadd_node")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_cpuremove(ctx: *mut libxl_ctx, _poolid: u32, _cpu: c_int) -> c_int {
    not_yet(ctx, "libxl_cpupool_cpuremove")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_cpuremove_cpumap(
    ctx: *mut libxl_ctx,
    _poolid: u32,
    _cpumap: *const libxl_bitmap,
) -> c_int {
    not_yet(ctx, "libxl_cpupool_cpuremove_cpumap")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_cpuremove_node(
    ctx: *mut libxl_ctx,
    _poolid: u32,
    _node: c_int,
    _cpus: *mut c_int,
) -> c_int {
    not_yet(ctx, "libxl_cpupool_cpuremove_node")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_create(
    ctx: *mut libxl_ctx,
    _name: *const c_char,
    _sched: libxl_scheduler,
    _cpumap: libxl_bitmap,
    _uuid: *mut libxl_uuid,
    _poolid: *mut u32,
) -> c_int {
    not_yet(ctx, "libxl_cpupool_create")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_destroy(ctx: *mut libxl_ctx, _poolid: u32) -> c_int {
    not_yet(ctx, "libxl_cpupool_destroy")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_info(
    ctx: *mut libxl_ctx,
    _info: *mut libxl_cpupoolinfo,
    _poolid: u32,
) -> c_int {
    not_yet(ctx, "libxl_cpupool_info")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_movedomain(
    ctx: *mut libxl_ctx,
    _poolid: u32,
    _domid: u32,
) -> c_int {
    not_yet(ctx, "libxl_cpupool_movedomain")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_qualifier_to_cpupoolid(
    ctx: *mut libxl_ctx,
    _p: *const c_char,
    _poolid_r: *mut u32,
    _was_name_r: *mut c_int,
) -> c_int {
    not_yet(ctx, "libxl_cpupool_qualifier_to_cpupoolid")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupool_rename(
    ctx: *mut libxl_ctx,
    _name: *const c_char,
    _poolid: u32,
) -> c_int {
    not_yet(ctx, "libxl_cpupool_rename")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupoolid_is_valid(ctx: *mut libxl_ctx, _poolid: u32) -> c_int {
    not_yet(ctx, "libxl_cpupoolid_is_valid")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupoolid_to_name(ctx: *mut libxl_ctx, _poolid: u32) -> *mut c_char {
    not_yet(ctx, "libxl_cpupoolid_to_name");
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cpupoolinfo_list_free(_list: *mut libxl_cpupoolinfo, _nb_pool: c_int) {
    not_yet(std::ptr::null_mut(), "libxl_cpupoolinfo_list_free");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_cputopology_list_free(_arg0: *mut libxl_cputopology, _nb_cpu: c_int) {
    not_yet(std::ptr::null_mut(), "libxl_cputopology_list_free");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_get_nodeaffinity(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _nodemap: *mut libxl_bitmap,
) -> c_int {
    not_yet(ctx, "libxl_domain_get_nodeaffinity")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_sched_params_get(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _params: *mut libxl_domain_sched_params,
) -> c_int {
    not_yet(ctx, "libxl_domain_sched_params_get")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_sched_params_set(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _params: *const libxl_domain_sched_params,
) -> c_int {
    not_yet(ctx, "libxl_domain_sched_params_set")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_domain_set_nodeaffinity(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _nodemap: *mut libxl_bitmap,
) -> c_int {
    not_yet(ctx, "libxl_domain_set_nodeaffinity")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_cpu_topology(
    ctx: *mut libxl_ctx,
    _nb_cpu_out: *mut c_int,
) -> *mut libxl_cputopology {
    not_yet(ctx, "libxl_get_cpu_topology");
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_freecpus(ctx: *mut libxl_ctx, _cpumap: *mut libxl_bitmap) -> c_int {
    not_yet(ctx, "libxl_get_freecpus")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_max_cpus(ctx: *mut libxl_ctx) -> c_int {
    not_yet(ctx, "libxl_get_max_cpus")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_max_nodes(ctx: *mut libxl_ctx) -> c_int {
    not_yet(ctx, "libxl_get_max_nodes")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_numainfo(ctx: *mut libxl_ctx, _nr: *mut c_int) -> *mut libxl_numainfo {
    not_yet(ctx, "libxl_get_numainfo");
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_online_cpus(ctx: *mut libxl_ctx) -> c_int {
    not_yet(ctx, "libxl_get_online_cpus")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_online_socketmap(
    ctx: *mut libxl_ctx,
    _socketmap: *mut libxl_bitmap,
) -> c_int {
    not_yet(ctx, "libxl_get_online_socketmap")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_get_scheduler(ctx: *mut libxl_ctx) -> c_int {
    not_yet(ctx, "libxl_get_scheduler")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_list_cpupool(
    ctx: *mut libxl_ctx,
    _nb_pool_out: *mut c_int,
) -> *mut libxl_cpupoolinfo {
    not_yet(ctx, "libxl_list_cpupool");
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_list_vcpu(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _nb_vcpu: *mut c_int,
    _nr_cpus_out: *mut c_int,
) -> *mut libxl_vcpuinfo {
    not_yet(ctx, "libxl_list_vcpu");
    std::ptr::null_mut()
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_name_to_cpupoolid(
    ctx: *mut libxl_ctx,
    _name: *const c_char,
    _poolid: *mut u32,
) -> c_int {
    not_yet(ctx, "libxl_name_to_cpupoolid")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_node_bitmap_alloc(
    ctx: *mut libxl_ctx,
    _nodemap: *mut libxl_bitmap,
    _max_nodes: c_int,
) -> c_int {
    not_yet(ctx, "libxl_node_bitmap_alloc")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_node_to_cpumap(
    ctx: *mut libxl_ctx,
    _node: c_int,
    _cpumap: *mut libxl_bitmap,
) -> c_int {
    not_yet(ctx, "libxl_node_to_cpumap")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_nodemap_to_cpumap(
    ctx: *mut libxl_ctx,
    _nodemap: *const libxl_bitmap,
    _cpumap: *mut libxl_bitmap,
) -> c_int {
    not_yet(ctx, "libxl_nodemap_to_cpumap")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_numainfo_list_free(_arg0: *mut libxl_numainfo, _nr: c_int) {
    not_yet(std::ptr::null_mut(), "libxl_numainfo_list_free");
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_sched_credit2_params_get(
    ctx: *mut libxl_ctx,
    _poolid: u32,
    _scinfo: *mut libxl_sched_credit2_params,
) -> c_int {
    not_yet(ctx, "libxl_sched_credit2_params_get")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_sched_credit2_params_set(
    ctx: *mut libxl_ctx,
    _poolid: u32,
    _scinfo: *mut libxl_sched_credit2_params,
) -> c_int {
    not_yet(ctx, "libxl_sched_credit2_params_set")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_sched_credit_params_get(
    ctx: *mut libxl_ctx,
    _poolid: u32,
    _scinfo: *mut libxl_sched_credit_params,
) -> c_int {
    not_yet(ctx, "libxl_sched_credit_params_get")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_sched_credit_params_set(
    ctx: *mut libxl_ctx,
    _poolid: u32,
    _scinfo: *mut libxl_sched_credit_params,
) -> c_int {
    not_yet(ctx, "libxl_sched_credit_params_set")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_set_vcpuaffinity(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _vcpuid: u32,
    _cpumap_hard: *const libxl_bitmap,
    _cpumap_soft: *const libxl_bitmap,
) -> c_int {
    not_yet(ctx, "libxl_set_vcpuaffinity")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_set_vcpuaffinity_all(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _max_vcpus: c_uint,
    _cpumap_hard: *const libxl_bitmap,
    _cpumap_soft: *const libxl_bitmap,
) -> c_int {
    not_yet(ctx, "libxl_set_vcpuaffinity_all")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_set_vcpuaffinity_force(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _vcpuid: u32,
    _cpumap_hard: *const libxl_bitmap,
    _cpumap_soft: *const libxl_bitmap,
) -> c_int {
    not_yet(ctx, "libxl_set_vcpuaffinity_force")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_set_vcpuonline(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _cpumap: *mut libxl_bitmap,
    _ao_how: *const libxl_asyncop_how,
) -> c_int {
    not_yet(ctx, "libxl_set_vcpuonline")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_socket_bitmap_alloc(
    ctx: *mut libxl_ctx,
    _socketmap: *mut libxl_bitmap,
    _max_sockets: c_int,
) -> c_int {
    not_yet(ctx, "libxl_socket_bitmap_alloc")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_vcpu_sched_params_get(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _params: *mut libxl_vcpu_sched_params,
) -> c_int {
    not_yet(ctx, "libxl_vcpu_sched_params_get")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_vcpu_sched_params_get_all(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _params: *mut libxl_vcpu_sched_params,
) -> c_int {
    not_yet(ctx, "libxl_vcpu_sched_params_get_all")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_vcpu_sched_params_set(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _params: *const libxl_vcpu_sched_params,
) -> c_int {
    not_yet(ctx, "libxl_vcpu_sched_params_set")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_vcpu_sched_params_set_all(
    ctx: *mut libxl_ctx,
    _domid: u32,
    _params: *const libxl_vcpu_sched_params,
) -> c_int {
    not_yet(ctx, "libxl_vcpu_sched_params_set_all")
}

/// Not built yet.
#[unsafe(no_mangle)]
pub extern "C" fn libxl_vcpuinfo_list_free(_arg0: *mut libxl_vcpuinfo, _nr_vcpus: c_int) {
    not_yet(std::ptr::null_mut(), "libxl_vcpuinfo_list_free");
}
