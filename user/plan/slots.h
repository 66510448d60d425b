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
 * The list of both tables is the endpoints with a weight above zero, in their order; if all weights are zero, it
 * is all of them, each of weight 1. In both, a row's `weight` is that of its `endpoint`.
 */

/*
 * Alias table: column i is that of endpoint i of the list, so that the table is the list as well. The
 * probability of each endpoint, over columns chosen evenly and `keep` against 32 random bits, equals its share of
 * the weights to within 1 / 2^32. Equal weights give columns without alias.
 * Writes at the most `count` rows; returns how many.
 */
size_t slots_alias(const struct weighted *endpoints, size_t count, struct slot_row *ret_slots);

/*
 * Round-robin table: each endpoint of the list stands weight / gcd(weights) times, spread evenly (smooth weighted round
 * robin as nginx defines it, ngx_http_upstream_round_robin.c): none is ever a whole turn
 * ahead of its share. Where that would take more than MAX_WEIGHTED_SLOTS slots, shares are rounded by largest
 * remainder, each endpoint keeping one slot at least; a table never has fewer slots than the list has endpoints.
 * `alias` of slot i is endpoint i of the list; behind the list's end it is `endpoint`. Returns 0 and a table to free(), or -ENOMEM.
 */
int slots_round_robin(const struct weighted *endpoints, size_t count, struct slot_row **ret_slots,
		      size_t *ret_count);
