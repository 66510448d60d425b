/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How long to wait before the next try. */
#include "cluster/delay.h"

uint64_t delay_ms(unsigned failures, uint64_t asked_ms, uint32_t random)
{
	uint64_t whole = DELAY_FIRST_MS, half, delay;

	for (unsigned i = 1; i < failures && whole < DELAY_MOST_MS; i++)
		whole *= 2;
	if (whole > DELAY_MOST_MS)
		whole = DELAY_MOST_MS;
	half = whole / 2;
	delay = half + random % (half + 1);
	if (asked_ms > DELAY_ASKED_MOST_MS)
		asked_ms = DELAY_ASKED_MOST_MS;
	/* Those that were asked to wait are many as well. */
	return asked_ms > delay ? asked_ms + random % (DELAY_FIRST_MS + 1) : delay;
}
