/*
 * What a 64-bit PV guest finds when it starts: pvstart DOMID, for a domain that was created paused. Machine frames differ
 * from run to run, so the guest's own page numbers are printed for them, found through its own list.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>
#include <xen/grant_table.h>

/* Exported, but in no installed header. */
int xc_get_pfn_type_batch(xc_interface *xch, uint32_t domid, unsigned int count, xen_pfn_t *frames);

#define PAGE 4096u
#define ENTRIES 512
#define FRAME(entry) (((entry) & 0xffffffffff000ULL) >> 12)
#define FLAGS(entry) ((entry) & 0xfff0000000000fffULL)
#define NOWHERE UINT64_MAX

static xenforeignmemory_handle *memory;
static uint32_t domid;
static uint64_t top_table;
static uint64_t *list; /* machine frame of each page */
static uint64_t pages;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void *map(uint64_t frame)
{
    xen_pfn_t wanted = frame;
    void *page = xenforeignmemory_map(memory, domid, PROT_READ, 1, &wanted, NULL);
    if (!page)
        die("mapping a page");
    return page;
}

static void unmap(void *page)
{
    xenforeignmemory_unmap(memory, page, 1);
}

static uint64_t entry_of(uint64_t table, unsigned slot)
{
    uint64_t *entries = map(table), entry = entries[slot];
    unmap(entries);
    return entry;
}

/* The machine frame at a virtual address, or NOWHERE. */
static uint64_t frame_at(uint64_t address)
{
    uint64_t frame = top_table;
    for (int level = 3; level >= 0; level--) {
        uint64_t entry = entry_of(frame, (address >> (12 + 9 * level)) & (ENTRIES - 1));
        if (!(entry & 1))
            return NOWHERE;
        frame = FRAME(entry);
    }
    return frame;
}

static uint64_t page_of(uint64_t frame)
{
    for (uint64_t page = 0; page < pages; page++)
        if (list[page] == frame)
            return page;
    return NOWHERE;
}

static uint64_t sum(uint64_t hash, const uint8_t *bytes, size_t length)
{
    while (length--)
        hash = (hash ^ *bytes++) * 0x100000001b3ULL;
    return hash;
}

/* A checksum over the guest's pages. */
static void contents(const char *what, uint64_t first, uint64_t count)
{
    uint64_t hash = 0xcbf29ce484222325ULL;
    while (count) {
        size_t batch = count < 1024 ? count : 1024;
        xen_pfn_t frames[1024];
        for (size_t i = 0; i < batch; i++)
            frames[i] = list[first + i];
        uint8_t *bytes = xenforeignmemory_map(memory, domid, PROT_READ, batch, frames, NULL);
        if (!bytes)
            die("mapping an area");
        hash = sum(hash, bytes, batch * PAGE);
        xenforeignmemory_unmap(memory, bytes, batch);
        first += batch;
        count -= batch;
    }
    printf("%s contents %016" PRIx64 "\n", what, hash);
}

static void read_list(uint64_t address)
{
    list = calloc(pages, sizeof(*list));
    for (uint64_t page = 0; page < pages; page += ENTRIES) {
        uint64_t frame = frame_at(address + page * 8);
        if (frame == NOWHERE) {
            printf("list ends at page %#" PRIx64 "\n", page);
            exit(1);
        }
        uint64_t *from = map(frame);
        for (unsigned i = 0; i < ENTRIES && page + i < pages; i++)
            list[page + i] = from[i];
        unmap(from);
    }
}

/* Runs of entries that map one page after the other with the same flags, for all levels. */
static struct run {
    uint64_t address, page, count, flags;
} runs[4];

static void flush(int level)
{
    struct run *run = &runs[level];
    if (run->count)
        printf("level %d %016" PRIx64 " page %#" PRIx64 " count %#" PRIx64 " flags %#" PRIx64 "\n", level, run->address,
               run->page, run->count, run->flags);
    run->count = 0;
}

