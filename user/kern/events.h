/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ring buffer of the programs: what they tell, in the order in which it happened. */
#pragma once

#include "base/why.h"
#include "weft/state.h"

struct events;

/* `event` is valid during the call. */
typedef void events_fn(void *arg, const struct event *event);

/* Reads from now on, and what was told before and read by nobody. Returns 0 or a negative errno with `why`. */
int events_open(const char *bpffs, events_fn *call, void *arg, struct why *why, struct events **ret);
void events_close(struct events *events); /* also NULL */

/* Readable when there is something to read; belongs to `events`. */
int events_fd(const struct events *events);

/* Calls for each event there is. Returns 0 or a negative errno. */
int events_read(struct events *events);
