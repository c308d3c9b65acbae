/*
 * Calls that xl does not make, or not this way, on either library: calls [ours] GUEST PVH.json HVM.json
 *
 * GUEST is the domid of a paused guest, the files are configurations of others. "ours" adds what the C library cannot do.
 * A failed check ends the program with its line; success prints one line for each part.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_utils.h>
#include <xentoollog.h>

#include "check.h"

static bool ours;

static bool is_paused(libxl_ctx *ctx, uint32_t domid)
{
    libxl_dominfo info;
    libxl_dominfo_init(&info);
    SAME(libxl_domain_info(ctx, &info, domid), 0);
    bool paused = info.paused;
    libxl_dominfo_dispose(&info);
    return paused;
}

/* A number of more than 16 bits is no other domain's. The C library cuts it. */
static void long_numbers(libxl_ctx *ctx, uint32_t guest)
{
    uint32_t alias = guest + 65536;
    libxl_bitmap map;
    CHECK(libxl_domain_info(ctx, NULL, alias) < 0);
    CHECK(libxl_domain_unpause(ctx, alias, NULL) < 0);
    CHECK(libxl_domain_destroy(ctx, alias, NULL) < 0);
    CHECK(libxl_set_memory_target(ctx, alias, 4096, 0, 1) < 0);
    CHECK(libxl_domain_setmaxmem(ctx, alias, 4096) < 0);
    CHECK(libxl_send_trigger(ctx, alias, LIBXL_TRIGGER_NMI, 0, NULL) < 0);
    CHECK(libxl_domain_rename(ctx, alias, NULL, "alias") < 0);
    SAME(libxl_cpu_bitmap_alloc(ctx, &map, 0), 0);
    libxl_bitmap_set(&map, 0);
    CHECK(libxl_set_vcpuaffinity(ctx, alias, 0, &map, NULL) < 0);
    libxl_bitmap_dispose(&map);
    CHECK(is_paused(ctx, guest));
    puts("long numbers");
}

/* Without a map, "force" undoes a temporary pin, of which there is none here. */
static void affinity(libxl_ctx *ctx, uint32_t guest)
{
    SAME(libxl_set_vcpuaffinity(ctx, guest, 0, NULL, NULL), ERROR_INVAL);
    SAME(libxl_set_vcpuaffinity_force(ctx, guest, 0, NULL, NULL), 0);
    puts("affinity");
}

static struct { libxl_ctx *ctx; uint32_t guest; uint64_t max; int rc, ended; } setting;

