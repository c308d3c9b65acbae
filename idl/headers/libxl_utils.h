/* SPDX-License-Identifier: LGPL-2.1-or-later */
@generated@
#ifndef LIBXL_UTILS_H
#define LIBXL_UTILS_H

#include "libxl.h"

/* The caller frees the result, which interfaces before 4.5 call const all the same. */
#ifndef LIBXL_HAVE_NONCONST_LIBXL_BASENAME_RETURN_VALUE
const
#endif
char *libxl_basename(const char *name);

@functions without libxl_basename@

static inline void libxl_bitmap_set_any(libxl_bitmap *bitmap)
{
    memset(bitmap->map, -1, bitmap->size);
}

static inline void libxl_bitmap_set_none(libxl_bitmap *bitmap)
{
    memset(bitmap->map, 0, bitmap->size);
}

static inline int libxl_bitmap_cpu_valid(libxl_bitmap *bitmap, int bit)
{
    return bit >= 0 && bit < (int)(bitmap->size * 8);
}

#define libxl_for_each_bit(var, map) for (var = 0; var < (map).size * 8; var++)
#define libxl_for_each_set_bit(v, m) \
    for (v = 0; v < (m).size * 8; v++) \
        if (libxl_bitmap_test(&(m), v))

/* Compares the first nr_bits bits, or all of the larger map where that is 0. */
static inline int libxl_bitmap_equal(const libxl_bitmap *ba, const libxl_bitmap *bb, int nr_bits)
{
    int bit;

    if (nr_bits == 0)
        nr_bits = 8 * (ba->size > bb->size ? ba->size : bb->size);
    for (bit = 0; bit < nr_bits; bit++)
        if (!libxl_bitmap_test(ba, bit) != !libxl_bitmap_test(bb, bit))
            return 0;
    return 1;
}

static inline uint32_t libxl__sizekb_to_mb(uint32_t s)
{
    return (s + 1023) / 1024;
}

#define LIBXL_FILLZERO(object) (memset(&(object), 0, sizeof((object))))

#endif
