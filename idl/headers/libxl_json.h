/* SPDX-License-Identifier: LGPL-2.1-or-later */
@generated@
#ifndef LIBXL_JSON_H
#define LIBXL_JSON_H

#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>
#include <yajl/yajl_version.h>

@functions@

#include <_libxl_types_json.h>

#define HAVE_YAJL_V2 1
typedef size_t libxl_yajl_length;

/* A generator set up as the library sets up its own. */
static inline yajl_gen libxl_yajl_gen_alloc(const yajl_alloc_funcs *allocFuncs)
{
    yajl_gen hand = yajl_gen_alloc(allocFuncs);

    if (hand)
        yajl_gen_config(hand, yajl_gen_beautify, 1);
    return hand;
}

static inline yajl_handle libxl__yajl_alloc(
    const yajl_callbacks *callbacks, yajl_alloc_funcs *allocFuncs, void *ctx)
{
    yajl_handle hand = yajl_alloc(callbacks, allocFuncs, ctx);

    if (hand)
        yajl_config(hand, yajl_allow_trailing_garbage, 1);
    return hand;
}

#endif
