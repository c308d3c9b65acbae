/* SPDX-License-Identifier: LGPL-2.1-or-later */
@generated@
#ifndef LIBXL_H
#define LIBXL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/wait.h>

#include <xentoollog.h>

/* Programs that want an older interface say which; they get the newest otherwise. */
#if defined(LIBXL_API_VERSION)
#if LIBXL_API_VERSION != 0x040200 && LIBXL_API_VERSION != 0x040300 && \
    LIBXL_API_VERSION != 0x040400 && LIBXL_API_VERSION != 0x040500 && \
    LIBXL_API_VERSION != 0x040700 && LIBXL_API_VERSION != 0x040800 && \
@until 4.18@
    LIBXL_API_VERSION != 0x041300 && LIBXL_API_VERSION != 0x041400
@since 4.18@
    LIBXL_API_VERSION != 0x041300 && LIBXL_API_VERSION != 0x041400 && \
    LIBXL_API_VERSION != 0x041800
@end@
#error Unknown LIBXL_API_VERSION
#endif
#endif

typedef struct libxl__ctx libxl_ctx;

#include <libxl_uuid.h>

/* Programs used to get Xen's lists along with this header. */
#if defined(__has_include)
#if __has_include(<xen_list.h>)
#include <xen_list.h>
#endif
#endif

/* What this version has, for programs that build against several. */
@features@
#if !defined(LIBXL_API_VERSION) || LIBXL_API_VERSION != 0x040200
#define LIBXL_HAVE_NONCONST_EVENT_OCCURS_EVENT_ARG 1
#endif
#if !defined(LIBXL_API_VERSION) || LIBXL_API_VERSION >= 0x040500
#define LIBXL_HAVE_NONCONST_LIBXL_BASENAME_RETURN_VALUE 1
#endif

/* Marks functions that may call back into the program; means nothing outside the library. */
#ifndef LIBXL_EXTERNAL_CALLERS_ONLY
#define LIBXL_EXTERNAL_CALLERS_ONLY
#endif

#define LIBXL_VERSION 0
#define INVALID_DOMID ~0
#define RANDOM_DOMID (INVALID_DOMID - 1)

#define LIBXL_BUILDINFO_HVM_VIRIDIAN_ENABLE_DISABLE_WIDTH 64
#define LIBXL_MAX_GRANT_DEFAULT (~(uint32_t)0)
#define LIBXL_MAX_GRANT_FRAMES_DEFAULT 32
#define LIBXL_MAX_MAPTRACK_FRAMES_DEFAULT 1024
#define LIBXL_PCI_FUNC_ALL (~0U)
#define LIBXL_TIMER_MODE_DEFAULT -1
#define LIBXL_MEMKB_DEFAULT ~0ULL
#define LIBXL_RDM_MEM_BOUNDARY_MEMKB_DEFAULT (2048 * 1024)
#define LIBXL_MS_VM_GENID_LEN 16
#define LIBXL_SUSPEND_DEBUG 1
#define LIBXL_SUSPEND_LIVE 2
#define LIBXL_CPUTOPOLOGY_INVALID_ENTRY (~(uint32_t)0)
#define LIBXL_PCITOPOLOGY_INVALID_ENTRY (~(uint32_t)0)
#define LIBXL_NUMAINFO_INVALID_ENTRY (~(uint32_t)0)
#define LIBXL_CPUPOOL_POOLID_ANY 0xFFFFFFFF
#define LIBXL_SCHED_PARAM_VCPU_INDEX_DEFAULT -1
#define LIBXL_DOMAIN_SCHED_PARAM_WEIGHT_DEFAULT -1
#define LIBXL_DOMAIN_SCHED_PARAM_CAP_DEFAULT -1
#define LIBXL_DOMAIN_SCHED_PARAM_PERIOD_DEFAULT -1
#define LIBXL_DOMAIN_SCHED_PARAM_SLICE_DEFAULT -1
#define LIBXL_DOMAIN_SCHED_PARAM_LATENCY_DEFAULT -1
#define LIBXL_DOMAIN_SCHED_PARAM_EXTRATIME_DEFAULT -1
#define LIBXL_DOMAIN_SCHED_PARAM_BUDGET_DEFAULT -1

