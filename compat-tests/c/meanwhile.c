/*
 * Who is served while one operation takes long, on either library: meanwhile LARGE NEW.json VICTIM... [most MS]
 *
 * Dumps the core of LARGE, a domain that has run, to /dev/null, destroys it, and creates the guest of NEW.json, a large one as
 * well, each with an ao_how and an event loop of this program's that polls for the library. Meanwhile, on the same context: a
 * thread lists the domains over and over, the loop has a tick every 20 ms, and a VICTIM (a domain that waits, one for each of the three) is shut down behind the
 * library's back, which its death generator must tell. At last a creation is aborted in its middle.
 * One line for each operation says how long it took, how long each of them waited at most, and how long a thread that has nothing
 * to do with the library waited for its turn on this machine. With "most MS" a wait of MS more than that, which is also more
 * than a fifth of the operation's time, or an abort that takes more than a second, fails the program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_event.h>
#include <libxl_utils.h>
#include <xenctrl.h>
#include <xentoollog.h>

#include "check.h"

#define TICK 0.020

static libxl_ctx *ctx;
static double most;

static atomic_bool done;
static atomic_int outcome;
static atomic_bool listing;
static _Atomic double longest_list, longest_nap;
static atomic_int lists;

static _Atomic double stopped_at;

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static void ended(libxl_ctx *of, int rc, void *for_callback)
{
    CHECK(of == ctx && for_callback == &done);
    outcome = rc;
    done = true;
}

static const libxl_asyncop_how how = { .callback = ended, .u.for_callback = &done };

static void *list_domains(void *unused)
{
    (void)unused;
    for (;;) {
        if (!listing) {
            usleep(1000);
            continue;
        }
        int count = 0;
        double start = now();
        libxl_dominfo *all = libxl_list_domain(ctx, &count);
        double took = now() - start;
        CHECK(all);
        libxl_dominfo_list_free(all, count);
        if (took > longest_list)
            longest_list = took;
        lists++;
        usleep(2000);
    }
    return NULL;
}

/* What the machine makes everybody wait. */
static void *nap(void *unused)
{
    (void)unused;
    for (;;) {
        double start = now();
        usleep(2000);
        double over = now() - start - 0.002;
        if (over > longest_nap)
            longest_nap = over;
    }
    return NULL;
}

/* Waits a little, so that the operation is in its middle. */
static void *stop_victim(void *victim)
{
    xc_interface *xc = xc_interface_open(logger, logger, 0);
    CHECK(xc);
    usleep(30000);
    SAME(xc_domain_shutdown(xc, *(uint32_t *)victim, SHUTDOWN_poweroff), 0);
    stopped_at = now();
    xc_interface_close(xc);
    return NULL;
}

/* One turn of the event loop, of at most `limit` seconds. */
static void turn(double limit)
{
    struct pollfd fds[64];
    struct timeval tv;
    int count = 64, timeout = limit < 0 ? 0 : (int)(limit * 1000);
    gettimeofday(&tv, NULL);
    SAME(libxl_osevent_beforepoll(ctx, &count, fds, &timeout, tv), 0);
    while (poll(fds, count, timeout) < 0)
        SAME(errno, EINTR);
    gettimeofday(&tv, NULL);
    libxl_osevent_afterpoll(ctx, count, fds, tv);
}

