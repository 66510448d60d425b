/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How many endpoints of a service can be used. Counted when a decision depends on it, and kept until an endpoint
 * is ejected, returns, is drained, or the list changes.
 */
#pragma once

#include "lib/count.h"
#include "lib/eject.h"
#include "lib/pick.h"

struct census {
	uint32_t listed;
	uint32_t available; /* neither ejected nor drained */
	uint32_t drained;
};

/* Is it drained by hand? */
static inline bool is_drained(uint64_t endpoint)
{
	uint32_t zero = 0;
	struct settings_row *row = bpf_map_lookup_elem(&settings, &zero);

	return row && row->drains && bpf_map_lookup_elem(&drains, &endpoint);
}

enum census_bits {
	CENSUS_AVAILABLE = 1 << 0,
	CENSUS_DRAINED = 1 << 1,
	CENSUS_EJECTED = 1 << 2,
};

/*
 * One endpoint of a list, as enum census_bits. The two are global functions: the verifier looks at each once, not at
 * every turn of a loop and on every road that leads there.
 */
int weft_census_look(uint32_t service, uint32_t generation, uint32_t slot, uint32_t algorithm);

/* Counts anew, into the service's state. Returns zero; without such a state it does nothing. */
int weft_census_count(uint32_t service, uint32_t generation, uint32_t count, uint32_t algorithm);

static inline uint64_t census_epoch(void)
{
	uint32_t zero = 0;
	struct settings_row *by_hand = bpf_map_lookup_elem(&settings, &zero);
	struct health_row *row = bpf_map_lookup_elem(&health, &zero);

	return (row ? row->epoch : 0) + (by_hand ? by_hand->drain_epoch : 0);
}

/* Something that was counted has changed. */
static inline void census_outdate(void)
{
	uint32_t zero = 0;
	struct health_row *row = bpf_map_lookup_elem(&health, &zero);

	if (row)
		__sync_fetch_and_add(&row->epoch, 1);
}

/* False: nothing is known of this list. */
static inline bool census_read(uint32_t service, uint32_t generation, struct census *ret)
{
	struct service_state *state = bpf_map_lookup_elem(&service_state, &service);
	uint64_t epoch = census_epoch();
	bool known;

	if (!state)
		return false;
	bpf_spin_lock(&state->lock);
	known = state->counted_generation == generation && state->counted_epoch == epoch;
	ret->listed = state->listed;
	ret->available = state->available;
	ret->drained = state->drained;
	bpf_spin_unlock(&state->lock);
	return known;
}

/* `listed` endpoints are in the list. Where nothing can be known, all of them count as available. */
static inline void census_take(uint32_t service, uint32_t generation, uint32_t listed, uint32_t algorithm,
			       struct census *ret)
{
	if (census_read(service, generation, ret))
		return;
	weft_census_count(service, generation, listed, algorithm);
	if (census_read(service, generation, ret))
		return;
	ret->listed = listed;
	ret->available = listed;
	ret->drained = 0;
}
