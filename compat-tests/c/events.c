/*
 * The event interface, function by function, on either library: events [ours] GUEST1 GUEST2 NEW.json SLOW.json
 *
 * GUEST1 and GUEST2 are domids of paused guests that this program destroys, the second with a disk xvda. NEW.json is the configuration of a guest
 * that it creates, SLOW.json of one whose device model never comes up. "ours" adds what the C library cannot do.
 * A failed check ends the program with its line; success prints one line for each part.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_event.h>
#include <libxl_utils.h>
#include <xentoollog.h>

#include "check.h"

static bool ours;

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

/* One turn of an event loop that polls on the library's behalf. */
static void turn(libxl_ctx *ctx, int timeout)
{
    struct pollfd fds[64];
    struct timeval tv;
    int count = 0;
    gettimeofday(&tv, NULL);
    SAME(libxl_osevent_beforepoll(ctx, &count, NULL, &timeout, tv), ERROR_BUFFERFULL);
    CHECK(count > 0 && count <= 64);
    SAME(libxl_osevent_beforepoll(ctx, &count, fds, &timeout, tv), 0);
    /* The C library's SIGCHLD handler interrupts it. */
    while (poll(fds, count, timeout) < 0)
        SAME(errno, EINTR);
    gettimeofday(&tv, NULL);
    libxl_osevent_afterpoll(ctx, count, fds, tv);
}

static int is_domain(const libxl_event *event, void *user)
{
    return event->domid == *(uint32_t *)user;
}

static libxl_event *expect_event(libxl_ctx *ctx, libxl_event_type type, uint64_t user)
{
    libxl_event *event = NULL;
    SAME(libxl_event_wait(ctx, &event, LIBXL_EVENTMASK_ALL, NULL, NULL), 0);
    SAME(event->type, type);
    SAME(event->for_user, user);
    return event;
}

static void no_event(libxl_ctx *ctx)
{
    libxl_event *event = NULL;
    SAME(libxl_event_check(ctx, &event, LIBXL_EVENTMASK_ALL, NULL, NULL), ERROR_NOT_READY);
}

static void basics(void)
{
    libxl_ctx *ctx = NULL;
    CHECK(libxl_ctx_alloc(&ctx, LIBXL_VERSION + 1, 0, logger) == ERROR_VERSION);
    SAME(libxl_ctx_free(NULL), 0);
    ctx = new_ctx();
    no_event(ctx);
    SAME(libxl_ao_abort(ctx, NULL), ERROR_NOTFOUND);
    libxl_asyncop_how how = { .callback = NULL, .u.for_event = 5 };
    SAME(libxl_ao_abort(ctx, &how), ERROR_NOTFOUND);
    turn(ctx, 0);
    SAME(libxl_ctx_free(ctx), 0);
    puts("basics");
}

static void deaths(libxl_ctx *ctx)
{
    libxl_evgen_domain_death *first = NULL, *second = NULL;
    uint32_t absent = 32000;
    libxl_event *event = NULL;
    SAME(libxl_evenable_domain_death(ctx, absent, 11, &first), 0);
    CHECK(first);
    event = expect_event(ctx, LIBXL_EVENT_TYPE_DOMAIN_DEATH, 11);
    SAME(event->domid, absent);
    libxl_event_free(ctx, event);
    no_event(ctx);
    SAME(libxl_evenable_domain_death(ctx, 0, 12, &second), 0);
    libxl_evdisable_domain_death(ctx, first);
    libxl_evdisable_domain_death(ctx, second);
    no_event(ctx);
    puts("deaths");
}

