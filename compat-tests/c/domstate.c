/*
 * What building an HVM or PVH guest leaves in the hypervisor: domstate DOMID [MIB]. For a guest that never ran; sums stand
 * for the contents of pages and records. What goes by the clock is left out, and so are the bytes of ACPI tables, which
 * need not be the same to say the same. The first MIB (default 16) of RAM are looked at, and the edges of its ranges.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>
#include <xen/grant_table.h>
#include <xen/hvm/params.h>
#include <xen/hvm/save.h>
#include <xen/arch-x86/hvm/save.h>

#define PAGE 4096
#define WINDOW 1024

static xc_interface *xch;
static uint32_t domid;

static uint64_t sum(const uint8_t *bytes, size_t length, uint64_t start)
{
    uint64_t hash = start ? start : 0xcbf29ce484222325, word = 0;
    for (size_t i = 0; i < length; i += sizeof(word)) {
        memcpy(&word, bytes + i, length - i < sizeof(word) ? length - i : sizeof(word));
        hash = (hash ^ word) * 0x100000001b3;
        hash ^= hash >> 29;
    }
    return hash;
}

static int zero(const uint8_t *page)
{
    static const uint8_t zeros[PAGE];
    return !memcmp(page, zeros, PAGE);
}

static void domain(void)
{
    xc_domaininfo_t info;
    if (xc_domain_getinfolist(xch, domid, 1, &info) != 1 || info.domain != domid)
        exit(1);
    printf("pages %" PRIu64 " of %" PRIu64 ", outstanding %" PRIu64 ", shared %" PRIu64 ", paged %" PRIu64 "\n",
           info.tot_pages, info.max_pages, info.outstanding_pages, info.shr_pages, info.paged_pages);
    printf("flags %#x, vcpus %u online, highest %u\n", info.flags, info.nr_online_vcpus, info.max_vcpu_id);
    uint64_t pool = 0, total = 0, cache = 0, entries = 0;
    xen_pfn_t last = 0;
    int rc = xc_get_paging_mempool_size(xch, domid, &pool);
    printf("paging pool %d %" PRIu64 "\n", rc, pool);
    rc = xc_domain_get_pod_target(xch, domid, &total, &cache, &entries);
    /* Pages of zeros go back to the cache whenever the hypervisor looks at them, so only the difference is stable. */
    printf("on demand %d: %" PRIu64 " pages, %" PRIu64 " entries beyond the cache\n", rc, total, entries - cache);
    rc = xc_domain_maximum_gpfn(xch, domid, &last);
    printf("highest page %d %#lx\n", rc < 0, last);
}

static void numa(void)
{
    uint32_t nodes = 16, ranges = 64, vcpus = 128;
    xen_vmemrange_t range[64];
    unsigned int distance[16 * 16], node[128];
    if (xc_domain_getvnuma(xch, domid, &nodes, &ranges, &vcpus, range, distance, node)) {
        printf("no virtual nodes: %s\n", strerror(errno));
        return;
    }
    for (uint32_t i = 0; i < ranges; i++)
        printf("node %u: %#" PRIx64 "-%#" PRIx64 "\n", range[i].nid, range[i].start, range[i].end);
    for (uint32_t i = 0; i < nodes * nodes; i++)
        printf("distance of %u and %u: %u\n", i / nodes, i % nodes, distance[i]);
    for (uint32_t i = 0; i < vcpus; i++)
        printf("vcpu %u: node %u\n", i, node[i]);
}

/* One line for each run of pages that are alike: missing, or with the given contents. Zeros have no line. */
static void pages(uint64_t first, uint64_t end, int contents)
{
    xenforeignmemory_handle *memory = xc_interface_fmem_handle(xch);
    uint64_t start = first, hash = 0;
    int kind = 0;
    for (uint64_t at = first; at <= end; at += WINDOW) {
        size_t count = end - at < WINDOW ? end - at : WINDOW;
        xen_pfn_t frames[WINDOW];
        int errors[WINDOW];
        for (size_t i = 0; i < count; i++)
            frames[i] = at + i;
        uint8_t *mapped = count ? xenforeignmemory_map(memory, domid, PROT_READ, count, frames, errors) : NULL;
        for (size_t i = 0; i <= count; i++) {
            if (i == count && at + count < end)
                break;
            /* 0 zeros, 1 contents, 2 missing, 3 the end */
            int now = i == count ? 3 : !mapped || errors[i] ? 2 : contents && !zero(mapped + i * PAGE);
            if (now != kind) {
                if (kind == 1)
                    printf("pages %#" PRIx64 "-%#" PRIx64 " %016" PRIx64 "\n", start, at + i - 1, hash);
                if (kind == 2)
                    printf("no pages %#" PRIx64 "-%#" PRIx64 "\n", start, at + i - 1);
                start = at + i;
                kind = now;
                hash = 0;
            }
            if (now == 1)
                hash = sum(mapped + i * PAGE, PAGE, hash);
        }
        if (mapped)
            xenforeignmemory_unmap(memory, mapped, count);
    }
}

