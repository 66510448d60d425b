/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Choosing, once for all hooks. */
#include "lib/balance.h"

__attribute__((noinline)) uint64_t weft_draw(uint64_t list, uint64_t size, uint64_t how, uint32_t tolerance,
					     uint64_t chance)
{
	struct pick pick = {};

	if (PACKED_SLOTS(size))
		balance_draw(list, size, how, tolerance, chance, &pick);
	return pick_pack(&pick);
}

__attribute__((noinline)) uint64_t weft_walk(uint64_t list, uint64_t size, uint64_t how)
{
	uint32_t count = PACKED_ENDPOINTS(size), found = ~0u, i, start;
	struct slot_row *slot;

	if (!count)
		return 0;
	start = pick_column(count, bpf_get_prandom_u32());
	for (i = 0; i < MAX_WALK; i++) {
		uint32_t place = (start + i) % count;
		int bits = weft_census_look(PACKED_ID(list), PACKED_GENERATION(list), place,
					    PACKED_ALGORITHM(how));

		if (bits & (CENSUS_AVAILABLE | CENSUS_EJECTED))
			found = place;
		if (bits & CENSUS_AVAILABLE)
			break;
	}
	slot = balance_slot(list, found);
	return slot ? pick_member(slot, PACKED_ALGORITHM(how)) : 0;
}

__attribute__((noinline)) uint64_t weft_balance(uint64_t list, uint64_t size, uint64_t how)
{
	struct pick pick = {};

	balance_choose(list, size, how, &pick);
	return pick_pack(&pick);
}