/* GUEST2 has a disk xvda, whose number is 51712. */
static void ejected(libxl_ctx *ctx, uint32_t guest)
{
    libxl_evgen_disk_eject *generator = NULL;
    char command[128];
    SAME(libxl_evenable_disk_eject(ctx, guest, "xvda", 15, &generator), 0);
    no_event(ctx);
    snprintf(command, sizeof command, "xenstore-write /local/domain/%u/device/vbd/51712/eject eject", guest);
    SAME(system(command), 0);
    libxl_event *event = expect_event(ctx, LIBXL_EVENT_TYPE_DISK_EJECT, 15);
    SAME(event->domid, guest);
    libxl_device_disk *disk = &event->u.disk_eject.disk;
    /* The C library looks for the name where no name is. */
    CHECK(ours ? disk->vdev && !strcmp(disk->vdev, "xvda") : !disk->vdev);
    SAME(disk->format, LIBXL_DISK_FORMAT_EMPTY);
    CHECK(disk->is_cdrom && disk->removable && !disk->readwrite);
    /* The kernel's backend. */
    SAME(disk->backend, LIBXL_DISK_BACKEND_TAP);
    SAME(disk->backend_domid, 0);
    libxl_event_free(ctx, event);
    libxl_evdisable_disk_eject(ctx, generator);
    no_event(ctx);
    puts("ejected");
}

static struct { int count; libxl_event_type type; uint64_t user; } sunk;

static void sink(void *user, libxl_event *event)
{
    sunk.count++;
    sunk.type = event->type;
    sunk.user = event->for_user;
    libxl_event_free(*(libxl_ctx **)user, event);
}

static void sinks(void)
{
    libxl_ctx *ctx = new_ctx();
    static const libxl_event_hooks hooks = {
        .event_occurs_mask = 1UL << LIBXL_EVENT_TYPE_DOMAIN_DEATH,
        .event_occurs = sink,
    };
    libxl_evgen_domain_death *generator = NULL;
    libxl_event_register_callbacks(ctx, &hooks, &ctx);
    SAME(libxl_evenable_domain_death(ctx, 32001, 21, &generator), 0);
    for (int turns = 0; !sunk.count && turns < 100; turns++)
        turn(ctx, 100);
    SAME(sunk.count, 1);
    SAME(sunk.type, LIBXL_EVENT_TYPE_DOMAIN_DEATH);
    SAME(sunk.user, 21);
    no_event(ctx);
    libxl_evdisable_domain_death(ctx, generator);
    libxl_ctx_free(ctx);
    puts("sinks");
}

/* An application's own event loop, as libvirt has one. */
static struct source { void *ours; int fd; short events; bool timer, live; double at; } sources[256];
static int registered, modified, deregistered;

static struct source *new_source(void *ours, bool timer)
{
    for (size_t at = 0; at < sizeof sources / sizeof *sources; at++) {
        if (!sources[at].live) {
            sources[at] = (struct source){ .ours = ours, .fd = -1, .timer = timer, .live = true };
            registered++;
            return &sources[at];
        }
    }
    abort();
}

static int fd_register(void *user, int fd, void **mark, short events, void *ours)
{
    (void)user;
    CHECK(*mark == NULL);
    struct source *source = new_source(ours, false);
    source->fd = fd;
    source->events = events;
    *mark = source;
    return 0;
}

static int fd_modify(void *user, int fd, void **mark, short events)
{
    (void)user;
    struct source *source = *mark;
    CHECK(source->live && source->fd == fd);
    source->events = events;
    modified++;
    return 0;
}

static void fd_deregister(void *user, int fd, void *mark)
{
    (void)user;
    struct source *source = mark;
    CHECK(source->live && source->fd == fd);
    source->live = false;
    deregistered++;
}

static int timeout_register(void *user, void **mark, struct timeval abs, void *ours)
{
    (void)user;
    struct timeval tv;
    gettimeofday(&tv, NULL);
    struct source *source = new_source(ours, true);
    source->at = now() + (abs.tv_sec - tv.tv_sec) + (abs.tv_usec - tv.tv_usec) / 1e6;
    *mark = source;
    return 0;
}

static int timeout_modify(void *user, void **mark, struct timeval abs)
{
    (void)user;
    CHECK(abs.tv_sec == 0 && abs.tv_usec == 0);
    ((struct source *)*mark)->at = 0;
    modified++;
    return 0;
}

