/*
 * Makes the same values with whichever libxenlight it is run on and prints what becomes of them.
 *
 *   driver layout   sizes, alignments, offsets and enumerators, as the headers have them
 *   driver values   every struct with every union arm, filled several ways: its JSON, read back, copied; every enumeration
 *   driver reject   text that must be refused; prints what was accepted (a number limits the truncations of each text)
 *   driver helpers  the functions of the types written by hand
 *   driver quirks   what the C library answers with a crash, or differently on purpose
 *   driver leak     loses some memory, so that a check for leaks can be checked itself
 *
 * The first line on stderr names the library. The fakes below let libxl_ctx_alloc succeed where there is no Xen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_json.h>
#include <libxl_utils.h>

#define VARIANTS 6

/* For pointers that the library must not follow: reading there ends the process. */
#define POISON ((void *)16)

static libxl_ctx *ctx;
static int variant, arm;
static unsigned counter;

/* Fakes, found before the real ones because the program itself exports them. */
static long handle[64];
void *xc_interface_open(void *logger, void *dombuild_logger, unsigned flags) { return handle; }
int xc_interface_close(void *xch) { return 0; }
void *xs_open(unsigned long flags) { return handle; }
void xs_close(void *xsh) { }

/*
 * 1: small numbers and plain strings. 2: zeros, empty strings and lists. 3: the largest numbers that can be read back,
 * strings to be escaped. 4: the smallest numbers, no strings. 5: all bits set.
 */
static long long number(int bits, int is_signed)
{
    unsigned long long max = bits == 64 ? LLONG_MAX : (1ULL << (bits - is_signed)) - 1;

    counter++;
    switch (variant) {
    case 1: return bits == 1 ? counter & 1 : counter % 100;
    case 3: return max;
    case 4: return is_signed ? -(long long)max - 1 : 1;
    case 5: return bits == 64 ? -1LL : is_signed ? -1 : (long long)max;
    default: return 0;
    }
}

static char *string(void)
{
    char *text = NULL;

    counter++;
    switch (variant) {
    case 1: return asprintf(&text, "string %u", counter) < 0 ? NULL : text;
    case 2: return strdup("");
    case 3: return strdup("\"quoted\" \\ / \b\f\n\r\t \x01 \x7f \xc3\xa9 \xf0\x9f\x98\x80");
    case 5: return strdup("x");
    default: return NULL;
    }
}

static int array_length(void)
{
    return variant == 2 ? 0 : variant == 1 ? 3 : 1;
}

static int pick(int count)
{
    counter++;
    return variant == 2 ? 0 : variant == 3 ? count - 1 : (int)(counter % count);
}

static void fill_defbool(libxl_defbool *p)
{
    counter++;
    switch (variant) {
    case 1: libxl_defbool_set(p, counter & 1); break;
    case 3: libxl_defbool_set(p, true); break;
    case 4: libxl_defbool_set(p, false); break;
    default: libxl_defbool_unset(p);
    }
}

static void fill_uuid(libxl_uuid *p)
{
    for (int i = 0; i < 16; i++)
        p->uuid[i] = (unsigned char)number(8, 0);
}

static void fill_mac(libxl_mac *p)
{
    for (int i = 0; i < 6; i++)
        (*p)[i] = (uint8_t)number(8, 0);
}

static void fill_hwcap(libxl_hwcap *p)
{
    for (int i = 0; i < 8; i++)
        (*p)[i] = (uint32_t)number(32, 0);
}

static void fill_ms_vm_genid(libxl_ms_vm_genid *p)
{
    for (int i = 0; i < 16; i++)
        p->bytes[i] = (uint8_t)number(8, 0);
}

static void fill_bitmap(libxl_bitmap *p)
{
    counter++;
    if (variant == 4)
        return;
    libxl_bitmap_alloc(ctx, p, variant == 3 ? 4096 : 20);
    if (variant == 1) {
        libxl_bitmap_set(p, counter % 20);
        libxl_bitmap_set(p, 19);
    }
    if (variant == 3 || variant == 5)
        libxl_bitmap_set_any(p);
}

static void fill_string_list(libxl_string_list *p)
{
    int length = array_length();

    if (variant == 4)
        return;
    *p = calloc(length + 1, sizeof(char *));
    for (int i = 0; i < length; i++)
        (*p)[i] = string();
}

static void fill_key_value_list(libxl_key_value_list *p)
{
    int length = array_length();

    if (variant == 4)
        return;
    *p = calloc(2 * length + 1, sizeof(char *));
    for (int i = 0; i < length; i++) {
        if (asprintf(&(*p)[2 * i], "key %d", i) < 0)
            abort();
        (*p)[2 * i + 1] = i == 1 ? NULL : string();
    }
}

