/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <criterion/criterion.h>

#include "cluster/delay.h"

Test(delay, doubles_up_to_its_most_with_a_half_of_jitter)
{
	uint64_t whole = DELAY_FIRST_MS;

	for (unsigned failures = 1; failures < 100; failures++) {
		uint64_t least = UINT64_MAX, most = 0;

		for (uint32_t random = 0; random < 40000; random++) {
			uint64_t delay = delay_ms(failures, 0, random);

			least = delay < least ? delay : least;
			most = delay > most ? delay : most;
		}
		cr_assert_eq(least, whole / 2, "after %u failures", failures);
		cr_assert_leq(most, whole);
		cr_assert_geq(most, whole - whole / 100);
		whole = whole * 2 < DELAY_MOST_MS ? whole * 2 : DELAY_MOST_MS;
	}
}

Test(delay, waits_as_long_as_it_is_asked_to)
{
	cr_assert_eq(delay_ms(1, 5000, 0), 5000);
	cr_assert_geq(delay_ms(1, 5000, 12345), 5000);
	cr_assert_leq(delay_ms(1, 5000, 12345), 5000 + DELAY_FIRST_MS);
	/* What it would have waited anyway may be longer. */
	cr_assert_geq(delay_ms(20, 1000, 0), DELAY_MOST_MS / 2);
	/* Nobody is obeyed for ever. */
	cr_assert_leq(delay_ms(1, UINT64_MAX, 250), DELAY_ASKED_MOST_MS + DELAY_FIRST_MS);
}
