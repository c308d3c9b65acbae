/*
 * Clients of a stub domain's QMP, good and bad. A failed check ends the program with its line.
 *
 * qmpclients poll SOCKET COUNT          COUNT conversations of one command, one after the other
 * qmpclients rude SOCKET                one that hangs up before it has read the answer: the proxy in dom0 ends
 * qmpclients vchan DOMID PATH COUNT     COUNT clients of the vchan itself that time and again say that they are gone, and do not
 *                                       ring, while an answer is about to be passed on
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <libxenvchan.h>

#define CHECK(cond) \
    do { if (!(cond)) { fprintf(stderr, "FAILED: line %d: %s: %m\n", __LINE__, #cond); exit(1); } } while (0)

static const char negotiate[] = "{\"execute\": \"qmp_capabilities\", \"id\": 1}\r\n";
static const char schema[] = "{\"execute\": \"query-qmp-schema\", \"id\": 2}\r\n";
static const char status[] = "{\"execute\": \"query-status\", \"id\": 3}\r\n";

static int reach(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval limit = { .tv_sec = 20 };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(fd >= 0 && strlen(path) < sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    CHECK(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
    CHECK(!connect(fd, (struct sockaddr *)&address, sizeof(address)));
    return fd;
}

static void say(int fd, const char *text)
{
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* Reads lines until one has the text. Those that are heard are short. */
static void hear(int fd, const char *text)
{
    char line[4096];
    size_t used = 0;
    for (;;) {
        CHECK(used < sizeof(line) - 1);
        CHECK(recv(fd, line + used, 1, 0) == 1);
        if (line[used++] != '\n')
            continue;
        line[used] = 0;
        if (strstr(line, text))
            return;
        used = 0;
    }
}

static void poll_status(const char *path)
{
    int fd = reach(path);
    hear(fd, "\"QMP\"");
    say(fd, negotiate);
    hear(fd, "\"id\": 1");
    say(fd, status);
    hear(fd, "\"id\": 3");
    close(fd);
    /* The other end of the vchan does not notice that a client has gone when the next one is quicker. */
    usleep(100 * 1000);
}

static void hang_up(const char *path)
{
    int fd = reach(path);
    char byte;
    hear(fd, "\"QMP\"");
    say(fd, negotiate);
    hear(fd, "\"id\": 1");
    say(fd, schema);
    CHECK(recv(fd, &byte, 1, 0) == 1);
    usleep(200 * 1000);
    close(fd);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

/* The server's byte in the shared page, which the other domain writes. */
static bool serves(struct libxenvchan *vchan)
{
    return *(volatile uint8_t *)&vchan->ring->srv_live == 1;
}

static struct libxenvchan *attach(int domid, const char *path)
{
    double deadline = now() + 20;
    for (;;) {
        struct libxenvchan *vchan = libxenvchan_client_init(NULL, domid, path);
        if (vchan && serves(vchan))
            return vchan;
        if (vchan)
            libxenvchan_close(vchan);
        CHECK(now() < deadline);
        usleep(50 * 1000);
    }
}

/* Upstream's proxy in the stub domain ends at this. */
static void come_and_go(int domid, const char *path)
{
    struct libxenvchan *vchan = attach(domid, path);
    volatile uint8_t *live = &vchan->ring->cli_live;
    for (int round = 0; round < 5; round++) {
        *live = 1;
        CHECK(libxenvchan_write(vchan, negotiate, strlen(negotiate)) >= 0);
        double consumed = now() + 1;
        volatile struct ring_shared *ring = vchan->write.shr;
        while (ring->cons != ring->prod && now() < consumed)
            usleep(100);
        *live = 0;
        usleep(20 * 1000);
        CHECK(serves(vchan));
    }
    libxenvchan_close(vchan);
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "poll")) {
        for (int left = atoi(argv[3]); left > 0; left--)
            poll_status(argv[2]);
    } else if (argc == 3 && !strcmp(argv[1], "rude")) {
        hang_up(argv[2]);
    } else if (argc == 5 && !strcmp(argv[1], "vchan")) {
        for (int left = atoi(argv[4]); left > 0; left--)
            come_and_go(atoi(argv[2]), argv[3]);
    } else {
        return 2;
    }
    return 0;
}
