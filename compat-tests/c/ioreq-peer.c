/*
 * What ioreq-probe (crates/ioreq) does, on Xen's C libraries: ioreq-peer DOMID [TRIPS [SECONDS]]. Same device, same words.
 */
#define __XEN_TOOLS__ 1
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xen/hvm/ioreq.h>
#include <xen/memory.h>

#define PORTS 0xe80u
#define MEMORY 0xf8000000u
#define WINDOW 0xa0000u
#define PAGE 4096u
#define VCPUS 128u

static uint32_t domid;
static xendevicemodel_handle *model;
static xenforeignmemory_handle *memory;
static xenevtchn_handle *events;

static struct probe {
    uint64_t kept, sum, count, window_writes;
    uint8_t bytes[PAGE], window[PAGE];
    /* The hypervisor may repeat a write. */
    bool written[PAGE];
} probe = { .count = 0x100 };
static uint32_t trips_left = 200;
static uint32_t *ticks;
static unsigned timed, room;
static struct { uint32_t guest; double ours; } marks[2];
static unsigned marked;
static int64_t clock_offset;
static bool clock_set, done;
static unsigned long answered, buffered, refused;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1e6 + at.tv_nsec / 1e3;
}

static uint64_t port_read(unsigned port)
{
    switch (port - PORTS) {
    case 0: return 0x44332211;
    case 4: return ~probe.kept;
    case 8: return probe.sum;
    case 10: return ++probe.count;
    case 12: return trips_left ? --trips_left : 0;
    case 14: return probe.window_writes;
    }
    return ~0ull;
}

static void port_write(unsigned port, unsigned size, uint64_t value)
{
    switch (port - PORTS) {
    case 0:
        if (size == 1) {
            memset(&probe, 0, sizeof probe);
            probe.count = 0x100;
            timed = marked = 0;
        } else if (size == 4 && marked < 2) {
            marks[marked].guest = value;
            marks[marked++].ours = now();
        }
        break;
    case 4: probe.kept = value; break;
    case 8: probe.sum += value; break;
    case 12:
        if (timed < room)
            ticks[timed++] = value;
        break;
    case 14: done = true; break;
    }
}

static uint64_t device_read(const ioreq_t *req, uint64_t addr)
{
    uint64_t value = 0;
    if (req->type == IOREQ_TYPE_PIO)
        return port_read(addr);
    if (req->type == IOREQ_TYPE_PCI_CONFIG)
        return (uint32_t)addr ? 0 : 0xbeef5853;
    if (addr < MEMORY) {
        memcpy(&value, probe.window + (addr - WINDOW), req->size);
        return value;
    }
    memcpy(&value, probe.bytes + (addr - MEMORY), req->size);
    return ~value;
}

static void device_write(const ioreq_t *req, uint64_t addr, uint64_t value)
{
    if (req->type == IOREQ_TYPE_PIO) {
        port_write(addr, req->size, value);
    } else if (req->type == IOREQ_TYPE_COPY && addr < MEMORY) {
        memcpy(probe.window + (addr - WINDOW), &value, req->size);
        for (unsigned i = 0; i < req->size; i++) {
            probe.window_writes += !probe.written[addr - WINDOW + i];
            probe.written[addr - WINDOW + i] = true;
        }
    } else if (req->type == IOREQ_TYPE_COPY) {
        memcpy(probe.bytes + (addr - MEMORY), &value, req->size);
    }
}

/* Guest memory, an access at a time; elements of this test do not cross pages. */
static void guest_copy(uint64_t addr, void *data, unsigned size, bool to_guest)
{
    xen_pfn_t frame = addr / PAGE;
    int error = 0;
    uint8_t *page = xenforeignmemory_map(memory, domid, PROT_READ | PROT_WRITE, 1, &frame, &error);
    if (!page || error)
        die("guest memory");
    if (to_guest)
        memcpy(page + addr % PAGE, data, size);
    else
        memcpy(data, page + addr % PAGE, size);
    xenforeignmemory_unmap(memory, page, 1);
}

