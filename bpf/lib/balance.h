/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An endpoint for a connection: drawn by the service's algorithm, passed over if it is ejected or drained. */
#pragma once

#include "lib/health.h"
#include "lib/pick.h"

enum {
	/* With a tenth of the endpoints out, one pick in 100,000 needs more. */
	MAX_DRAWS = 5,
	/* Then the list is walked for so long. */
	MAX_WALK = 16,
};

/* Who may have a connection although nobody should, as the service has too little else. */
enum tolerance {
	TOLERATE_EJECTED = 1u << 0,
	TOLERATE_DRAINED = 1u << 1,
};

struct pick {
	uint64_t endpoint; /* zero: the slots of this generation are gone */
	enum fitness fitness;
	uint32_t met; /* in the draw, and passed over: enum tolerance */
};

static inline struct slot_row *balance_slot(const struct service_view *service, uint32_t slot)
{
	struct slot_key key = {
		.service = service->id,
		.generation = service->generation,
		.slot = slot,
	};

	return bpf_map_lookup_elem(&slots, &key);
}

static inline struct endpoint_state *balance_state(uint64_t endpoint)
{
	return bpf_map_lookup_elem(&endpoint_state, &endpoint);
}

static inline uint32_t balance_tolerance(const struct service_view *service)
{
	struct census census = {};

	census_take(service->id, service->generation, service->endpoint_count, service->algorithm, &census);
	if (census.listed == census.drained)
		return TOLERATE_DRAINED;
	if (eject_is_panic(census.listed - census.drained, census.available, service->panic_percent))
		return TOLERATE_EJECTED;
	return 0;
}

/* May this connection have the endpoint? If not, `met` notes it. */
static inline enum fitness balance_fitness(uint64_t endpoint, uint32_t tolerance, uint32_t *met)
{
	enum fitness fitness = weft_fitness(endpoint);

	if (fitness == UNFIT_EJECTED && tolerance & TOLERATE_EJECTED)
		return FIT_PANIC;
	if (fitness == UNFIT_DRAINED && tolerance & TOLERATE_DRAINED)
		return FIT_LAST;
	if (fitness == UNFIT_EJECTED)
		*met |= TOLERATE_EJECTED;
	if (fitness == UNFIT_DRAINED)
		*met |= TOLERATE_DRAINED;
	return fitness;
}

static inline uint32_t balance_turn(const struct service_view *service)
{
	struct service_state *state = bpf_map_lookup_elem(&service_state, &service->id);
	uint32_t cursor;

	if (!state) {
		count(REASON_CURSOR_MISSING);
		return pick_column(service->slot_count, bpf_get_prandom_u32());
	}
	bpf_spin_lock(&state->lock);
	cursor = state->cursor++;
	bpf_spin_unlock(&state->lock);
	return cursor % service->slot_count;
}

/* random and round_robin */
static inline void balance_draw_one(const struct service_view *service, uint32_t tolerance, struct pick *ret)
{
	uint32_t column = service->algorithm == ALGORITHM_ROUND_ROBIN
				  ? balance_turn(service)
				  : pick_column(service->slot_count, bpf_get_prandom_u32());
	struct slot_row *slot = balance_slot(service, column);

	if (!slot)
		return;
	/* With equal weights a slot is wholly one endpoint's: no second number is drawn. */
	if (slot->endpoint == slot->alias || service->algorithm == ALGORITHM_ROUND_ROBIN)
		ret->endpoint = slot->endpoint;
	else
		ret->endpoint = pick_alias(slot, bpf_get_prandom_u32());
	ret->fitness = balance_fitness(ret->endpoint, tolerance, &ret->met);
}

/* The two endpoints of a draw. For least_conn the first is drawn by weight, so that shares are right at rest. */
static inline bool balance_draw_pair(const struct service_view *service, struct candidate *first,
				     struct candidate *second)
{
	uint32_t column = pick_column(service->slot_count, bpf_get_prandom_u32());
	uint32_t other = pick_other(column, service->slot_count, bpf_get_prandom_u32());
	struct slot_row *slot = balance_slot(service, column);
	struct slot_row *other_slot = balance_slot(service, other);
	struct member_key key = { .service = service->id };
	struct member_row *member;

	if (!slot || !other_slot)
		return false;
	first->endpoint = slot->endpoint;
	first->weight = slot->weight;
	second->endpoint = other_slot->endpoint;
	second->weight = other_slot->weight;
	if (service->algorithm != ALGORITHM_LEAST_CONN || slot->endpoint == slot->alias)
		return true;
	key.endpoint = pick_alias(slot, bpf_get_prandom_u32());
	if (key.endpoint == slot->endpoint)
		return true;
	if (key.endpoint == second->endpoint) {
		second->endpoint = first->endpoint;
		second->weight = first->weight;
	}
	member = bpf_map_lookup_elem(&members, &key);
	first->endpoint = key.endpoint;
	first->weight = member && member->weight ? member->weight : 1;
	return true;
}

static inline struct response_state *balance_response(const struct service_view *service, uint64_t endpoint)
{
	struct member_key key = { .endpoint = endpoint, .service = service->id };

	return bpf_map_lookup_elem(&response_state, &key);
}

static inline void balance_weigh(const struct service_view *service, uint64_t now_ns,
				 struct candidate *candidate)
{
	struct endpoint_state *state = balance_state(candidate->endpoint);
	struct response_state *response;