static void grants(void)
{
    void *mapped = NULL;
    xenforeignmemory_handle *memory = xc_interface_fmem_handle(xch);
    xenforeignmemory_resource_handle *resource = xenforeignmemory_map_resource(
        memory, domid, XENMEM_resource_grant_table, XENMEM_resource_grant_table_id_shared, 0, 1, &mapped, PROT_READ, 0);
    if (!resource) {
        printf("no grant table: %s\n", strerror(errno));
        return;
    }
    const grant_entry_v1_t *entries = mapped;
    for (unsigned int i = 0; i < PAGE / sizeof(*entries); i++)
        if (entries[i].flags || entries[i].domid || entries[i].frame)
            printf("grant %u: flags %u domain %u frame %#x\n", i, entries[i].flags, entries[i].domid, entries[i].frame);
    xenforeignmemory_unmap_resource(memory, resource);
}

static void vcpu(const struct hvm_hw_cpu *record)
{
    struct hvm_hw_cpu cpu = *record;
    cpu.tsc = 0;
    const uint32_t *words = (const void *)&cpu;
    printf("registers");
    for (size_t i = sizeof(cpu.fpu_regs) / sizeof(*words); i < sizeof(cpu) / sizeof(*words); i++)
        if (words[i])
            printf(" %zu:%#x", i * sizeof(*words), words[i]);
    printf("\nfpu %016" PRIx64 "\n", sum(cpu.fpu_regs, sizeof(cpu.fpu_regs), 0));
}

static void context(void)
{
    int size = xc_domain_hvm_getcontext(xch, domid, NULL, 0);
    uint8_t *records = size > 0 ? calloc(1, size) : NULL;
    if (!records || (size = xc_domain_hvm_getcontext(xch, domid, records, size)) < 0)
        exit(1);
    for (int at = 0; at + (int)sizeof(struct hvm_save_descriptor) <= size;) {
        const struct hvm_save_descriptor *descriptor = (const void *)(records + at);
        const uint8_t *record = records + at + sizeof(*descriptor);
        at += sizeof(*descriptor) + descriptor->length;
        if (at > size)
            exit(1);
        printf("record %u.%u of %u bytes", descriptor->typecode, descriptor->instance, descriptor->length);
        switch (descriptor->typecode) {
        case HVM_SAVE_CODE(END):
            printf("\n");
            free(records);
            return;
        case HVM_SAVE_CODE(CPU):
            printf("\n");
            vcpu((const void *)record);
            break;
        /* These go by the clock. */
        case HVM_SAVE_CODE(PIT):
        case HVM_SAVE_CODE(RTC):
        case HVM_SAVE_CODE(HPET):
        case HVM_SAVE_CODE(PMTIMER):
        case HVM_SAVE_CODE(HEADER):
            printf("\n");
            break;
        default:
            printf(" %016" PRIx64 "\n", sum(record, descriptor->length, 0));
        }
    }
}

/* Those of the first device model come last: reading them makes it. */
static void params(void)
{
    static const uint32_t first_model[] = { HVM_PARAM_IOREQ_PFN, HVM_PARAM_BUFIOREQ_PFN };
    for (uint32_t param = 0; param < HVM_NR_PARAMS + 2; param++) {
        uint32_t number = param < HVM_NR_PARAMS ? param : first_model[param - HVM_NR_PARAMS];
        uint64_t value = 0;
        if (param < HVM_NR_PARAMS &&
            (param == HVM_PARAM_IOREQ_PFN || param == HVM_PARAM_BUFIOREQ_PFN || param == HVM_PARAM_BUFIOREQ_EVTCHN))
            continue;
        int rc = xc_hvm_param_get(xch, domid, number, &value);
        if (number == HVM_PARAM_DM_DOMAIN)
            value = !!value;
        if (rc)
            printf("param %" PRIu32 " %s\n", number, strerror(errno));
        else
            printf("param %" PRIu32 " %#" PRIx64 "\n", number, value);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 3)
        return 2;
    domid = strtoul(argv[1], NULL, 10);
    uint64_t mib = argc == 3 ? strtoull(argv[2], NULL, 10) : 16;
    xch = xc_interface_open(NULL, NULL, 0);
    if (!xch)
        return 1;
    domain();
    numa();
    grants();
    context();
    pages(0, mib << 8, 1);
    pages(0xefff0, 0xf0010, 0);
    pages(0xfc000, 0xfc020, 0);
    pages(0xfefe0, 0xff010, 1);
    pages(0xffff0, 0x100010, 0);
    params();
    xc_interface_close(xch);
    return 0;
}
