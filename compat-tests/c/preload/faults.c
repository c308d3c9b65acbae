/*
 * Failures on demand for Debian's libxenlight, loaded before it (docs/faults.md): the counterpart of src/sys/faults.rs.
 *
 * XENLIGHT_FAULT=N fails the Nth point that xl passes: a hypercall, a request to xenstored, a new process. Requests are
 * not sent, hypercalls not made. XENLIGHT_FAULT_LOG=FILE lists the points; with XENLIGHT_FAULT_KILL xl is killed there.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#include <xenstore.h>

static unsigned long passed;

/* Whether the point fails. A forked child goes on from its parent's number; scripts and QEMU pass none. */
static bool fails(const char *kind, const char *what)
{
    static long wanted = -1;
    char line[256];
    int length, fd;
    const char *log = getenv("XENLIGHT_FAULT_LOG"), *number = getenv("XENLIGHT_FAULT");

    if (!number || strcmp(program_invocation_short_name, "xl"))
        return false;
    if (wanted < 0)
        wanted = atol(number);
    passed++;
    if (log && (fd = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)) >= 0) {
        length = snprintf(line, sizeof(line), "%lu %s %s\n", passed, kind, what);
        if (write(fd, line, length < (int)sizeof(line) ? length : (int)sizeof(line) - 1) < 0)
            errno = 0;
        close(fd);
    }
    if ((long)passed != wanted)
        return false;
    if (getenv("XENLIGHT_FAULT_KILL"))
        kill(getpid(), SIGKILL);
    errno = ENOSPC;
    return true;
}

static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (!function) {
        fprintf(stderr, "faults.so: no %s\n", name);
        abort();
    }
    return function;
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    void *argument;
    int (*real)(int, unsigned long, void *) = next("ioctl");
    char name[32];

    va_start(arguments, request);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    /* 'P' is privcmd's letter, 'E' that of event channels. */
    if (_IOC_TYPE(request) == 'P' || (_IOC_TYPE(request) == 'E' && _IOC_NR(request) < 8)) {
        snprintf(name, sizeof(name), "%c%u", (int)_IOC_TYPE(request), (unsigned)_IOC_NR(request));
        if (fails("hypercall", name))
            return -1;
    }
    return real(fd, request, argument);
}

/* Only the library's: xl becomes a daemon by itself. */
pid_t fork(void)
{
    pid_t (*real)(void) = next("fork");
    Dl_info caller;

    if (dladdr(__builtin_return_address(0), &caller) && strstr(caller.dli_fname, "libxenlight") && fails("spawn", "fork"))
        return -1;
    return real();
}

#define STORE(type, failure, name, parameters, values, what)      \
    type name parameters                                          \
    {                                                             \
        type(*real) parameters = next(#name);                     \
        return fails("store", #name " " what) ? failure : real values; \
    }
#define STORE_AT(type, failure, name, parameters, values, path)   \
    type name parameters                                          \
    {                                                             \
        type(*real) parameters = next(#name);                     \
        char what[200];                                           \
        snprintf(what, sizeof(what), #name " %s", path);          \
        return fails("store", what) ? failure : real values;      \
    }

STORE_AT(void *, NULL, xs_read, (struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *length),
         (h, t, path, length), path)
STORE_AT(char **, NULL, xs_directory, (struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *number),
         (h, t, path, number), path)
STORE_AT(bool, false, xs_write,
         (struct xs_handle *h, xs_transaction_t t, const char *path, const void *data, unsigned int length),
         (h, t, path, data, length), path)
STORE_AT(bool, false, xs_mkdir, (struct xs_handle *h, xs_transaction_t t, const char *path), (h, t, path), path)
STORE_AT(bool, false, xs_rm, (struct xs_handle *h, xs_transaction_t t, const char *path), (h, t, path), path)
STORE_AT(struct xs_permissions *, NULL, xs_get_permissions,
         (struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *number), (h, t, path, number), path)
STORE_AT(bool, false, xs_set_permissions,
         (struct xs_handle *h, xs_transaction_t t, const char *path, struct xs_permissions *perms, unsigned int number),
         (h, t, path, perms, number), path)
STORE_AT(bool, false, xs_watch, (struct xs_handle *h, const char *path, const char *token), (h, path, token), path)
STORE_AT(bool, false, xs_unwatch, (struct xs_handle *h, const char *path, const char *token), (h, path, token), path)
STORE(xs_transaction_t, XBT_NULL, xs_transaction_start, (struct xs_handle *h), (h), "")
STORE(bool, false, xs_transaction_end, (struct xs_handle *h, xs_transaction_t t, bool abandon), (h, t, abandon), "")
STORE(bool, false, xs_introduce_domain,
      (struct xs_handle *h, unsigned int domid, unsigned long gfn, unsigned int port), (h, domid, gfn, port), "")
STORE(bool, false, xs_set_target, (struct xs_handle *h, unsigned int domid, unsigned int target), (h, domid, target), "")
STORE(bool, false, xs_release_domain, (struct xs_handle *h, unsigned int domid), (h, domid), "")
STORE(struct xs_handle *, NULL, xs_open, (unsigned long flags), (flags), "")
