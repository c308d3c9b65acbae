/* SPDX-License-Identifier: LGPL-2.1-or-later */
@generated@
#ifndef LIBXL_EVENT_H
#define LIBXL_EVENT_H

#include <libxl.h>
#include <poll.h>
#include <sys/time.h>

#define LIBXL_EVENTMASK_ALL (~(unsigned long)0)

/* Says whether an event is wanted, by 0 for no. */
typedef int libxl_event_predicate(const libxl_event *event, void *user);

typedef struct libxl__evgen_domain_death libxl_evgen_domain_death;
typedef struct libxl__evgen_disk_eject libxl_evgen_disk_eject;

/* Programs for the oldest interface get events that they may not change. */
#ifdef LIBXL_HAVE_NONCONST_EVENT_OCCURS_EVENT_ARG
#define LIBXL__OCCURRED_EVENT libxl_event
#else
#define LIBXL__OCCURRED_EVENT const libxl_event
#endif

@handwritten libxl_event_hooks libxl_osevent_hooks libxl_sigchld_owner libxl_childproc_hooks@
@functions@

#endif
