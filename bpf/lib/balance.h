/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An endpoint for a connection: drawn by the service's algorithm, passed over if it is ejected or drained. */
#pragma once

#include "lib/health.h"
#include "lib/pick.h"

/*
 * Global functions: the verifier looks at each once, not on every road and at every turn that leads there. Only
 * numbers go in and out of them, so a view is packed into three and a pick into one.
 */
uint64_t weft_balance(uint64_t list, uint64_t size, uint64_t how);
uint64_t weft_draw(uint64_t list, uint64_t size, uint64_t how, uint32_t tolerance, uint64_t chance);

/*
 * The next endpoint of the list that can be used, from a place chosen by chance; failing that, one that is at least
 * not drained. Zero if there is none.
 */
uint64_t weft_walk(uint64_t list, uint64_t size, uint64_t how);

/* list: id and generation; size: slot_count and endpoint_count; how: decay_ms, algorithm and panic_percent */
#define PACKED_ID(list) ((uint32_t)(list))
#define PACKED_GENERATION(list) ((uint32_t)((list) >> 32))
#define PACKED_SLOTS(size) ((uint32_t)(size))
#define PACKED_ENDPOINTS(size) ((uint32_t)((size) >> 32))
#define PACKED_DECAY(how) ((uint32_t)(how))
#define PACKED_ALGORITHM(how) ((uint32_t)((how) >> 32 & 0xff))
#define PACKED_PANIC(how) ((uint32_t)((how) >> 40 & 0xff))

enum {
	PACK_ENDPOINT_BITS = 48,
	PACK_FITNESS_BITS = 8,
};

struct pick {
	uint64_t endpoint; /* zero: the slots of this generation are gone */
	enum fitness fitness;
	uint32_t met; /* in the draw, and passed over: enum tolerance */
};

static inline struct slot_row *balance_slot(uint64_t list, uint32_t slot)
{
	struct slot_key key = {
		.service = PACKED_ID(list),
		.generation = PACKED_GENERATION(list),
		.slot = slot,
	};

	return bpf_map_lookup_elem(&slots, &key);
}

static inline struct endpoint_state *balance_state(uint64_t endpoint)
{
	return bpf_map_lookup_elem(&endpoint_state, &endpoint);
}

/* May this connection have the endpoint? If not, `met` notes it. */
static inline enum fitness balance_fitness(uint64_t endpoint, uint32_t tolerance, uint32_t *met)
{
	enum fitness fitness = eject_tolerate(weft_fitness(endpoint), tolerance);

	if (fitness == UNFIT_EJECTED)
		*met |= TOLERATE_EJECTED;
	if (fitness == UNFIT_DRAINED)
		*met |= TOLERATE_DRAINED;
	return fitness;
}

static inline uint32_t balance_turn(uint64_t list, uint64_t size)
{
	uint32_t id = PACKED_ID(list);
	struct service_state *state = bpf_map_lookup_elem(&service_state, &id);
	uint32_t cursor;

	if (!state) {
		count(REASON_CURSOR_MISSING);
		return pick_column(PACKED_SLOTS(size), bpf_get_prandom_u32());
	}
	bpf_spin_lock(&state->lock);
	cursor = state->cursor++;
	bpf_spin_unlock(&state->lock);
	return cursor % PACKED_SLOTS(size);
}

/* random and round_robin */
static inline void balance_draw_one(uint64_t list, uint64_t size, uint64_t how, uint32_t tolerance,
				    struct pick *ret)
{
	uint32_t column = PACKED_ALGORITHM(how) == ALGORITHM_ROUND_ROBIN
				  ? balance_turn(list, size)
				  : pick_column(PACKED_SLOTS(size), bpf_get_prandom_u32());
	struct slot_row *slot = balance_slot(list, column);

	if (!slot)
		return;
	/* With equal weights a slot is wholly one endpoint's: no second number is drawn. */
	if (slot->endpoint == slot->alias || PACKED_ALGORITHM(how) == ALGORITHM_ROUND_ROBIN)
		ret->endpoint = slot->endpoint;
	else
		ret->endpoint = pick_alias(slot, bpf_get_prandom_u32());
	ret->fitness = balance_fitness(ret->endpoint, tolerance, &ret->met);
}

