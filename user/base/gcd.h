/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Greatest common divisor, by Euclid. Of zero and x it is x. */
#pragma once

#include <stdint.h>

static inline uint64_t gcd(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}