static bool sensible(const ioreq_t *req)
{
    uint64_t span = (uint64_t)req->size * req->count;
    if (req->size != 1 && req->size != 2 && req->size != 4 && req->size != 8)
        return false;
    if (!req->count || span > PAGE)
        return false;
    switch (req->type) {
    case IOREQ_TYPE_PIO:
        return req->addr >= PORTS && req->addr + req->size <= PORTS + 16;
    case IOREQ_TYPE_COPY:
        if (req->df && req->count > 1)
            return false;
        return (req->addr >= MEMORY && req->addr + span <= MEMORY + PAGE) ||
               (req->addr >= WINDOW && req->addr + span <= WINDOW + PAGE);
    case IOREQ_TYPE_PCI_CONFIG:
        return true;
    }
    return false;
}

static void serve(ioreq_t *req)
{
    if (req->type == IOREQ_TYPE_TIMEOFFSET) {
        clock_offset = req->data;
        clock_set = true;
        return;
    }
    if (req->type == IOREQ_TYPE_INVALIDATE)
        return;
    if (!sensible(req)) {
        refused++;
        if (req->dir == IOREQ_READ && !req->data_is_ptr)
            req->data = ~0ull;
        return;
    }
    uint64_t pointer = req->data, mask = req->size == 8 ? ~0ull : (1ull << 8 * req->size) - 1;
    for (uint32_t i = 0; i < req->count; i++) {
        int64_t offset = (int64_t)i * req->size * (req->df ? -1 : 1);
        uint64_t addr = req->type == IOREQ_TYPE_COPY ? req->addr + offset : req->addr;
        uint64_t value = 0;
        if (req->dir == IOREQ_READ) {
            value = device_read(req, addr) & mask;
            if (req->data_is_ptr)
                guest_copy(pointer + offset, &value, req->size, true);
            else
                req->data = value;
        } else {
            if (req->data_is_ptr)
                guest_copy(pointer + offset, &value, req->size, false);
            else
                value = req->data & mask;
            device_write(req, addr, value);
        }
    }
}

