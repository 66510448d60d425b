/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Choosing, once for all hooks. */
#include "lib/balance.h"

__attribute__((noinline)) uint64_t weft_balance(uint64_t list, uint64_t size, uint64_t how)
{
	struct service_view service = {
		.id = (uint32_t)list,
		.generation = list >> 32,
		.slot_count = (uint32_t)size,
		.endpoint_count = size >> 32,
		.decay_ms = (uint32_t)how,
		.algorithm = how >> 32 & 0xff,
		.panic_percent = how >> 40 & 0xff,
	};
	struct pick pick = {};

	if (!service.slot_count)
		return 0;
	balance_choose(&service, &pick);
	return pick.endpoint | (pick.fitness == FIT_PROBE ? PICK_PROBE : 0);
}
