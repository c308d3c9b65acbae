/* A program as users write them: defaults, the JSON of a configuration and back, an enum, a list; and which library it ran on. */
#include <libxl.h>
#include <libxl_event.h>
#include <libxl_utils.h>
#include <libxl_uuid.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what)
{
    fprintf(stderr, "failed: %s\n", what);
    return 1;
}

int main(void)
{
    libxl_domain_config config;
    libxl_domain_config_init(&config);
    if (config.b_info.max_memkb != LIBXL_MEMKB_DEFAULT)
        return fail("libxl_domain_config_init");
    libxl_domain_build_info_init_type(&config.b_info, LIBXL_DOMAIN_TYPE_HVM);
    config.c_info.type = LIBXL_DOMAIN_TYPE_HVM;
    config.c_info.name = strdup("guest");
    libxl_defbool_set(&config.b_info.device_model_stubdomain, true);
    config.b_info.u.hvm.bios = LIBXL_BIOS_TYPE_SEABIOS;

    libxl_bios_type bios;
    if (libxl_bios_type_from_string("ovmf", &bios) || bios != LIBXL_BIOS_TYPE_OVMF)
        return fail("libxl_bios_type_from_string");

    libxl_uuid uuid;
    if (libxl_uuid_from_string(&uuid, "00112233-4455-6677-8899-aabbccddeeff"))
        return fail("libxl_uuid_from_string");
    libxl_uuid_copy(NULL, &config.c_info.uuid, &uuid);

    libxl_ctx *ctx = NULL;
    libxl_domain_config copy;
    libxl_domain_config_init(&copy);
    libxl_domain_config_copy(ctx, &copy, &config);
    if (strcmp(copy.c_info.name, "guest") || copy.b_info.u.hvm.bios != LIBXL_BIOS_TYPE_SEABIOS)
        return fail("libxl_domain_config_copy");
    libxl_domain_config_dispose(&copy);
    libxl_domain_config_dispose(&config);

    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096];
    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, "libxenlight"))
            fputs(line, stdout);
    if (maps)
        fclose(maps);
    return 0;
}
