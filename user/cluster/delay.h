/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How long to wait before the next try. Pure. */
#pragma once

#include <stdint.h>

enum {
	DELAY_FIRST_MS = 250,
	DELAY_MOST_MS = 30000,
	/* Whatever a server asks for. */
	DELAY_ASKED_MOST_MS = 120000,
};

/*
 * Exponential back-off with jitter: after the n-th failure in a row (from 1) the first delay times 2^(n - 1), at the
 * most DELAY_MOST_MS, of which between a half and all is waited, so that many that failed together do not come back
 * together. `asked_ms`, from a Retry-After, is waited at least; zero: none. `random` is any number.
 */
uint64_t delay_ms(unsigned failures, uint64_t asked_ms, uint32_t random);
