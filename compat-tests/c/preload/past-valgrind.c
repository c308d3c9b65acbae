/*
 * For programs under valgrind 3.19, which answers ENOSYS where it does not know what is asked for: the domctls of Xen 4.17,
 * and processes' pidfds. The real processor makes these calls, behind valgrind's back. What the hypervisor has written into
 * libxencall's buffers, and the kernel into its answers, is declared as defined afterwards.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <valgrind/memcheck.h>
#include <xen/xen.h>
#include <xen/sys/privcmd.h>
#include <xencall.h>

/* The letter that all of privcmd's requests have (xen/sys/privcmd.h). */
enum { PRIVCMD = 'P', PAGE = 4096 };

static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (!function) {
        fprintf(stderr, "past-valgrind.so: no %s\n", name);
        abort();
    }
    return function;
}

/* Runs outside of valgrind, so it calls nothing. No call that comes here has more than four arguments. */
static long natively(unsigned int thread, long number, const long *arguments)
{
    register long fourth __asm__("r10") = arguments[3];
    long result;

    (void)thread;
    __asm__ volatile("syscall" : "=a"(result)
                     : "0"(number), "D"(arguments[0]), "S"(arguments[1]), "d"(arguments[2]), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
}

static long request(long number, const long *arguments)
{
    long result = VALGRIND_NON_SIMD_CALL2(natively, number, arguments);

    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

/* Buffers that libxencall gave out; it keeps them for the next time and gives the same ones again. */
static struct { void *start; size_t length; } buffers[256];
static size_t known;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *remember(void *start, size_t length)
{
    size_t at;

    if (!start)
        return NULL;
    pthread_mutex_lock(&lock);
    for (at = 0; at < known; at++)
        if (buffers[at].start == start)
            break;
    if (at == sizeof(buffers) / sizeof(buffers[0])) {
        fputs("past-valgrind.so: too many buffers\n", stderr);
        abort();
    }
    buffers[at].start = start;
    buffers[at].length = length;
    if (at == known)
        known++;
    pthread_mutex_unlock(&lock);
    return start;
}

void *xencall_alloc_buffer_pages(xencall_handle *call, size_t pages)
{
    void *(*real)(xencall_handle *, size_t) = next("xencall_alloc_buffer_pages");

    return remember(real(call, pages), pages * PAGE);
}

void *xencall_alloc_buffer(xencall_handle *call, size_t size)
{
    void *(*real)(xencall_handle *, size_t) = next("xencall_alloc_buffer");

    return remember(real(call, size), size);
}

int ioctl(int fd, unsigned long what, ...)
{
    int (*real)(int, unsigned long, ...);
    va_list list;
    void *argument;
    long result;

    va_start(list, what);
    argument = va_arg(list, void *);
    va_end(list);
    if (_IOC_TYPE(what) != PRIVCMD || !RUNNING_ON_VALGRIND) {
        real = next("ioctl");
        return real(fd, what, argument);
    }
    result = request(SYS_ioctl, (long[]){ fd, (long)what, (long)argument, 0 });
    if (what == IOCTL_PRIVCMD_MMAPBATCH_V2) {
        const privcmd_mmapbatch_v2_t *batch = argument;
        VALGRIND_MAKE_MEM_DEFINED(batch->err, batch->num * sizeof(*batch->err));
    }
    pthread_mutex_lock(&lock);
    for (size_t at = 0; at < known; at++)
        VALGRIND_MAKE_MEM_DEFINED_IF_ADDRESSABLE(buffers[at].start, buffers[at].length);
    pthread_mutex_unlock(&lock);
    return (int)result;
}

long syscall(long number, ...)
{
    long (*real)(long, ...), arguments[6];
    va_list list;

    va_start(list, number);
    for (int at = 0; at < 6; at++)
        arguments[at] = va_arg(list, long);
    va_end(list);
    if (RUNNING_ON_VALGRIND && (number == SYS_pidfd_open || number == SYS_pidfd_send_signal))
        return request(number, arguments);
    real = next("syscall");
    return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
