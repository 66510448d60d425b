/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a connection is to do, out of its seed: both ends come to the same. */
#include <string.h>

#include "stress.h"

/* Each power of two is as likely as any other. */
static uint32_t message_size(struct random *random, uint32_t flags)
{
	uint32_t powers = 17;

	if (flags & PLAN_BIG)
		powers = 22;
	else if (flags & PLAN_LONG)
		powers = 13;
	return 1 + random_below(random, 1u << random_below(random, powers));
}

void plan_make(uint64_t seed, uint32_t flags, struct plan *ret)
{
	struct random random = { .state = seed };

	memset(ret, 0, sizeof(*ret));
	ret->turns = flags & PLAN_TURNS || !random_one_in(&random, 5);
	ret->ending = (enum ending)random_below(&random, ENDINGS);
	for (int side = 0; side < SIDES; side++) {
		ret->count[side] = flags & PLAN_LONG ? MESSAGES_MOST : 1 + random_below(&random, 10);
		if (ret->turns)
			ret->count[side] = ret->count[SIDE_CLIENT];
	}
	ret->total[SIDE_CLIENT] = sizeof(struct head);
	for (int side = 0; side < SIDES; side++) {
		for (uint32_t i = 0; i < ret->count[side]; i++) {
			ret->total[side] += message_size(&random, flags);
			ret->ends[side][i] = ret->total[side];
		}
	}
}

void manner_make(struct random *random, uint32_t flags, struct manner *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->edge = random_one_in(random, 2);
	ret->peek = random_one_in(random, 4);
	ret->read_most = random_one_in(random, 2) ? READ_MOST : 1 + random_below(random, 65536);
	ret->pieces = random_one_in(random, 4) ? 2 + random_below(random, 7) : 1;
	if (random_one_in(random, 8)) {
		ret->read_most = 1 + random_below(random, 2000);
		ret->pause_us = 1 + random_below(random, 1500);
	}
	if (random_one_in(random, 8))
		ret->delay_us = 1 + random_below(random, 2000);
	if (flags & PLAN_SMALL || random_one_in(random, 16)) {
		ret->receive_buffer = 4096 << random_below(random, 4);
		ret->send_buffer = 4096 << random_below(random, 4);
	}
}