static void loop_once(libxl_ctx *ctx)
{
    struct pollfd fds[256];
    struct source *of[256];
    int count = 0, timeout = 200;
    for (size_t at = 0; at < 256; at++) {
        struct source *source = &sources[at];
        if (source->live && source->timer && source->at <= now()) {
            source->live = false;
            libxl_osevent_occurred_timeout(ctx, source->ours);
        }
    }
    for (size_t at = 0; at < 256; at++) {
        struct source *source = &sources[at];
        if (source->live && source->timer) {
            int left = (source->at - now()) * 1000 + 1;
            timeout = left < 0 ? 0 : left < timeout ? left : timeout;
        } else if (source->live && source->events) {
            of[count] = source;
            fds[count++] = (struct pollfd){ .fd = source->fd, .events = source->events };
        }
    }
    poll(fds, count, timeout);
    for (int at = 0; at < count; at++)
        if (fds[at].revents && of[at]->live && of[at]->fd == fds[at].fd)
            libxl_osevent_occurred_fd(ctx, of[at]->ours, fds[at].fd, fds[at].events, fds[at].revents);
}

static struct { int count, rc; } called;

static void completed(libxl_ctx *ctx, int rc, void *user)
{
    CHECK(ctx && user == &called);
    called.count++;
    called.rc = rc;
}

static void hooks(uint32_t guest)
{
    static const libxl_osevent_hooks table = {
        .fd_register = fd_register, .fd_modify = fd_modify, .fd_deregister = fd_deregister,
        .timeout_register = timeout_register, .timeout_modify = timeout_modify,
    };
    libxl_ctx *ctx = new_ctx();
    libxl_evgen_domain_death *generator = NULL;
    libxl_event *event = NULL;
    /* Not the context's first use: the connection to xenstore is there already. */
    free(libxl_domid_to_name(ctx, guest));
    libxl_osevent_register_hooks(ctx, &table, NULL);
    SAME(libxl_evenable_domain_death(ctx, guest, 31, &generator), 0);
    CHECK(registered > 0);
    libxl_asyncop_how how = { .callback = completed, .u.for_callback = &called };
    SAME(libxl_domain_destroy(ctx, guest, &how), 0);
    double limit = now() + 60;
    bool dead = false;
    while ((!called.count || !dead) && now() < limit) {
        loop_once(ctx);
        if (!dead && !libxl_event_check(ctx, &event, LIBXL_EVENTMASK_ALL, is_domain, &guest)) {
            SAME(event->type, LIBXL_EVENT_TYPE_DOMAIN_DEATH);
            SAME(event->for_user, 31);
            libxl_event_free(ctx, event);
            dead = true;
        }
    }
    CHECK(dead);
    SAME(called.count, 1);
    SAME(called.rc, 0);
    /* Handles that are long gone must be tolerated. */
    for (size_t at = 0; at < 256; at++)
        if (!sources[at].live && sources[at].ours && sources[at].timer)
            libxl_osevent_occurred_timeout(ctx, sources[at].ours);
    libxl_evdisable_domain_death(ctx, generator);
    for (int turns = 0; turns < 5; turns++)
        loop_once(ctx);
    libxl_ctx_free(ctx);
    for (size_t at = 0; at < 256; at++)
        CHECK(!sources[at].live || sources[at].timer);
    puts("hooks");
}

static void destroyed(libxl_ctx *ctx, uint32_t guest)
{
    libxl_evgen_domain_death *generator = NULL;
    libxl_event *event = NULL;
    libxl_asyncop_how how = { .callback = NULL, .u.for_event = 41 };
    SAME(libxl_evenable_domain_death(ctx, guest, 42, &generator), 0);
    SAME(libxl_domain_destroy(ctx, guest, &how), 0);
    uint64_t mask = 1UL << LIBXL_EVENT_TYPE_OPERATION_COMPLETE;
    SAME(libxl_event_wait(ctx, &event, mask, NULL, NULL), 0);
    SAME(event->type, LIBXL_EVENT_TYPE_OPERATION_COMPLETE);
    SAME(event->for_user, 41);
    SAME(event->u.operation_complete.rc, 0);
    SAME(event->domid, guest);
    libxl_event_free(ctx, event);
    libxl_event_free(ctx, expect_event(ctx, LIBXL_EVENT_TYPE_DOMAIN_DEATH, 42));
    no_event(ctx);
    libxl_evdisable_domain_death(ctx, generator);
    puts("destroyed");
}

static struct { int reports; bool after; libxl_event_type type; } progress;