	candidate->live = state ? state->live : 0;
	candidate->connect_ns = state ? state->connect_ns : 0;
	candidate->response_ns = 0;
	if (service->algorithm == ALGORITHM_EWMA) {
		response = balance_response(service, candidate->endpoint);
		if (response)
			candidate->response_ns = pick_forgiven(response, now_ns, service->decay_ms);
	}
}

/* least_conn and ewma */
static inline void balance_draw_two(const struct service_view *service, uint32_t tolerance, struct pick *ret)
{
	uint64_t now_ns = service->algorithm == ALGORITHM_EWMA ? bpf_ktime_get_ns() : 0;
	struct candidate first = {}, second = {};
	enum fitness fitness;
	bool better;

	if (!balance_draw_pair(service, &first, &second))
		return;
	ret->endpoint = first.endpoint;
	ret->fitness = balance_fitness(first.endpoint, tolerance, &ret->met);
	if (ret->fitness == FIT_PROBE)
		return;
	fitness = balance_fitness(second.endpoint, tolerance, &ret->met);
	if (!is_fit(fitness))
		return;
	balance_weigh(service, now_ns, &first);
	balance_weigh(service, now_ns, &second);
	if (service->algorithm == ALGORITHM_EWMA)
		better = pick_cheaper(&second, &first);
	else
		better = pick_less_loaded(&second, &first);
	if (fitness == FIT_PROBE || better || !is_fit(ret->fitness)) {
		ret->endpoint = second.endpoint;
		ret->fitness = fitness;
	}
}

/*
 * Not inlined: the compiler lays out a large loop so that it falls into its own head from above, which older
 * verifiers (6.1) refuse.
 */
static __attribute__((noinline)) void balance_draw(const struct service_view *service, uint32_t tolerance,
						   struct pick *ret)
{
	bool two = service->algorithm == ALGORITHM_LEAST_CONN || service->algorithm == ALGORITHM_EWMA;

	if (two && service->slot_count > 1)
		balance_draw_two(service, tolerance, ret);
	else
		balance_draw_one(service, tolerance, ret);
}

/*
 * The next endpoint of the list that can be used, from a place chosen by chance; failing that, one that is at least
 * not drained.
 */
static inline void balance_walk(const struct service_view *service, struct pick *pick)
{
	uint32_t start = pick_column(service->endpoint_count, bpf_get_prandom_u32());
	uint32_t found = ~0u;
	struct slot_row *slot;
	uint32_t i;

	for (i = 0; i < MAX_WALK; i++) {
		uint32_t place = (start + i) % service->endpoint_count;
		int bits = weft_census_look(service->id, service->generation, place, service->algorithm);

		if (bits & CENSUS_AVAILABLE) {
			found = place;
			break;
		}
		if (bits & CENSUS_EJECTED)
			found = place;
	}
	slot = balance_slot(service, found);
	if (slot) {
		pick->endpoint = pick_member(slot, service->algorithm);
		pick->fitness = FIT;
	}
}

/*
 * Chooses; slot_count is not zero. What is drawn last is taken, whatever it is: an endpoint that may be dead is
 * better than none.
 */
static inline void balance_choose(const struct service_view *service, struct pick *ret)
{
	struct response_state *response;
	uint32_t i, tolerance = 0;
	bool counted = false;

#pragma clang loop unroll(disable)
	for (i = 0; i < MAX_DRAWS; i++) {
		ret->met = 0;
		balance_draw(service, tolerance, ret);
		if (!ret->endpoint)
			break;
		if (ret->met && !counted) {
			counted = true;
			tolerance = balance_tolerance(service);
			if (tolerance)
				continue;
		}
		if (ret->met & TOLERATE_EJECTED)
			count(REASON_EJECTED_AVOIDED);
		if (ret->met & TOLERATE_DRAINED)
			count(REASON_DRAINED_AVOIDED);
		if (is_fit(ret->fitness))
			break;
	}
	if (i == MAX_DRAWS && service->endpoint_count)
		balance_walk(service, ret);
	if (ret->fitness == FIT_PROBE)
		count(REASON_PROBED);
	else if (ret->fitness == FIT_PANIC)
		count(REASON_PANIC);
	else if (ret->fitness == FIT_LAST)
		count(REASON_DRAINED_USED);
	if (service->algorithm == ALGORITHM_EWMA) {
		response = balance_response(service, ret->endpoint);
		if (response)
			response->chosen_ns = bpf_ktime_get_ns();
	}
}

/*
 * The choice behind a global function, which the verifier looks at once, not on each road that leads to it. Only
 * numbers can go in and out: two fields of the row in each, and the endpoint with a bit for a probe.
 */
uint64_t weft_balance(uint64_t list, uint64_t size, uint64_t how);

#define PICK_PROBE (1ull << 63)

static inline void balance(const struct service_view *service, struct pick *ret)
{
	uint64_t chosen = weft_balance(service->id | (uint64_t)service->generation << 32,
				       service->slot_count | (uint64_t)service->endpoint_count << 32,
				       service->decay_ms | (uint64_t)service->algorithm << 32 |
					       (uint64_t)service->panic_percent << 40);

	ret->endpoint = chosen & ~PICK_PROBE;
	ret->fitness = chosen & PICK_PROBE ? FIT_PROBE : FIT;
}