static void *set_max(void *unused)
{
    (void)unused;
    setting.rc = libxl_domain_setmaxmem(setting.ctx, setting.guest, setting.max);
    __atomic_store_n(&setting.ended, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* The limit is not changed below the target, nor while somebody else has the lock of the domain's files. */
static void memory_limit(libxl_ctx *ctx, uint32_t guest)
{
    uint64_t target = 0;
    SAME(libxl_get_memory_target(ctx, guest, &target), 0);
    /* The C library gives 1. */
    SAME(libxl_domain_setmaxmem(ctx, guest, target - 1), ours ? ERROR_NONSPECIFIC : 1);

    char *path = NULL;
    libxl_dominfo info;
    libxl_dominfo_init(&info);
    SAME(libxl_domain_info(ctx, &info, guest), 0);
    CHECK(asprintf(&path, "/var/lib/xen/userdata-l.%u." LIBXL_UUID_FMT ".domain-userdata-lock", guest,
                   LIBXL_UUID_BYTES(info.uuid)) > 0);
    libxl_dominfo_dispose(&info);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    SAME(flock(fd, LOCK_EX), 0);
    setting.ctx = new_ctx();
    setting.guest = guest;
    setting.max = target + 1024;
    pthread_t id;
    SAME(pthread_create(&id, NULL, set_max, NULL), 0);
    sleep(2);
    SAME(__atomic_load_n(&setting.ended, __ATOMIC_SEQ_CST), 0);
    close(fd);
    SAME(pthread_join(id, NULL), 0);
    SAME(setting.rc, 0);
    libxl_ctx_free(setting.ctx);
    free(path);
    puts("memory limit");
}

/* No bytes remove the file; that there is none is a failure, for the C library an errno. */
static void userdata(libxl_ctx *ctx, uint32_t guest)
{
    SAME(libxl_userdata_store(ctx, guest, "calls", (const uint8_t *)"x", 1), 0);
    SAME(libxl_userdata_store(ctx, guest, "calls", NULL, 0), 0);
    SAME(libxl_userdata_store(ctx, guest, "calls", NULL, 0), ours ? ERROR_FAIL : ENOENT);
    puts("userdata");
}

/* Nobody waits for a backend outside QEMU: it may be started later. */
static void keyboard(libxl_ctx *ctx, uint32_t guest)
{
    libxl_device_vkb vkb;
    int count = 0;
    libxl_device_vkb_init(&vkb);
    vkb.backend_type = LIBXL_VKB_BACKEND_LINUX;
    SAME(libxl_device_vkb_add(ctx, guest, &vkb, NULL), 0);
    libxl_device_vkb *list = libxl_device_vkb_list(ctx, guest, &count);
    SAME(count, 1);
    libxl_device_vkb_list_free(list, count);
    libxl_device_vkb_dispose(&vkb);
    puts("keyboard");
}

/* A sound card comes back from the guest's own nodes. The scenario plays the backend, and the guest that connects a stream. */
static void sound(libxl_ctx *ctx, uint32_t guest)
{
    libxl_device_vsnd vsnd, found;
    libxl_vsndinfo info;
    int count = 0;
    libxl_device_vsnd_init(&vsnd);
    vsnd.devid = 0;
    vsnd.short_name = strdup("card");
    vsnd.params.channels_max = 2;
    vsnd.params.num_sample_rates = 2;
    CHECK(vsnd.params.sample_rates = calloc(2, sizeof(uint32_t)));
    vsnd.params.sample_rates[0] = 44100;
    vsnd.params.sample_rates[1] = 48000;
    vsnd.num_vsnd_pcms = 1;
    CHECK(vsnd.pcms = calloc(1, sizeof(libxl_vsnd_pcm)));
    libxl_vsnd_pcm_init(vsnd.pcms);
    vsnd.pcms->num_vsnd_streams = 2;
    CHECK(vsnd.pcms->streams = calloc(2, sizeof(libxl_vsnd_stream)));
    for (int i = 0; i < 2; i++) {
        libxl_vsnd_stream_init(&vsnd.pcms->streams[i]);
        vsnd.pcms->streams[i].unique_id = strdup(i ? "second" : "first");
        vsnd.pcms->streams[i].type = i ? LIBXL_VSND_STREAM_TYPE_C : LIBXL_VSND_STREAM_TYPE_P;
    }
    SAME(libxl_devid_to_device_vsnd(ctx, guest, 0, &found), ERROR_NOTFOUND);
    SAME(libxl_device_vsnd_add(ctx, guest, &vsnd, NULL), 0);

    libxl_device_vsnd *list = libxl_device_vsnd_list(ctx, guest, &count);
    SAME(count, 1);
    char *given = libxl_device_vsnd_to_json(ctx, &vsnd), *listed = libxl_device_vsnd_to_json(ctx, list);
    CHECK(given && listed && !strcmp(given, listed));
    SAME(libxl_devid_to_device_vsnd(ctx, guest, 0, &found), 0);
    SAME(found.pcms->num_vsnd_streams, 2);
    libxl_device_vsnd_dispose(&found);
    SAME(libxl_devid_to_device_vsnd(ctx, guest, 1, &found), ERROR_NOTFOUND);

    SAME(libxl_device_vsnd_getinfo(ctx, guest, list, &info), 0);
    SAME(info.num_vsnd_pcms, 1);
    SAME(info.pcms->num_vsnd_streams, 2);
    SAME(info.pcms->streams[0].req_rref, 8);
    SAME(info.pcms->streams[0].req_evtch, 9);
    SAME(info.pcms->streams[1].req_rref, -1);
    SAME(info.pcms->streams[1].req_evtch, -1);
    SAME(info.state, 1);
    SAME(info.backend_id, 0);
    SAME(info.frontend_id, guest);
    CHECK(strstr(info.backend, "/backend/vsnd/"));
    libxl_vsndinfo_dispose(&info);
    libxl_device_vsnd_list_free(list, count);
    SAME(libxl_device_vsnd_destroy(ctx, guest, &vsnd, NULL), 0);
    CHECK(!libxl_device_vsnd_list(ctx, guest, &count));
    SAME(count, 0);
    free(given);
    free(listed);
    libxl_device_vsnd_dispose(&vsnd);
    puts("sound");
}

/* What a creation fills in for page tables; it fails, because the name is in use. */
static uint64_t shadow_default(libxl_ctx *ctx, const char *json)
{
    libxl_domain_config config;
    uint32_t domid = 0;
    read_config(ctx, &config, json);
    free(config.c_info.name);
    config.c_info.name = strdup("Domain-0");
    config.b_info.shadow_memkb = LIBXL_MEMKB_DEFAULT;
    CHECK(libxl_domain_create_new(ctx, &config, &domid, NULL, NULL) < 0);
    uint64_t filled_in = config.b_info.shadow_memkb;
    CHECK(filled_in != LIBXL_MEMKB_DEFAULT);
    libxl_domain_config_dispose(&config);
    return filled_in;
}

/* Who counted a guest's memory without page tables gets none by default; who counted both ways does. */
static void page_tables(const char *json)
{
    libxl_ctx *ctx = new_ctx();
    libxl_domain_config config;
    uint64_t kb = 0;
    CHECK(shadow_default(ctx, json) > 0);
    read_config(ctx, &config, json);
    SAME(libxl_domain_need_memory_0x041200(ctx, &config.b_info, &kb), 0);
    CHECK(kb > 0);
    SAME(shadow_default(ctx, json), 0);
    SAME(libxl_domain_need_memory(ctx, &config, 0, &kb), 0);
    CHECK(shadow_default(ctx, json) > 0);
    libxl_domain_config_dispose(&config);
    libxl_ctx_free(ctx);
    puts("page tables");
}

/* Programs that never call init leave 0 where no enumerator has that number. */
static void zero_enumerators(libxl_ctx *ctx, const char *json)
{
    libxl_domain_config config;
    uint32_t domid = ~0;
    read_config(ctx, &config, json);
    config.on_poweroff = config.on_reboot = config.on_watchdog = config.on_crash = config.on_soft_reset = 0;
    SAME(libxl_domain_create_new(ctx, &config, &domid, NULL, NULL), 0);
    CHECK(is_paused(ctx, domid));
    SAME(libxl_domain_destroy(ctx, domid, NULL), 0);
    libxl_domain_config_dispose(&config);
    puts("zero enumerators");
}

/* Only HVM guests are reset softly. One that is not down stays as it is; the C library takes its devices away first. */
static void soft_reset(libxl_ctx *ctx, uint32_t guest, const char *pvh, const char *hvm)
{
    libxl_domain_config config;
    read_config(ctx, &config, pvh);
    SAME(libxl_domain_soft_reset(ctx, &config, guest, NULL, NULL), ERROR_INVAL);
    libxl_domain_config_dispose(&config);
    if (ours) {
        read_config(ctx, &config, hvm);
        SAME(libxl_domain_soft_reset(ctx, &config, guest, NULL, NULL), ERROR_INVAL);
        libxl_domain_config_dispose(&config);
    }
    CHECK(is_paused(ctx, guest));
    puts("soft reset");
}

int main(int argc, char **argv)
{
    ours = argc > 1 && !strcmp(argv[1], "ours");
    argv += ours;
    argc -= ours;
    CHECK(argc == 4);
    setvbuf(stdout, NULL, _IOLBF, 0);
    logger = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    CHECK(logger);
    alarm(150);
    uint32_t guest = strtoul(argv[1], NULL, 10);
    libxl_ctx *ctx = new_ctx();
    if (ours)
        long_numbers(ctx, guest);
    affinity(ctx, guest);
    memory_limit(ctx, guest);
    userdata(ctx, guest);
    keyboard(ctx, guest);
    sound(ctx, guest);
    soft_reset(ctx, guest, argv[2], argv[3]);
    page_tables(argv[3]);
    zero_enumerators(ctx, argv[2]);
    libxl_ctx_free(ctx);
    xtl_logger_destroy(logger);
    puts("all");
    return 0;
}