static void reported(libxl_ctx *ctx, libxl_event *event, void *user)
{
    CHECK(user == &progress);
    progress.reports++;
    progress.after = called.count > 0;
    progress.type = event->type;
    libxl_event_free(ctx, event);
}

/* What xenconsoled and xenstored hold of a destroyed domain keeps its number for a moment. */
static void is_gone(libxl_ctx *ctx, uint32_t domid)
{
    double limit = now() + 10;
    while (!libxl_domain_info(ctx, NULL, domid) && now() < limit)
        usleep(100000);
    SAME(libxl_domain_info(ctx, NULL, domid), ERROR_DOMAIN_NOTFOUND);
}

static void created(libxl_ctx *ctx, const char *json)
{
    libxl_domain_config config;
    uint32_t domid = ~0;
    libxl_domain_config_init(&config);
    SAME(libxl_domain_config_from_json(ctx, &config, file_text(json)), 0);
    libxl_asyncprogress_how console = { .callback = reported, .for_callback = &progress };
    libxl_asyncop_how how = { .callback = completed, .u.for_callback = &called };
    memset(&called, 0, sizeof called);
    SAME(libxl_domain_create_new(ctx, &config, &domid, &how, &console), 0);
    double limit = now() + 60;
    while (!called.count && now() < limit)
        turn(ctx, 1000);
    SAME(called.count, 1);
    SAME(called.rc, 0);
    SAME(progress.reports, 1);
    CHECK(!progress.after);
    SAME(progress.type, LIBXL_EVENT_TYPE_DOMAIN_CREATE_CONSOLE_AVAILABLE);
    CHECK(domid > 0 && domid < 0x7ff0);
    SAME(libxl_domain_info(ctx, NULL, domid), 0);
    SAME(libxl_domain_destroy(ctx, domid, NULL), 0);
    is_gone(ctx, domid);
    libxl_domain_config_dispose(&config);
    puts("created");
}

static void aborted(libxl_ctx *ctx, const char *json)
{
    libxl_domain_config config;
    uint32_t domid = ~0;
    libxl_domain_config_init(&config);
    SAME(libxl_domain_config_from_json(ctx, &config, file_text(json)), 0);
    libxl_asyncop_how how = { .callback = NULL, .u.for_event = 51 };
    libxl_asyncop_how other = { .callback = NULL, .u.for_event = 52 };
    SAME(libxl_domain_create_new(ctx, &config, &domid, &how, NULL), 0);
    double limit = now() + 3;
    while (now() < limit)
        turn(ctx, 100);
    no_event(ctx);
    SAME(libxl_ao_abort(ctx, &other), ERROR_NOTFOUND);
    SAME(libxl_ao_abort(ctx, &how), 0);
    limit = now() + 20;
    libxl_event *event = expect_event(ctx, LIBXL_EVENT_TYPE_OPERATION_COMPLETE, 51);
    CHECK(now() < limit);
    SAME(event->u.operation_complete.rc, ERROR_ABORTED);
    libxl_event_free(ctx, event);
    SAME(libxl_ao_abort(ctx, &how), ERROR_NOTFOUND);
    SAME(libxl_domain_info(ctx, NULL, domid), 0);
    SAME(libxl_domain_destroy(ctx, domid, NULL), 0);
    libxl_domain_config_dispose(&config);
    puts("aborted");
}

static pid_t child_pid;
static int child_status, forks;

static int reaped(pid_t pid, int status, void *user)
{
    CHECK(user == &forks);
    if (pid != child_pid)
        return ERROR_UNKNOWN_CHILD;
    child_status = status;
    child_pid = 0;
    return 0;
}

static pid_t own_fork(void *user)
{
    CHECK(user == &forks);
    forks++;
    return fork();
}