#define LIBXL_MAC_FMT "%02hhx:%02hhx:%02hhx:%02hhx:%02hhx:%02hhx"
#define LIBXL_MAC_FMTLEN 17
#define LIBXL_MAC_BYTES(mac) mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]

struct libxl__cpu_policy;
struct libxl_event;
typedef struct {
    struct libxl_event *tqe_next;
    struct libxl_event **tqe_prev;
} libxl_ev_link;

@handwritten libxl_mac libxl_string_list libxl_key_value_list libxl_hwcap libxl_ev_user libxl_domid libxl_devid libxl_cpuid_policy_list libxl_bitmap libxl_enum_string_table libxl_defbool libxl_ms_vm_genid@
#include <_libxl_types.h>

/* Codes that had other names in 4.5 and 4.6. */
#if defined(LIBXL_API_VERSION) && LIBXL_API_VERSION >= 0x040500 && LIBXL_API_VERSION < 0x040700
#define ERROR_REMUS_DEVOPS_DOES_NOT_MATCH ERROR_CHECKPOINT_DEVOPS_DOES_NOT_MATCH
#define ERROR_REMUS_DEVICE_NOT_SUPPORTED ERROR_CHECKPOINT_DEVICE_NOT_SUPPORTED
#endif

@handwritten libxl_asyncop_how libxl_asyncprogress_how@
typedef struct libxl__xen_console_reader libxl_xen_console_reader;
typedef enum libxl_psr_cbm_type libxl_psr_type;

@functions@

/* Older interfaces, in terms of the newest. */
#if defined(LIBXL_API_VERSION) && LIBXL_API_VERSION < 0x040400
static inline int libxl_domain_create_restore_0x040200(
    libxl_ctx *ctx, libxl_domain_config *d_config, uint32_t *domid, int restore_fd,
    const libxl_asyncop_how *ao_how, const libxl_asyncprogress_how *aop_console_how)
{
    libxl_domain_restore_params params;
    int rc;

    libxl_domain_restore_params_init(&params);
    rc = libxl_domain_create_restore(ctx, d_config, domid, restore_fd, -1, &params, ao_how, aop_console_how);
    libxl_domain_restore_params_dispose(&params);
    return rc;
}
#define libxl_domain_create_restore libxl_domain_create_restore_0x040200
#elif defined(LIBXL_API_VERSION) && LIBXL_API_VERSION < 0x040700
static inline int libxl_domain_create_restore_0x040400(
    libxl_ctx *ctx, libxl_domain_config *d_config, uint32_t *domid, int restore_fd,
    const libxl_domain_restore_params *params,
    const libxl_asyncop_how *ao_how, const libxl_asyncprogress_how *aop_console_how)
{
    return libxl_domain_create_restore(ctx, d_config, domid, restore_fd, -1, params, ao_how, aop_console_how);
}
#define libxl_domain_create_restore libxl_domain_create_restore_0x040400
#endif

#if defined(LIBXL_API_VERSION) && LIBXL_API_VERSION < 0x041300
static inline int libxl_retrieve_domain_configuration_0x041200(
    libxl_ctx *ctx, uint32_t domid, libxl_domain_config *d_config)
{
    return libxl_retrieve_domain_configuration(ctx, domid, d_config, NULL);
}
#define libxl_retrieve_domain_configuration libxl_retrieve_domain_configuration_0x041200

static inline int libxl_domain_shutdown_0x041200(libxl_ctx *ctx, uint32_t domid)
{
    return libxl_domain_shutdown(ctx, domid, NULL);
}
#define libxl_domain_shutdown libxl_domain_shutdown_0x041200

static inline int libxl_domain_reboot_0x041200(libxl_ctx *ctx, uint32_t domid)
{
    return libxl_domain_reboot(ctx, domid, NULL);
}
#define libxl_domain_reboot libxl_domain_reboot_0x041200

static inline int libxl_domain_pause_0x041200(libxl_ctx *ctx, uint32_t domid)
{
    return libxl_domain_pause(ctx, domid, NULL);
}
#define libxl_domain_pause libxl_domain_pause_0x041200

static inline int libxl_domain_unpause_0x041200(libxl_ctx *ctx, uint32_t domid)
{
    return libxl_domain_unpause(ctx, domid, NULL);
}
#define libxl_domain_unpause libxl_domain_unpause_0x041200

