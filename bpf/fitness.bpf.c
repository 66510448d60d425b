/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who can have a connection. */
#include "lib/health.h"

__attribute__((noinline)) int weft_fitness(uint64_t endpoint)
{
	struct endpoint_state *state;
	enum fitness fitness;
	uint64_t now_ns;

	if (is_drained(endpoint))
		return UNFIT_DRAINED;
	state = bpf_map_lookup_elem(&endpoint_state, &endpoint);
	if (!state) {
		count(REASON_STATE_MISSING);
		return FIT;
	}
	if (!state->ejected_until_ns)
		return FIT;
	now_ns = bpf_ktime_get_ns();
	bpf_spin_lock(&state->lock);
	fitness = eject_fitness(state, now_ns);
	bpf_spin_unlock(&state->lock);
	return fitness;
}

__attribute__((noinline)) int weft_census_look(uint32_t service, uint32_t generation, uint32_t slot,
					       uint32_t algorithm)
{
	struct slot_key key = { .service = service, .generation = generation, .slot = slot };
	struct slot_row *row = bpf_map_lookup_elem(&slots, &key);
	struct endpoint_state *state;
	uint64_t endpoint;

	if (!row)
		return 0;
	endpoint = pick_member(row, algorithm);
	if (is_drained(endpoint))
		return CENSUS_DRAINED;
	state = bpf_map_lookup_elem(&endpoint_state, &endpoint);
	return state && state->ejected_until_ns ? CENSUS_EJECTED : CENSUS_AVAILABLE;
}

__attribute__((noinline)) int weft_census_count(uint32_t service, uint32_t generation, uint32_t count,
						uint32_t algorithm)
{
	struct service_state *state = bpf_map_lookup_elem(&service_state, &service);
	uint64_t epoch = census_epoch();
	uint32_t i, bits, start, available = 0, drained = 0;

	if (!state || !count)
		return 0;
	/* Of a long list a part, another one each time: what is out beyond it must not be overlooked for ever. */
	start = count > MAX_COUNTED ? pick_column(count, bpf_get_prandom_u32()) : 0;
	for (i = 0; i < MAX_COUNTED; i++) {
		if (i >= count)
			break;
		bits = weft_census_look(service, generation, (start + i) % count, algorithm);
		available += bits & CENSUS_AVAILABLE;
		drained += (bits & CENSUS_DRAINED) >> 1;
	}
	bpf_spin_lock(&state->lock);
	state->counted_generation = generation;
	state->counted_epoch = epoch;
	state->listed = i;
	state->available = available;
	state->drained = drained;
	bpf_spin_unlock(&state->lock);
	return 0;
}
