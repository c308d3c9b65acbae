/* Adds a directory that xen-9pfsd serves to a running domain: `share DOMID PATH`. Says what the library filled in. */
#include "check.h"

int main(int argc, char **argv)
{
#ifdef LIBXL_HAVE_XEN_9PFS
    logger = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_WARN, 0);
    CHECK(logger && argc == 3);
    libxl_ctx *ctx = new_ctx();
    libxl_device_p9 p9;
    libxl_device_p9_init(&p9);
    p9.type = LIBXL_P9_TYPE_XEN_9PFSD;
    p9.path = strdup(argv[2]);
    p9.security_model = strdup("none");
    p9.max_files = 7;
    int rc = libxl_device_9pfs_add(ctx, atoi(argv[1]), &p9, NULL);
    char *json = libxl_device_p9_to_json(ctx, &p9);
    printf("result %d\n%s", rc, json);
    free(json);
    libxl_device_p9_dispose(&p9);
    libxl_ctx_free(ctx);
    xtl_logger_destroy(logger);
    return rc != 0;
#else
    (void)argv;
    fprintf(stderr, "this release has no libxl_device_9pfs_add (%d)\n", argc);
    return 1;
#endif
}