static inline int libxl_set_vcpuonline_0x041200(libxl_ctx *ctx, uint32_t domid, libxl_bitmap *cpumap)
{
    return libxl_set_vcpuonline(ctx, domid, cpumap, NULL);
}
#define libxl_set_vcpuonline libxl_set_vcpuonline_0x041200

static inline int libxl_send_trigger_0x041200(
    libxl_ctx *ctx, uint32_t domid, libxl_trigger trigger, uint32_t vcpuid)
{
    return libxl_send_trigger(ctx, domid, trigger, vcpuid, NULL);
}
#define libxl_send_trigger libxl_send_trigger_0x041200

static inline int libxl_qemu_monitor_command_0x041200(
    libxl_ctx *ctx, uint32_t domid, const char *command_line, char **output)
{
    return libxl_qemu_monitor_command(ctx, domid, command_line, output, NULL);
}
#define libxl_qemu_monitor_command libxl_qemu_monitor_command_0x041200
#endif

#if defined(LIBXL_API_VERSION) && LIBXL_API_VERSION < 0x040800
#define libxl_get_memory_target libxl_get_memory_target_0x040700
#define libxl_domain_need_memory libxl_domain_need_memory_0x040700
#define libxl_get_free_memory libxl_get_free_memory_0x040700

static inline int libxl_console_exec_0x040700(
    libxl_ctx *ctx, uint32_t domid, int cons_num, libxl_console_type type)
{
@until 4.18@
    return libxl_console_exec(ctx, domid, cons_num, type, -1);
@since 4.18@
    return libxl_console_exec(ctx, domid, cons_num, type, -1, NULL);
@end@
}
#define libxl_console_exec libxl_console_exec_0x040700

static inline int libxl_primary_console_exec_0x040700(libxl_ctx *ctx, uint32_t domid_vm)
{
@until 4.18@
    return libxl_primary_console_exec(ctx, domid_vm, -1);
@since 4.18@
    return libxl_primary_console_exec(ctx, domid_vm, -1, NULL);
@end@
}
#define libxl_primary_console_exec libxl_primary_console_exec_0x040700
#elif defined(LIBXL_API_VERSION) && LIBXL_API_VERSION < 0x041300
#define libxl_domain_need_memory libxl_domain_need_memory_0x041200
#endif
@since 4.18@

#if defined(LIBXL_API_VERSION) && LIBXL_API_VERSION >= 0x040800 && LIBXL_API_VERSION < 0x041800
static inline int libxl_console_exec_0x041700(
    libxl_ctx *ctx, uint32_t domid, int cons_num, libxl_console_type type, int notify_fd)
{
    return libxl_console_exec(ctx, domid, cons_num, type, notify_fd, NULL);
}
#define libxl_console_exec libxl_console_exec_0x041700

static inline int libxl_primary_console_exec_0x041700(
    libxl_ctx *ctx, uint32_t domid_vm, int notify_fd)
{
    return libxl_primary_console_exec(ctx, domid_vm, notify_fd, NULL);
}
#define libxl_primary_console_exec libxl_primary_console_exec_0x041700
#endif
@end@

#if defined(LIBXL_API_VERSION) && LIBXL_API_VERSION < 0x040500
#define libxl_set_vcpuaffinity(ctx, domid, vcpuid, map) \
    libxl_set_vcpuaffinity((ctx), (domid), (vcpuid), (map), NULL)
#define libxl_set_vcpuaffinity_all(ctx, domid, max_vcpus, map) \
    libxl_set_vcpuaffinity_all((ctx), (domid), (max_vcpus), (map), NULL)
#endif

/* The domain's policy is applied when it is built; these calls have had nothing to do since. */
#if !defined(LIBXL_API_VERSION) || LIBXL_API_VERSION < 0x041400
static inline void libxl_cpuid_apply_policy(
    libxl_ctx *ctx __attribute__((unused)), uint32_t domid __attribute__((unused)))
{
}
static inline void libxl_cpuid_set(
    libxl_ctx *ctx __attribute__((unused)), uint32_t domid __attribute__((unused)),
    libxl_cpuid_policy_list cpuid __attribute__((unused)))
{
}
#endif

#include <libxl_event.h>

#endif
