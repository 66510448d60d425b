/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What differs between two readings of the rows. Pure. */
#pragma once

#include "watch/happening.h"
#include "watch/list.h"

/* `h` and what it points to are valid during the call. */
typedef void changes_fn(void *arg, const struct happening *h);

/* Calls for each change: services first, then endpoints, each in the order of the lists. */
void changes_find(const struct listing *before, const struct listing *now, uint64_t time_ms, changes_fn *call,
		  void *arg);
