/* What the C test programs share: checks that end the program with their line, contexts, configurations from files. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxl.h>
#include <xentoollog.h>

static xentoollog_logger *logger;

#define CHECK(cond) \
    do { if (!(cond)) { fprintf(stderr, "FAILED: line %d: %s\n", __LINE__, #cond); exit(1); } } while (0)
#define SAME(got, want) \
    do { long g_ = (long)(got), w_ = (long)(want); \
         if (g_ != w_) { fprintf(stderr, "FAILED: line %d: %s is %ld, not %ld\n", __LINE__, #got, g_, w_); exit(1); } } while (0)

static inline libxl_ctx *new_ctx(void)
{
    libxl_ctx *ctx = NULL;
    SAME(libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, logger), 0);
    CHECK(ctx);
    return ctx;
}

/* The JSON in a file, behind what xl said before it. */
static inline char *file_text(const char *name)
{
    static char text[1 << 16];
    FILE *file = fopen(name, "r");
    CHECK(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    CHECK(length > 0);
    text[length] = 0;
    fclose(file);
    return strchr(text, '{');
}

/* The configuration in a file, with a UUID of its own. */
static inline void read_config(libxl_ctx *ctx, libxl_domain_config *config, const char *name)
{
    libxl_domain_config_init(config);
    SAME(libxl_domain_config_from_json(ctx, config, file_text(name)), 0);
    libxl_uuid_generate(&config->c_info.uuid);
}

#endif
