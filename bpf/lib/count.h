/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every decision and every bail-out has a number. */
#pragma once

#include "maps.h"

static inline void count_more(enum reason reason, uint64_t number)
{
	uint32_t row = 0;
	uint64_t *counters = bpf_map_lookup_elem(&stats, &row);

	/* Atomic although per CPU: a program can be preempted by another one on its CPU. */
	if (counters)
		__sync_fetch_and_add(&counters[reason], number);
}

static inline void count(enum reason reason)
{
	count_more(reason, 1);
}
