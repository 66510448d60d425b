/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Network namespaces, known by their numbers (net:[4026531840]). */
#pragma once

#include <stdint.h>

#include "base/why.h"

/* That of this process. Returns 0 or a negative errno with `why`. */
int netns_own(uint64_t *ret, struct why *why);

/*
 * Calls for the namespace of each process of this machine and of each mount that this process can see, so for most more
 * than once; `process` is zero for a mount. The descriptor is closed after the call. Stops when a call returns other
 * than 0, and returns that.
 */
typedef int netns_fn(void *arg, int netns, uint64_t number, long process);
int netns_each(netns_fn *call, void *arg);

/* Opens the namespace of that number, if netns_each() finds it. Returns a descriptor to close, or -ENOENT. */
int netns_open(uint64_t number);

/* Calls with this thread in the namespace, and comes back. Returns what the call does, or a negative errno. */
typedef int netns_inside_fn(void *arg);
int netns_visit(int netns, netns_inside_fn *call, void *arg, struct why *why);