/* The two endpoints of a draw. For least_conn the first is drawn by weight, so that shares are right at rest. */
static inline bool balance_draw_pair(uint64_t list, uint64_t size, uint64_t how, uint64_t chance,
				     struct candidate *first, struct candidate *second)
{
	uint32_t column = pick_column(PACKED_SLOTS(size), (uint32_t)chance);
	uint32_t other = pick_other(column, PACKED_SLOTS(size), chance >> 32);
	struct slot_row *slot = balance_slot(list, column);
	struct slot_row *other_slot = balance_slot(list, other);
	struct member_key key = { .service = PACKED_ID(list) };
	struct member_row *member;

	if (!slot || !other_slot)
		return false;
	first->endpoint = slot->endpoint;
	first->weight = slot->weight;
	second->endpoint = other_slot->endpoint;
	second->weight = other_slot->weight;
	if (PACKED_ALGORITHM(how) != ALGORITHM_LEAST_CONN || slot->endpoint == slot->alias)
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

static inline struct response_state *balance_response(uint64_t list, uint64_t endpoint)
{
	struct member_key key = { .endpoint = endpoint, .service = PACKED_ID(list) };

	return bpf_map_lookup_elem(&response_state, &key);
}

static inline void balance_weigh(uint64_t list, uint64_t how, uint64_t now_ns, struct candidate *candidate)
{
	struct endpoint_state *state = balance_state(candidate->endpoint);
	struct response_state *response;

	candidate->live = state ? state->live : 0;
	candidate->connect_ns = state ? state->connect_ns : 0;
	candidate->response_ns = 0;
	if (PACKED_ALGORITHM(how) == ALGORITHM_EWMA) {
		response = balance_response(list, candidate->endpoint);
		if (response)
			candidate->response_ns = pick_forgiven(response, now_ns, PACKED_DECAY(how));
	}
}

/* least_conn and ewma */
static inline void balance_draw_two(uint64_t list, uint64_t size, uint64_t how, uint32_t tolerance,
				    uint64_t chance, struct pick *ret)
{
	uint64_t now_ns = PACKED_ALGORITHM(how) == ALGORITHM_EWMA ? bpf_ktime_get_ns() : 0;
	struct candidate first = {}, second = {};
	enum fitness fitness;
	bool better;

	if (!balance_draw_pair(list, size, how, chance, &first, &second))
		return;
	ret->endpoint = first.endpoint;
	ret->fitness = balance_fitness(first.endpoint, tolerance, &ret->met);
	if (ret->fitness == FIT_PROBE)
		return;
	fitness = balance_fitness(second.endpoint, tolerance, &ret->met);
	if (!is_fit(fitness))
		return;
	balance_weigh(list, how, now_ns, &first);
	balance_weigh(list, how, now_ns, &second);
	if (PACKED_ALGORITHM(how) == ALGORITHM_EWMA)
		better = pick_cheaper(&second, &first);
	else
		better = pick_less_loaded(&second, &first);
	if (fitness == FIT_PROBE || better || !is_fit(ret->fitness)) {
		ret->endpoint = second.endpoint;
		ret->fitness = fitness;
	}
}

/* Two choices, where there are two. */
static inline bool is_of_two(uint64_t size, uint64_t how)
{
	return (PACKED_ALGORITHM(how) == ALGORITHM_LEAST_CONN || PACKED_ALGORITHM(how) == ALGORITHM_EWMA) &&
	       PACKED_SLOTS(size) > 1;
}

static inline void balance_draw(uint64_t list, uint64_t size, uint64_t how, uint32_t tolerance,
				uint64_t chance, struct pick *ret)
{
	if (is_of_two(size, how))
		balance_draw_two(list, size, how, tolerance, chance, ret);
	else
		balance_draw_one(list, size, how, tolerance, ret);
}

static inline uint64_t pick_pack(const struct pick *pick)
{
	return pick->endpoint | (uint64_t)pick->fitness << PACK_ENDPOINT_BITS |
	       (uint64_t)pick->met << (PACK_ENDPOINT_BITS + PACK_FITNESS_BITS);
}

static inline void pick_unpack(uint64_t packed, struct pick *ret)
{
	ret->endpoint = packed & ((1ull << PACK_ENDPOINT_BITS) - 1);
	ret->fitness = packed >> PACK_ENDPOINT_BITS & ((1 << PACK_FITNESS_BITS) - 1);
	ret->met = packed >> (PACK_ENDPOINT_BITS + PACK_FITNESS_BITS);
}

/* Not inlined, as others below: all frames of a chain of calls share 512 bytes of stack. */
static __attribute__((noinline)) uint32_t balance_tolerance(uint64_t list, uint64_t size, uint64_t how)
{
	struct census census = {};

	census_take(PACKED_ID(list), PACKED_GENERATION(list), PACKED_ENDPOINTS(size), PACKED_ALGORITHM(how),
		    &census);
	return eject_tolerance(census.listed, census.available, census.drained, PACKED_PANIC(how));
}

static __attribute__((noinline)) void balance_note(uint64_t list, uint64_t how, const struct pick *pick)
{
	struct response_state *response;

	if (pick->fitness == FIT_PROBE)
		count(REASON_PROBED);
	else if (pick->fitness == FIT_PANIC)
		count(REASON_PANIC);
	else if (pick->fitness == FIT_LAST)
		count(REASON_DRAINED_USED);
	if (PACKED_ALGORITHM(how) != ALGORITHM_EWMA)
		return;
	response = balance_response(list, pick->endpoint);
	if (response)
		response->chosen_ns = bpf_ktime_get_ns();
}

/* What is drawn last is taken, whatever it is: an endpoint that may be dead is better than none. */
static inline void balance_choose(uint64_t list, uint64_t size, uint64_t how, struct pick *ret)
{
	uint64_t chance = 0, walked;
	uint32_t i, tolerance = 0;
	bool counted = false, again = false;

#pragma clang loop unroll(disable)
	for (i = 0; i < MAX_DRAWS; i++) {
		/* What is tolerated now takes part in the same draw, else the others would have a second chance. */
		if (!again)
			chance = bpf_get_prandom_u32() | (uint64_t)bpf_get_prandom_u32() << 32;
		again = false;
		pick_unpack(weft_draw(list, size, how, tolerance, chance), ret);
		if (!ret->endpoint)
			return;
		if (ret->met && !counted) {
			counted = true;
			tolerance = balance_tolerance(list, size, how);
			again = tolerance & ret->met && is_of_two(size, how);
			if (again)
				continue;
			ret->fitness = eject_tolerate(ret->fitness, tolerance);
			ret->met &= ~tolerance;
		}
		if (ret->met & TOLERATE_EJECTED)
			count(REASON_EJECTED_AVOIDED);
		if (ret->met & TOLERATE_DRAINED)
			count(REASON_DRAINED_AVOIDED);
		if (is_fit(ret->fitness))
			break;
	}
	if (i == MAX_DRAWS) {
		walked = weft_walk(list, size, how);
		if (walked)
			ret->endpoint = walked;
	}
	balance_note(list, how, ret);
}

static inline uint64_t pack_list(const struct service_view *service)
{
	return service->id | (uint64_t)service->generation << 32;
}

static inline uint64_t pack_size(const struct service_view *service)
{
	return service->slot_count | (uint64_t)service->endpoint_count << 32;
}

static inline uint64_t pack_how(const struct service_view *service)
{
	return service->decay_ms | (uint64_t)service->algorithm << 32 |
	       (uint64_t)service->panic_percent << 40;
}

static inline void balance(const struct service_view *service, struct pick *ret)
{
	pick_unpack(weft_balance(pack_list(service), pack_size(service), pack_how(service)), ret);
}