static void fill_cpuid_policy_list(libxl_cpuid_policy_list *p)
{
    switch (variant) {
    case 1:
        libxl_cpuid_parse_config(p, "sse3=0");
        libxl_cpuid_parse_config(p, "family=20");
        libxl_cpuid_parse_config(p, "rdcl-no=1");
        libxl_cpuid_parse_config(p, "tsc-adjust=s");
        break;
    case 3:
        libxl_cpuid_parse_config_xend(p, "0xd,1:eax=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx0,edx=10xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        break;
    case 5:
        libxl_cpuid_parse_config(p, "rsba=k");
        break;
    }
}

static void show(const char *type, const char *what, char *text)
{
    printf("%s variant %d arm %d %s: %s\n", type, variant, arm, what, text ? text : "NULL");
    free(text);
}

#define NO_DISPOSE(p) ((void)0)

#define CHECK_STRUCT(type, dispose, arms) \
    for (variant = 0; variant < VARIANTS; variant++) \
        for (arm = 0; arm < arms; arm++) { \
            type a, b, c; \
            char *text; \
            counter = 0; \
            type##_init(&a); \
            if (variant) \
                fill_##type(&a); \
            text = type##_to_json(ctx, &a); \
            if (text && variant != 5) { \
                printf(#type " variant %d arm %d from_json: %d\n", variant, arm, type##_from_json(ctx, &b, text)); \
                show(#type, "read back", type##_to_json(ctx, &b)); \
                dispose(&b); \
            } \
            show(#type, "to_json", text); \
            type##_init(&c); \
            type##_copy(ctx, &c, &a); \
            show(#type, "copy", type##_to_json(ctx, &c)); \
            dispose(&c); \
            gen_json(#type, (yajl_gen_status (*)(yajl_gen, void *))type##_gen_json, &a); \
            dispose(&a); \
        }

/* What the program's own generator gets, without indentation. */
static void gen_json(const char *type, yajl_gen_status (*gen)(yajl_gen, void *), void *p)
{
    const unsigned char *text;
    size_t length;
    yajl_gen hand = yajl_gen_alloc(NULL);
    int status = gen(hand, p);

    if (!status && !yajl_gen_get_buf(hand, &text, &length))
        printf("%s variant %d arm %d gen_json: %.*s\n", type, variant, arm, (int)length, text);
    else
        printf("%s variant %d arm %d gen_json: status %d\n", type, variant, arm, status);
    yajl_gen_free(hand);
}

#define CHECK_ENUM(type) \
    do { \
        variant = arm = 0; \
        for (libxl_enum_string_table *t = type##_string_table;; t++) { \
            type e = (type)t->v, back = (type)12345; \
            char *text, upper[64]; \
            printf(#type " table %s %d\n", t->s ? t->s : "NULL", t->v); \
            if (!t->s) \
                break; \
            text = type##_to_json(ctx, e); \
            printf(#type " %d to_string %s from_json %d", t->v, type##_to_string(e), type##_from_json(ctx, &back, text)); \
            printf(" back %d", (int)back); \
            for (size_t i = 0; i <= strlen(t->s); i++) \
                upper[i] = t->s[i] >= 'a' && t->s[i] <= 'z' ? t->s[i] - 32 : t->s[i]; \
            back = (type)12345; \
            printf(" from_string %d", type##_from_string(upper, &back)); \
            printf(" back %d\n", (int)back); \
            show(#type, "to_json", text); \
            gen_json(#type, (yajl_gen_status (*)(yajl_gen, void *))type##_gen_json, &e); \
        } \
        for (int wrong = 12345; wrong > -20000; wrong -= 24690) { \
            type e = (type)wrong; \
            const char *name = type##_to_string(e); \
            printf(#type " %d to_string %s\n", wrong, name ? name : "NULL"); \
            show(#type, "to_json", type##_to_json(ctx, e)); \
        } \
        type kept = (type)4711; \
        printf(#type " wrong names %d", type##_from_string("no such name", &kept)); \
        printf(" %d", type##_from_string("", &kept)); \
        printf(" %d", type##_from_json(ctx, &kept, "\"no such name\"")); \
        printf(" %d", type##_from_json(ctx, &kept, "1")); \
        printf(" %d", type##_from_json(ctx, &kept, "[")); \
        printf(" kept %d\n", (int)kept); \
    } while (0)

static int tried, refused, truncations = 50;

#define REJECT(type, dispose, text) \
    do { \
        type p; \
        const char *wrong = text; \
        int rc = type##_from_json(ctx, &p, wrong); \
        tried++; \
        if (rc == ERROR_FAIL) \
            refused++; \
        else \
            printf(#type " accepted with %d: %.200s\n", rc, wrong); \
        dispose(&p); \
    } while (0)

static char *deep(char open, char close, int depth, const char *between)
{
    size_t step = strlen(between) + 1;
    char *text = malloc(depth * (step + 1) + 2), *end = text;

    for (int i = 0; i < depth; i++) {
        *end++ = open;
        end = stpcpy(end, between);
    }
    *end++ = '1';
    for (int i = 0; i < depth; i++)
        *end++ = close;
    *end = 0;
    return text;
}

#define REJECT_COMMON(type, dispose, arms) \
    do { \
        char *arrays = deep('[', ']', 100000, ""), *maps = deep('{', '}', 100000, "\"a\":"); \
        REJECT(type, dispose, ""); \
        REJECT(type, dispose, "nonsense"); \
        REJECT(type, dispose, "[]"); \
        REJECT(type, dispose, "null"); \
        REJECT(type, dispose, "\"text\""); \
        REJECT(type, dispose, "{\"a\": 1,}"); \
        REJECT(type, dispose, "{\"a\": \"\xff\"}"); \
        REJECT(type, dispose, "{} {}"); \
        REJECT(type, dispose, arrays); \
        REJECT(type, dispose, maps); \
        free(arrays); \
        free(maps); \
        for (variant = 1; variant < 4; variant += 2) \
            for (arm = 0; arm < arms; arm++) { \
                type a; \
                char *whole; \
                counter = 0; \
                type##_init(&a); \
                fill_##type(&a); \
                whole = type##_to_json(ctx, &a); \
                dispose(&a); \
                for (size_t end = strlen(whole) - 2, step = end / truncations + 1; end > step; end -= step) { \
                    whole[end] = 0; \
                    REJECT(type, dispose, whole); \
                } \
                free(whole); \
            } \
    } while (0)

#define LAYOUT_TYPE(type) printf(#type " size %zu align %zu\n", sizeof(type), __alignof__(type))
#define LAYOUT_NUMBER(name) printf(#name " %d\n", (int)name)
#define LAYOUT_MEMBER(type, member) \
    printf(#type "." #member " offset %zu size %zu\n", offsetof(type, member), sizeof(((type *)0)->member))

#include "types.inc"

static void layout_handwritten(void)
{
    LAYOUT_TYPE(libxl_uuid);
    LAYOUT_TYPE(libxl_mac);
    LAYOUT_TYPE(libxl_hwcap);
    LAYOUT_TYPE(libxl_ms_vm_genid);
    LAYOUT_TYPE(libxl_defbool);
    LAYOUT_TYPE(libxl_string_list);
    LAYOUT_TYPE(libxl_key_value_list);
    LAYOUT_TYPE(libxl_cpuid_policy_list);
    LAYOUT_TYPE(libxl_bitmap);
    LAYOUT_MEMBER(libxl_bitmap, size);
    LAYOUT_MEMBER(libxl_bitmap, map);
    LAYOUT_TYPE(libxl_enum_string_table);
    LAYOUT_MEMBER(libxl_enum_string_table, v);
    LAYOUT_TYPE(libxl_ev_link);
    LAYOUT_TYPE(libxl_asyncop_how);
    LAYOUT_MEMBER(libxl_asyncop_how, u.for_event);
    LAYOUT_MEMBER(libxl_asyncop_how, u.for_callback);
    LAYOUT_TYPE(libxl_asyncprogress_how);
    LAYOUT_MEMBER(libxl_asyncprogress_how, for_event);
    LAYOUT_MEMBER(libxl_asyncprogress_how, for_callback);
    LAYOUT_TYPE(libxl_event_hooks);
    LAYOUT_MEMBER(libxl_event_hooks, event_occurs);
    LAYOUT_MEMBER(libxl_event_hooks, disaster);
    LAYOUT_TYPE(libxl_osevent_hooks);
    LAYOUT_MEMBER(libxl_osevent_hooks, fd_modify);
    LAYOUT_MEMBER(libxl_osevent_hooks, fd_deregister);
    LAYOUT_MEMBER(libxl_osevent_hooks, timeout_register);
    LAYOUT_MEMBER(libxl_osevent_hooks, timeout_modify);
    LAYOUT_MEMBER(libxl_osevent_hooks, timeout_deregister);
    LAYOUT_TYPE(libxl_childproc_hooks);
    LAYOUT_MEMBER(libxl_childproc_hooks, fork_replacement);
    LAYOUT_MEMBER(libxl_childproc_hooks, reaped_callback);
    LAYOUT_NUMBER(libxl_sigchld_owner_libxl);
    LAYOUT_NUMBER(libxl_sigchld_owner_libxl_always_selective_reap);
}

#include "helpers.inc"
#include "quirks.inc"

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    xentoollog_logger *logger = NULL;
    Dl_info library;

    if (dladdr((void *)libxl_domain_config_to_json, &library))
        fprintf(stderr, "library %s\n", library.dli_fname);
    if (!strcmp(mode, "layout")) {
        layout_all();
        layout_handwritten();
        return 0;
    }
    logger = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    if (libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, logger)) {
        fprintf(stderr, "no context\n");
        ctx = NULL;
    }
    if (argc > 2)
        truncations = atoi(argv[2]);
    if (!strcmp(mode, "values"))
        check_all();
    else if (!strcmp(mode, "reject"))
        reject_all();
    else if (!strcmp(mode, "helpers"))
        helpers();
    else if (!strcmp(mode, "quirks"))
        quirks();
    else if (!strcmp(mode, "leak"))
        leak();
    else
        return 2;
    if (tried)
        printf("%d of %d refused\n", refused, tried);
    if (ctx)
        libxl_ctx_free(ctx);
    xtl_logger_destroy(logger);
    return 0;
}