static void children(const char *json)
{
    libxl_ctx *ctx = new_ctx();
    /* The application collects. */
    static const libxl_childproc_hooks mainloop = {
        .chldowner = libxl_sigchld_owner_mainloop, .fork_replacement = own_fork,
    };
    libxl_childproc_setmode(ctx, &mainloop, &forks);
    SAME(libxl_childproc_reaped(ctx, 999999, 0), ERROR_UNKNOWN_CHILD);
    libxl_childproc_sigchld_occurred(ctx);
    libxl_domain_config config;
    uint32_t domid = ~0;
    libxl_domain_config_init(&config);
    SAME(libxl_domain_config_from_json(ctx, &config, file_text(json)), 0);
    libxl_asyncop_how how = { .callback = NULL, .u.for_event = 61 };
    SAME(libxl_domain_create_new(ctx, &config, &domid, &how, NULL), 0);
    double limit = now() + 2;
    while (now() < limit)
        turn(ctx, 100);
    CHECK(forks > 0);
    SAME(libxl_ao_abort(ctx, &how), 0);
    libxl_event *event = NULL;
    limit = now() + 60;
    while (libxl_event_check(ctx, &event, LIBXL_EVENTMASK_ALL, NULL, NULL) && now() < limit) {
        turn(ctx, 100);
        libxl_childproc_sigchld_occurred(ctx);
    }
    CHECK(event);
    SAME(event->for_user, 61);
    libxl_event_free(ctx, event);
    how.u.for_event = 62;
    SAME(libxl_domain_destroy(ctx, domid, &how), 0);
    event = NULL;
    while (libxl_event_check(ctx, &event, LIBXL_EVENTMASK_ALL, NULL, NULL) && now() < limit) {
        turn(ctx, 100);
        libxl_childproc_sigchld_occurred(ctx);
    }
    CHECK(event);
    SAME(event->for_user, 62);
    SAME(event->u.operation_complete.rc, 0);
    libxl_event_free(ctx, event);
    libxl_domain_config_dispose(&config);
    libxl_ctx_free(ctx);

    /* The library collects everything and says so. */
    ctx = new_ctx();
    static const libxl_childproc_hooks always = {
        .chldowner = libxl_sigchld_owner_libxl_always, .reaped_callback = reaped,
    };
    libxl_childproc_setmode(ctx, &always, &forks);
    child_pid = fork();
    if (!child_pid)
        _exit(7);
    for (int turns = 0; child_pid && turns < 100; turns++)
        turn(ctx, 100);
    SAME(child_pid, 0);
    CHECK(WIFEXITED(child_status) && WEXITSTATUS(child_status) == 7);
    libxl_childproc_setmode(ctx, NULL, NULL);
    struct sigaction action;
    sigaction(SIGCHLD, NULL, &action);
    CHECK(action.sa_handler == SIG_DFL);

    /* The library leaves the application's children alone. */
    static const libxl_childproc_hooks selective = {
        .chldowner = libxl_sigchld_owner_libxl_always_selective_reap,
    };
    libxl_childproc_setmode(ctx, &selective, NULL);
    pid_t pid = fork();
    if (!pid)
        _exit(8);
    usleep(200000);
    turn(ctx, 0);
    int status = 0;
    SAME(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 8);
    libxl_childproc_setmode(ctx, NULL, NULL);
    libxl_ctx_free(ctx);
    puts("children");
}

static void forked(libxl_ctx *ctx)
{
    libxl_evgen_domain_death *generator = NULL;
    SAME(libxl_evenable_domain_death(ctx, 0, 71, &generator), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        libxl_postfork_child_noexec(ctx); /* after which the parent's context must not even be freed */
        libxl_ctx *own = new_ctx();
        int count = 0;
        libxl_dominfo *list = libxl_list_domain(own, &count);
        if (!list || count < 1)
            _exit(1);
        libxl_dominfo_list_free(list, count);
        char *name = libxl_domid_to_name(own, 0);
        if (!name || strcmp(name, "Domain-0"))
            _exit(2);
        free(name);
        libxl_ctx_free(own);
        _exit(0);
    }
    int status = -1;
    SAME(waitpid(pid, &status, 0), pid);
    SAME(status, 0);
    char *name = libxl_domid_to_name(ctx, 0);
    CHECK(name && !strcmp(name, "Domain-0"));
    free(name);
    libxl_evdisable_domain_death(ctx, generator);
    puts("forked");
}

static libxl_ctx *shared;
static const char *tiny_json;