/* Slots of the top table that the hypervisor fills are left out. */
static void walk(uint64_t table, int level, uint64_t base)
{
    uint64_t *entries = map(table);
    for (unsigned slot = 0; slot < ENTRIES; slot++) {
        uint64_t size = 1ULL << (12 + 9 * level), address = base + slot * size;
        if (level == 3 && slot >= 256 && slot < 272)
            continue;
        if (level == 3 && slot >= 256)
            address |= 0xffff000000000000ULL;
        if (!(entries[slot] & 1))
            continue;
        uint64_t page = page_of(FRAME(entries[slot])), flags = FLAGS(entries[slot]);
        struct run *run = &runs[level];
        if (run->count && run->page + run->count == page && run->flags == flags &&
            run->address + run->count * size == address) {
            run->count++;
        } else {
            flush(level);
            *run = (struct run){ address, page, 1, flags };
        }
        if (level)
            walk(FRAME(entries[slot]), level - 1, address);
    }
    unmap(entries);
}

static void types(xc_interface *xch, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        xen_pfn_t type = list[first + i];
        if (xc_get_pfn_type_batch(xch, domid, 1, &type))
            die("asking for a page's type");
        printf("page %#" PRIx64 " type %#" PRIx64 "\n", first + i, (uint64_t)type & 0xf0000000);
    }
}

static void registers(const vcpu_guest_context_x86_64_t *c)
{
    const cpu_user_regs_x86_64_t *r = &c->user_regs;
    printf("flags %#" PRIx64 " rip %#" PRIx64 " rsp %#" PRIx64 " rsi %#" PRIx64 " rflags %#" PRIx64 "\n", (uint64_t)c->flags,
           (uint64_t)r->rip, (uint64_t)r->rsp, (uint64_t)r->rsi, (uint64_t)r->rflags);
    printf("rax %#" PRIx64 " rbx %#" PRIx64 " rcx %#" PRIx64 " rdx %#" PRIx64 " rdi %#" PRIx64 " rbp %#" PRIx64 "\n",
           (uint64_t)r->rax, (uint64_t)r->rbx, (uint64_t)r->rcx, (uint64_t)r->rdx, (uint64_t)r->rdi, (uint64_t)r->rbp);
    printf("cs %#x ss %#x ds %#x es %#x fs %#x gs %#x\n", r->cs, r->ss, r->ds, r->es, r->fs, r->gs);
    printf("kernel ss %#" PRIx64 " sp %#" PRIx64 " cr0 %#" PRIx64 " cr4 %#" PRIx64 " dr6 %#" PRIx64 " dr7 %#" PRIx64 "\n",
           (uint64_t)c->kernel_ss, (uint64_t)c->kernel_sp, (uint64_t)c->ctrlreg[0], (uint64_t)c->ctrlreg[4],
           (uint64_t)c->debugreg[6], (uint64_t)c->debugreg[7]);
    printf("assists %#" PRIx64 " gdt entries %" PRIu64 " callbacks %#" PRIx64 " %#" PRIx64 " %#" PRIx64 "\n",
           (uint64_t)c->vm_assist, (uint64_t)c->gdt_ents, (uint64_t)c->event_callback_eip, (uint64_t)c->failsafe_callback_eip,
           (uint64_t)c->syscall_callback_eip);
}

static void start_info(const start_info_t *s, uint64_t shared_frame)
{
    printf("magic \"%.32s\" pages %#lx shared info %s flags %#x\n", s->magic, s->nr_pages,
           s->shared_info == shared_frame << 12 ? "right" : "WRONG", s->flags);
    printf("store page %#" PRIx64 " port %u console page %#" PRIx64 " port %u\n", page_of(s->store_mfn), s->store_evtchn,
           page_of(s->console.domU.mfn), s->console.domU.evtchn);
    printf("page tables %#lx count %#lx list %#lx ramdisk %#lx length %#lx\n", s->pt_base, s->nr_pt_frames, s->mfn_list,
           s->mod_start, s->mod_len);
    printf("list page %#lx count %#lx command line \"%.1024s\"\n", s->first_p2m_pfn, s->nr_p2m_frames,
           (const char *)s->cmd_line);
    const uint8_t *rest = (const uint8_t *)(s + 1);
    printf("behind it %s\n", rest[0] || memcmp(rest, rest + 1, PAGE - sizeof(*s) - 1) ? "SOMETHING" : "nothing");
}