static void drain(buffered_iopage_t *ring)
{
    for (;;) {
        uint32_t reader = __atomic_load_n(&ring->read_pointer, __ATOMIC_ACQUIRE);
        uint32_t writer = __atomic_load_n(&ring->write_pointer, __ATOMIC_ACQUIRE);
        /* The hypervisor may have shortened both in between. */
        if (reader != __atomic_load_n(&ring->read_pointer, __ATOMIC_ACQUIRE))
            continue;
        if (reader == writer)
            return;
        buf_ioreq_t first = ring->buf_ioreq[reader % IOREQ_BUFFER_SLOT_NUM];
        ioreq_t req = { .type = first.type, .addr = first.addr, .data = first.data, .count = 1,
                        .dir = IOREQ_WRITE, .size = 1u << first.size };
        if (first.size == 3)
            req.data |= (uint64_t)ring->buf_ioreq[(reader + 1) % IOREQ_BUFFER_SLOT_NUM].data << 32;
        buffered++;
        serve(&req);
        __atomic_fetch_add(&ring->read_pointer, first.size == 3 ? 2 : 1, __ATOMIC_ACQ_REL);
    }
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void say(const char *format, ...)
{
    va_list words;
    va_start(words, format);
    vprintf(format, words);
    va_end(words);
    putchar('\n');
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    domid = strtoul(argv[1], NULL, 10);
    if (argc > 2)
        trips_left = strtoul(argv[2], NULL, 10);
    double deadline = now() + 1e6 * (argc > 3 ? strtoul(argv[3], NULL, 10) : 60);
    room = trips_left;
    ticks = calloc(room + 1, sizeof *ticks);

    ioservid_t id;
    model = xendevicemodel_open(NULL, 0);
    memory = xenforeignmemory_open(NULL, 0);
    events = xenevtchn_open(NULL, 0);
    if (!model || !memory || !events || !ticks)
        die("opening");
    if (xendevicemodel_create_ioreq_server(model, domid, HVM_IOREQSRV_BUFIOREQ_ATOMIC, &id))
        die("creating an ioreq server");
    void *pages = NULL;
    xenforeignmemory_resource_handle *resource = xenforeignmemory_map_resource(
        memory, domid, XENMEM_resource_ioreq_server, id, 0, 2, &pages, PROT_READ | PROT_WRITE, 0);
    if (!resource)
        die("mapping the pages");
    buffered_iopage_t *ring = pages;
    ioreq_t *slots = ((shared_iopage_t *)((char *)pages + PAGE))->vcpu_ioreq;
    if (xendevicemodel_map_io_range_to_ioreq_server(model, domid, id, 0, PORTS, PORTS + 15) ||
        xendevicemodel_map_io_range_to_ioreq_server(model, domid, id, 1, MEMORY, MEMORY + PAGE - 1) ||
        xendevicemodel_map_io_range_to_ioreq_server(model, domid, id, 1, WINDOW, WINDOW + PAGE - 1) ||
        xendevicemodel_map_pcidev_to_ioreq_server(model, domid, id, 0, 0, 0x1d, 7))
        die("claiming");
    unsigned vcpus;
    evtchn_port_t ring_port;
    if (xendevicemodel_nr_vcpus(model, domid, &vcpus) || vcpus > VCPUS ||
        xendevicemodel_set_ioreq_server_state(model, domid, id, 1) ||
        xendevicemodel_get_ioreq_server_info(model, domid, id, NULL, NULL, &ring_port))
        die("enabling");
    int ports[VCPUS];
    for (unsigned vcpu = 0; vcpu < vcpus; vcpu++)
        if ((ports[vcpu] = xenevtchn_bind_interdomain(events, domid, slots[vcpu].vp_eport)) < 0)
            die("binding an event channel");
    if (xenevtchn_bind_interdomain(events, domid, ring_port) < 0)
        die("binding the ring's event channel");
    say("ready: ioreq server %u of domain %u, %u vCPUs", id, domid, vcpus);

    struct pollfd fd = { .fd = xenevtchn_fd(events), .events = POLLIN };
    while (!done) {
        if (now() > deadline) {
            fprintf(stderr, "ioreq-peer: the guest has not done in time\n");
            return 1;
        }
        if (poll(&fd, 1, 1000) <= 0)
            continue;
        int port = xenevtchn_pending(events);
        if (port < 0)
            die("waiting for events");
        drain(ring);
        for (unsigned vcpu = 0; vcpu < vcpus; vcpu++) {
            ioreq_t *slot = &slots[vcpu];
            if (ports[vcpu] != port || slot->state != STATE_IOREQ_READY)
                continue;
            __atomic_thread_fence(__ATOMIC_ACQUIRE);
            ioreq_t req = *slot;
            slot->state = STATE_IOREQ_INPROCESS;
            serve(&req);
            answered++;
            slot->data = req.data;
            __atomic_thread_fence(__ATOMIC_RELEASE);
            slot->state = STATE_IORESP_READY;
            xenevtchn_notify(events, port);
        }
        xenevtchn_unmask(events, port);
    }
    say("served: %lu answered, %lu buffered, %lu refused", answered, buffered, refused);
    if (clock_set)
        say("clock: %lld s", (long long)clock_offset);
    if (timed && marked == 2) {
        double tick = (marks[1].ours - marks[0].ours) / ((uint32_t)(marks[1].guest - marks[0].guest) * 256.0);
        qsort(ticks, timed, sizeof *ticks, by_value);
        say("round trips: %u, p50 %.1f us, p99 %.1f us, longest %.1f us", timed, ticks[(timed - 1) / 2] * tick,
            ticks[(timed - 1) * 99 / 100] * tick, ticks[timed - 1] * tick);
    }
    xendevicemodel_set_ioreq_server_state(model, domid, id, 0);
    xenevtchn_close(events);
    xenforeignmemory_unmap_resource(memory, resource);
    if (xendevicemodel_destroy_ioreq_server(model, domid, id))
        die("destroying the ioreq server");
    say("done");
    return 0;
}
