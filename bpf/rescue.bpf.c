/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where else a connect can go, and what is thought of the endpoint that failed it. */
#include "lib/connection.h"
#include "lib/rescue.h"

__attribute__((noinline)) int weft_tried(uint64_t endpoint)
{
	struct scratch *w = scratch_get();
	struct endpoint_row *row;
	uint32_t i;

	if (!w)
		return true;
	for (i = 0; i < MAX_TRIES; i++) {
		if (i < w->tries && w->tried[i] == endpoint)
			return true;
	}
	row = bpf_map_lookup_elem(&endpoints, &endpoint);
	/* What comes to a pod from the node with the pod's own address is not believed. */
	return row && addr_equal(&row->address, &w->key.local);
}

/* One place of the list, as an endpoint and its enum census_bits; zero: it was tried, or there is none. */
__attribute__((noinline)) uint64_t weft_untried(uint64_t list, uint32_t place, uint32_t algorithm)
{
	struct slot_row *slot = balance_slot(list, place);
	uint64_t endpoint = slot ? pick_member(slot, algorithm) : 0;

	if (!endpoint || weft_tried(endpoint))
		return 0;
	return endpoint |
	       (uint64_t)weft_census_look(PACKED_ID(list), PACKED_GENERATION(list), place, algorithm)
		       << PACK_ENDPOINT_BITS;
}

/* One from the list, when the draw gave none: rather one that is in use than one that is out. */
static inline uint64_t walk_untried(uint64_t list, uint64_t size, uint64_t how)
{
	uint32_t count = PACKED_ENDPOINTS(size), i, start;
	uint64_t found = 0, untried;

	if (!count)
		return 0;
	start = pick_column(count, bpf_get_prandom_u32());
	for (i = 0; i < MAX_WALK; i++) {
		if (i >= count)
			break;
		untried = weft_untried(list, (start + i) % count, PACKED_ALGORITHM(how));
		if (untried)
			found = untried;
		if (untried >> PACK_ENDPOINT_BITS & CENSUS_AVAILABLE)
			break;
	}
	return found & ((1ull << PACK_ENDPOINT_BITS) - 1);
}

__attribute__((noinline)) uint64_t weft_other(uint64_t list, uint64_t size, uint64_t how)
{
	struct pick pick = {};
	uint32_t i;

#pragma clang loop unroll(disable)
	for (i = 0; i < MAX_DRAWS; i++) {
		pick_unpack(weft_balance(list, size, how), &pick);
		if (pick.endpoint && !weft_tried(pick.endpoint))
			return pick_pack(&pick);
	}
	pick.endpoint = walk_untried(list, size, how);
	pick.fitness = FIT;
	pick.met = 0;
	return pick_pack(&pick);
}

__attribute__((noinline)) int weft_blame(uint64_t endpoint, uint32_t service, uint32_t failure,
					 uint32_t probe)
{
	struct endpoint_state *state = bpf_map_lookup_elem(&endpoint_state, &endpoint);
	struct scratch *w = scratch_get();
	struct service_row row = {};

	if (!state || !w)
		return 0;
	failure_note(state, failure);
	if (service_find_knobs(&w->dialled, &row) && row.id == service)
		health_failed(endpoint, probe, state, &row, failure);
	return 0;
}