static void *query(void *own)
{
    libxl_ctx *ctx = own ? new_ctx() : shared;
    for (int round = 0; round < 50; round++) {
        char *name = libxl_domid_to_name(ctx, 0);
        CHECK(name && !strcmp(name, "Domain-0"));
        free(name);
        libxl_evgen_domain_death *generator = NULL;
        SAME(libxl_evenable_domain_death(ctx, 0, round, &generator), 0);
        SAME(libxl_domain_info(ctx, NULL, 0), 0);
        libxl_evdisable_domain_death(ctx, generator);
    }
    if (own)
        libxl_ctx_free(ctx);
    return NULL;
}

/* A guest of this thread's own, from creation to destruction. */
static void *life(void *own)
{
    static int counter;
    libxl_ctx *ctx = own ? new_ctx() : shared;
    libxl_domain_config config;
    uint32_t domid = ~0, found = 0;
    libxl_domain_config_init(&config);
    SAME(libxl_domain_config_from_json(ctx, &config, tiny_json), 0);
    free(config.c_info.name);
    CHECK(asprintf(&config.c_info.name, "life-%d", __atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST)) > 0);
    libxl_uuid_generate(&config.c_info.uuid);
    SAME(libxl_domain_create_new(ctx, &config, &domid, NULL, NULL), 0);
    libxl_dominfo info;
    libxl_dominfo_init(&info);
    SAME(libxl_domain_info(ctx, &info, domid), 0);
    CHECK(info.paused && info.domid == domid);
    libxl_dominfo_dispose(&info);
    SAME(libxl_name_to_domid(ctx, config.c_info.name, &found), 0);
    SAME(found, domid);
    SAME(libxl_domain_destroy(ctx, domid, NULL), 0);
    is_gone(ctx, domid);
    libxl_domain_config_dispose(&config);
    if (own)
        libxl_ctx_free(ctx);
    return NULL;
}

/* Eight threads, first on one context, then on one each. */
static void threads(void *(*work)(void *), const char *name)
{
    pthread_t ids[8];
    for (int own = 0; own < 2; own++) {
        for (int at = 0; at < 8; at++)
            SAME(pthread_create(&ids[at], NULL, work, own ? ids : NULL), 0);
        for (int at = 0; at < 8; at++)
            SAME(pthread_join(ids[at], NULL), 0);
    }
    no_event(shared);
    puts(name);
}

static void *wait_here(void *user)
{
    libxl_event_free(user, expect_event(user, LIBXL_EVENT_TYPE_DOMAIN_DEATH, 81));
    return NULL;
}

/* An event that one thread's call brings about wakes another one that waits for it. */
static void woken(libxl_ctx *ctx)
{
    pthread_t id;
    SAME(pthread_create(&id, NULL, wait_here, ctx), 0);
    usleep(200000);
    libxl_evgen_domain_death *generator = NULL;
    SAME(libxl_evenable_domain_death(ctx, 32002, 81, &generator), 0);
    SAME(pthread_join(id, NULL), 0);
    libxl_evdisable_domain_death(ctx, generator);
    puts("woken");
}

int main(int argc, char **argv)
{
    ours = argc > 1 && !strcmp(argv[1], "ours");
    argv += ours;
    argc -= ours;
    CHECK(argc == 5);
    setvbuf(stdout, NULL, _IOLBF, 0);
    xentoollog_level level = getenv("VERBOSE") ? XTL_DEBUG : XTL_ERROR;
    logger = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, level, 0);
    CHECK(logger);
    const char *limit = getenv("EVENTS_SECONDS");
    alarm(limit ? (unsigned int)atoi(limit) : 150);
    basics();
    libxl_ctx *ctx = new_ctx();
    deaths(ctx);
    sinks();
    hooks(strtoul(argv[1], NULL, 10));
    ejected(ctx, strtoul(argv[2], NULL, 10));
    destroyed(ctx, strtoul(argv[2], NULL, 10));
    created(ctx, argv[3]);
    aborted(ctx, argv[4]);
    children(argv[4]);
    shared = ctx; /* still known to the child, which must leave it alone: no leak */
    forked(ctx);
    threads(query, "queries");
    tiny_json = strdup(file_text(argv[3]));
    threads(life, "lives");
    if (ours)
        woken(ctx);
    libxl_ctx_free(ctx);
    xtl_logger_destroy(logger);
    puts("all");
    return 0;
}
