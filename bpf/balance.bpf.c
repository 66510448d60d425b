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

__attribute__((noinline)) uint64_t weft_balance(uint64_t list, uint64_t size, uint64_t how)
{
	struct pick pick = {};

	balance_choose(list, size, how, &pick);
	return pick_pack(&pick);
}