static void shared_info(const shared_info_t *s)
{
    unsigned masked = 0, pending = 0;
    for (unsigned vcpu = 0; vcpu < XEN_LEGACY_MAX_VCPUS; vcpu++) {
        masked += s->vcpu_info[vcpu].evtchn_upcall_mask == 1;
        pending += s->vcpu_info[vcpu].evtchn_upcall_pending;
    }
    uint64_t events = sum(0, (const uint8_t *)s->evtchn_pending, sizeof(s->evtchn_pending) + sizeof(s->evtchn_mask));
    printf("shared info: masked %u pending %u events %" PRIx64 " max_pfn %#lx\n", masked, pending, events, s->arch.max_pfn);
}

static void grants(void)
{
    void *table = NULL;
    xenforeignmemory_resource_handle *handle = xenforeignmemory_map_resource(
        memory, domid, XENMEM_resource_grant_table, XENMEM_resource_grant_table_id_shared, 0, 1, &table, PROT_READ, 0);
    if (!handle)
        die("mapping the grant table");
    const grant_entry_v1_t *entry = table;
    for (unsigned i = 0; i < PAGE / sizeof(*entry); i++)
        if (entry[i].flags)
            printf("grant %u flags %#x domain %u page %#" PRIx64 "\n", i, entry[i].flags, entry[i].domid,
                   page_of(entry[i].frame));
    xenforeignmemory_unmap_resource(memory, handle);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    domid = strtoul(argv[1], NULL, 10);
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);
    memory = xenforeignmemory_open(NULL, 0);
    if (!xch || !memory)
        die("opening the hypervisor's interface");
    xc_domaininfo_t info;
    if (xc_domain_getinfolist(xch, domid, 1, &info) != 1 || info.domain != domid)
        die("looking at the domain");
    static vcpu_guest_context_any_t context;
    if (xc_vcpu_getcontext(xch, domid, 0, &context))
        die("reading the vCPU");
    printf("pages %" PRIu64 " max KiB %" PRIu64 " vcpus %u\n", info.tot_pages, info.max_pages << 2, info.max_vcpu_id + 1);
    registers(&context.x64);

    top_table = context.x64.ctrlreg[3] >> 12;
    uint64_t frame = frame_at(context.x64.user_regs.rsi);
    if (frame == NOWHERE) {
        printf("no start info\n");
        return 1;
    }
    start_info_t *start = map(frame);
    /* With holes between virtual nodes the list is longer; its own size is not told. */
    pages = start->nr_pages;
    read_list(start->mfn_list);
    printf("cr3 page %#" PRIx64 " start info page %#" PRIx64 "\n", page_of(top_table), page_of(frame));
    start_info(start, info.shared_info_frame);
    walk(top_table, 3, 0);
    for (int level = 0; level < 4; level++)
        flush(level);
    uint64_t tables = page_of(top_table), start_page = page_of(frame);
    types(xch, tables, start->nr_pt_frames);
    if (start->flags & SIF_MOD_START_PFN)
        contents("ramdisk", start->mod_start, start->mod_len / PAGE);
    /* The list holds machine frames; without a place of its own it ends before the start info. */
    uint64_t before = start->nr_p2m_frames ? 0 : (pages * 8 + PAGE - 1) / PAGE;
    contents("kernel", 0, start_page - before);
    contents("store", page_of(start->store_mfn), 1);
    contents("console", page_of(start->console.domU.mfn), 1);
    shared_info_t *shared = map(info.shared_info_frame);
    shared_info(shared);
    unmap(shared);
    grants();
    unmap(start);
    xenforeignmemory_close(memory);
    xc_interface_close(xch);
    return 0;
}
