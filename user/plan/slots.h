/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Weights to slots. Pure and deterministic: the same input gives the same table. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "weft/service.h"

struct weighted {
	uint64_t endpoint;
	uint32_t weight; /* 0 to MAX_WEIGHT */
};

/*
 * Alias table: one column per endpoint with a weight above zero; if all weights are zero, they count as equal.
 * The probability of each endpoint, over columns chosen evenly and `keep` against 32 random bits, equals its
 * share of the weights to within 1 / 2^32. Equal weights give columns without alias.
 * Writes at the most `count` rows; returns how many.
 */
size_t slots_alias(const struct weighted *endpoints, size_t count, struct slot_row *ret_slots);

/*
 * Round-robin table: each endpoint stands weight / gcd(weights) times, spread evenly (smooth weighted round
 * robin as nginx defines it, ngx_http_upstream_round_robin.c): none is ever a whole turn
 * ahead of its share. Where that would take more than MAX_WEIGHTED_SLOTS slots, shares are rounded by largest
 * remainder, each non-zero weight keeping one slot at least; a table never has fewer slots than endpoints of
 * non-zero weight. All weights zero count as equal. Returns 0 and a table to free(), or -ENOMEM.
 */
int slots_round_robin(const struct weighted *endpoints, size_t count, struct slot_row **ret_slots,
		      size_t *ret_count);