/* Serves the library until the operation has ended and the victim's end was told, and says who waited how long. */
static void serve(const char *what, uint32_t victim, double start)
{
    pthread_t stopper;
    bool stopped = false;
    double tick = start, late = 0, told = 0, end = 0;
    CHECK(!pthread_create(&stopper, NULL, stop_victim, &victim));
    while (!done || !stopped) {
        turn(tick + TICK - now());
        double at = now();
        if (at > tick + TICK) {
            if (!end && at - tick - TICK > late)
                late = at - tick - TICK;
            tick = at;
        }
        if (done && !end) {
            end = at;
            listing = false;
        }
        libxl_event *event = NULL;
        while (!libxl_event_check(ctx, &event, LIBXL_EVENTMASK_ALL, NULL, NULL)) {
            /* The xl behind it may have destroyed it before this process has looked. */
            if ((event->type == LIBXL_EVENT_TYPE_DOMAIN_SHUTDOWN || event->type == LIBXL_EVENT_TYPE_DOMAIN_DEATH) &&
                event->domid == victim && !stopped) {
                stopped = true;
                told = now();
            }
            libxl_event_free(ctx, event);
        }
        CHECK(at - start < 500);
    }
    CHECK(!pthread_join(stopper, NULL));
    double death = told > stopped_at ? told - stopped_at : 0;
    double machine = longest_nap;
    printf("%s: took %.0f ms; waited at most: list %.0f ms (of %d), tick %.0f ms, shutdown event %.0f ms; machine %.0f ms\n",
           what, (end - start) * 1000, longest_list * 1000, lists, late * 1000, death * 1000, machine * 1000);
    fflush(stdout);
    SAME(outcome, 0);
    if (most) {
        /* On a slow machine everything takes longer, and being served means a small part of the operation's time. */
        double share = (end - start) / 5, limit = most + machine > share ? most + machine : share;
        CHECK(longest_list <= limit);
        CHECK(late <= limit);
        CHECK(death <= limit);
    }
}

static double begin(uint32_t victim)
{
    libxl_evgen_domain_death *generator;
    done = false;
    longest_list = 0;
    longest_nap = 0;
    lists = 0;
    if (victim != 0)
        SAME(libxl_evenable_domain_death(ctx, victim, 0, &generator), 0);
    listing = true;
    return now();
}

static void abort_creation(libxl_domain_config *config)
{
    uint32_t domid = -1;
    double start = begin(0);
    int rc = libxl_domain_create_new(ctx, config, &domid, &how, NULL);
    SAME(rc, 0);
    while (!done && now() < start + 0.050)
        turn(0.005);
    /* The C library builds the guest before it returns from the call above. */
    bool late = done || libxl_ao_abort(ctx, &how);
    double asked = now();
    while (!done)
        turn(TICK);
    double took = now() - asked;
    listing = false;
    printf("abort: %s, %.0f ms after it was asked for, with %d\n", late ? "too late" : "ended", took * 1000, outcome);
    fflush(stdout);
    if (most) {
        CHECK(!late);
        CHECK(took <= 1);
        SAME(outcome, ERROR_ABORTED);
    }
    if (libxl_domain_info(ctx, NULL, domid) == 0)
        SAME(libxl_domain_destroy(ctx, domid, NULL), 0);
}

int main(int argc, char **argv)
{
    CHECK(argc == 6 || (argc == 8 && !strcmp(argv[6], "most")));
    uint32_t large = atoi(argv[1]), victims[3], domid = -1;
    for (int i = 0; i < 3; i++)
        victims[i] = atoi(argv[3 + i]);
    if (argc == 8)
        most = atof(argv[7]) / 1000;
    logger = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_WARN, 0);
    CHECK(logger);
    ctx = new_ctx();
    pthread_t lister, napper;
    CHECK(!pthread_create(&lister, NULL, list_domains, NULL));
    CHECK(!pthread_create(&napper, NULL, nap, NULL));

    double start = begin(victims[0]);
    SAME(libxl_domain_core_dump(ctx, large, "/dev/null", &how), 0);
    serve("dump", victims[0], start);

    start = begin(victims[1]);
    SAME(libxl_domain_destroy(ctx, large, &how), 0);
    serve("destroy", victims[1], start);

    libxl_domain_config config, again;
    read_config(ctx, &config, argv[2]);
    read_config(ctx, &again, argv[2]);
    start = begin(victims[2]);
    SAME(libxl_domain_create_new(ctx, &config, &domid, &how, NULL), 0);
    serve("create", victims[2], start);
    SAME(libxl_domain_destroy(ctx, domid, NULL), 0);

    abort_creation(&again);
    libxl_domain_config_dispose(&config);
    libxl_domain_config_dispose(&again);
    return 0;
}
