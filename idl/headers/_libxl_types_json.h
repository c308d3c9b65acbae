/* SPDX-License-Identifier: LGPL-2.1-or-later */
@generated@
#ifndef _LIBXL_TYPES_JSON_H
#define _LIBXL_TYPES_JSON_H

@functions@

#endif
