/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The network namespace whose interfaces programs are attached to, remembered by its number (net:[4026531840]). */
#pragma once

#include <stdint.h>

#include "base/why.h"

/* That of this process. Returns 0 or a negative errno with `why`. */
int netns_own(uint64_t *ret, struct why *why);

/*
 * Opens the namespace of that number, if a process of this machine is in it or it is mounted where this process can
 * see it. Returns a descriptor to close, or -ENOENT.
 */
int netns_open(uint64_t number);
