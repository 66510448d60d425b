/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Random numbers and cursors to endpoints: arithmetic alone, the same natively and in the kernel. */
#pragma once

#include "lib/decay.h"
#include "weft/service.h"
#include "weft/state.h"

enum {
	/* With a tenth of the endpoints out, one pick in 100,000 needs more. */
	MAX_DRAWS = 5,
	/* Then the list is walked for so long. */
	MAX_WALK = 128,
};

/* A column of the table, each as likely as the next; `random` is 32 even bits, count not zero. */
static inline uint32_t pick_column(uint32_t count, uint32_t random)
{
	return (uint64_t)random * count >> 32;
}

/* Which of the two endpoints of an alias column. */
static inline uint64_t pick_alias(const struct slot_row *slot, uint32_t random)
{
	return random < slot->keep ? slot->endpoint : slot->alias;
}

/* Another column than `column`, each as likely as the next; count is two at least. */
static inline uint32_t pick_other(uint32_t column, uint32_t count, uint32_t random)
{
	uint32_t other = pick_column(count - 1, random);

	return other + (other >= column);
}

/* Endpoint of a slot as the list of the service's endpoints has it (struct slot_row). */
static inline uint64_t pick_member(const struct slot_row *slot, enum algorithm algorithm)
{
	return algorithm == ALGORITHM_ROUND_ROBIN ? slot->alias : slot->endpoint;
}

/* What the algorithms of two choices weigh. */
struct candidate {
	uint64_t endpoint;
	uint64_t connect_ns;  /* zero: not known */
	uint64_t response_ns; /* forgiven by decay; zero: not known */
	uint32_t live;
	uint32_t weight;
};

enum {
	MAX_LIVE = 1 << 16,
	/* Times are compared in units of 64 ns, up to 137 s, so that products stay in 64 bits. */
	TIME_SHIFT = 6,
};
#define MAX_TIME (1ull << 31)

/* The power of two choices (M. Mitzenmacher, IEEE TPDS 12(10), 2001), over live connections / weight. */
static inline bool pick_less_loaded(const struct candidate *a, const struct candidate *b)
{
	return (uint64_t)a->live * b->weight < (uint64_t)b->live * a->weight;
}

static inline uint64_t pick_cost(uint64_t time_ns, uint64_t live)
{
	uint64_t time = time_ns >> TIME_SHIFT;

	if (time > MAX_TIME)
		time = MAX_TIME;
	if (live >= MAX_LIVE)
		live = MAX_LIVE - 1;
	return (time + 1) * (live + 1);
}

/*
 * Two choices over time x (live + 1) / weight. Where one of the two has answered nothing yet, both are compared by
 * what connecting takes, and without that by load alone: a new endpoint is neither flooded nor shunned.
 */
static inline bool pick_cheaper(const struct candidate *a, const struct candidate *b)
{
	uint64_t a_ns = 0, b_ns = 0;

	if (a->response_ns && b->response_ns) {
		a_ns = a->response_ns;
		b_ns = b->response_ns;
	} else if (a->connect_ns && b->connect_ns) {
		a_ns = a->connect_ns;
		b_ns = b->connect_ns;
	}
	return pick_cost(a_ns, a->live) * b->weight < pick_cost(b_ns, b->live) * a->weight;
}

/*
 * The response time as a choice sees it: an endpoint that has been left alone is forgiven. Being chosen ends that at
 * once, so that one connection at a time finds out.
 */
static inline uint64_t pick_forgiven(const struct response_state *state, uint64_t now_ns, uint32_t decay_ms)
{
	uint64_t touched_ns = state->sampled_ns > state->chosen_ns ? state->sampled_ns : state->chosen_ns;
	uint64_t forgiven;

	if (!state->response_ns)
		return 0;
	if (now_ns <= touched_ns)
		return state->response_ns;
	forgiven = decay(state->response_ns, now_ns - touched_ns, decay_ms);
	return forgiven ? forgiven : 1;
}
