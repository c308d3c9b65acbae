/*
 * A stub domain of a few kilobytes: a 64-bit PV guest that reads in xenstore which guest it serves, says that the device
 * model runs, and idles. For what is about creating and destroying and not about QEMU, because it starts at once.
 */
#include <stdint.h>

#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/io/xs_wire.h>
#include <xen/sched.h>

#define BASE 0x80000000UL

#define TEXT_NOTE(type, value) \
    ".long 4, 9f - 8f, " #type "\n .asciz \"Xen\"\n8: .asciz \"" value "\"\n9: .balign 4\n"
#define ADDRESS_NOTE(type, value) ".long 4, 8, " #type "\n .asciz \"Xen\"\n .quad " value "\n"

__asm__(".section .note.Xen, \"a\", @note\n"
        TEXT_NOTE(5, "xen-3.0") TEXT_NOTE(6, "stub") TEXT_NOTE(8, "generic")
        ADDRESS_NOTE(1, "_start") ADDRESS_NOTE(2, "hypercall_page")
        ADDRESS_NOTE(3, "0x80000000") ADDRESS_NOTE(4, "0x80000000")
        ".text\n .globl _start\n"
        "_start: movq %rsi, %rdi\n call serve\n"
        ".balign 4096\n hypercall_page: .skip 4096\n");

#define HYPERCALL(number, first, second)                                                        \
    ({                                                                                          \
        register long result __asm__("rax");                                                    \
        register long a __asm__("rdi") = (long)(first);                                         \
        register long b __asm__("rsi") = (long)(second);                                        \
        __asm__ volatile("call hypercall_page + 32 * %c[n]"                                     \
                         : "=r"(result), "+r"(a), "+r"(b)                                       \
                         : [n] "i"(number)                                                      \
                         : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");                   \
        result;                                                                                 \
    })

static volatile struct xenstore_domain_interface *ring;
static evtchn_port_t port;

static void put(const void *from, uint32_t length)
{
    const char *bytes = from;
    for (uint32_t i = 0; i < length; i++)
        ring->req[MASK_XENSTORE_IDX(ring->req_prod + i)] = bytes[i];
    __sync_synchronize();
    ring->req_prod += length;
}

static void get(void *to, uint32_t length)
{
    char *bytes = to;
    for (uint32_t i = 0; i < length; i++) {
        while (ring->rsp_prod == ring->rsp_cons)
            HYPERCALL(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
        bytes[i] = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)];
        __sync_synchronize();
        ring->rsp_cons++;
    }
}

/* A request small enough for the empty ring, and the first bytes of its answer. */
static void ask(uint32_t type, const char *body, uint32_t length, char *answer, uint32_t size)
{
    struct xsd_sockmsg message = { .type = type, .len = length };
    struct evtchn_send send = { .port = port };
    put(&message, sizeof(message));
    put(body, length);
    HYPERCALL(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
    get(&message, sizeof(message));
    for (uint32_t i = 0; i < message.len; i++) {
        char byte;
        get(&byte, 1);
        if (i + 1 < size)
            answer[i] = byte;
    }
    answer[message.len < size ? message.len : size - 1] = 0;
    HYPERCALL(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
}

static uint32_t append(char *to, uint32_t at, const char *text)
{
    while (*text)
        to[at++] = *text++;
    return at;
}

void __attribute__((noreturn, used)) serve(const struct start_info *info)
{
    const unsigned long *frames = (const unsigned long *)info->mfn_list;
    struct sched_poll nothing = { 0 };
    char target[8], body[64];
    unsigned long page = 0;
    uint32_t length;

    while (frames[page] != info->store_mfn)
        page++;
    ring = (void *)(BASE + (page << 12));
    port = info->store_evtchn;
    ask(XS_READ, "target", sizeof("target"), target, sizeof(target));
    length = append(body, 0, "device-model/");
    length = append(body, length, target);
    length = append(body, length, "/state");
    body[length++] = 0;
    length = append(body, length, "running");
    ask(XS_WRITE, body, length, target, sizeof(target));
    for (;;)
        HYPERCALL(__HYPERVISOR_sched_op, SCHEDOP_poll, &nothing);
}
