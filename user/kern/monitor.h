/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading what the kernel tells while somebody listens. There is one reader at a time: a ring buffer gives each event
 * once. What the kernel may write is leased, a few seconds at a time, so that a reader that was killed costs nothing.
 */
#pragma once

#include "kern/kern.h"
#include "weft/monitor.h"

enum {
	MONITOR_LEASE_MS = 4000,
	MONITOR_RENEW_MS = 1000, /* so often at least */
};

struct monitor;

/*
 * `lost` events were not told before this one, which is valid during the call; NULL: none has come since. A negative
 * number ends monitor_read().
 */
typedef int monitor_fn(void *arg, const struct monitor_event *event, uint64_t lost);

/*
 * Events of these kinds (bits) from now on; `kern` is borrowed. Returns 0 or a negative errno with `why`; -EBUSY: another
 * process reads.
 */
int monitor_open(const struct kern *kern, uint32_t kinds, monitor_fn *call, void *arg, struct why *why,
		 struct monitor **ret);
void monitor_close(struct monitor *monitor); /* also NULL; the kernel writes nothing from then on */

/* Readable when there is much to read; belongs to `monitor`. Whoever wants to know of little reads now and then. */
int monitor_fd(const struct monitor *monitor);

/* Calls for each event there is. Returns 0, a negative errno, or what a call returned. */
int monitor_read(struct monitor *monitor);

/* To be called every MONITOR_RENEW_MS; whoever is late loses events, and is told how many. */
int monitor_renew(struct monitor *monitor, struct why *why);
