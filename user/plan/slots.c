/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Alias tables and round-robin tables, in integers alone, so that they come out the same everywhere. */
#include "plan/slots.h"

#include <errno.h>
#include <stdlib.h>

#include "base/attr.h"
#include "base/gcd.h"

/* What the weights come to. All of them zero counts as all of them one. */
struct sum {
	size_t endpoints; /* with a weight */
	uint64_t weights;
	bool all_zero;
};

static struct sum sum_up(const struct weighted *endpoints, size_t count)
{
	struct sum sum = { 0 };

	for (size_t i = 0; i < count; i++) {
		sum.endpoints += endpoints[i].weight > 0;
		sum.weights += endpoints[i].weight;
	}
	if (!sum.weights)
		sum = (struct sum){ count, count, true };
	return sum;
}

static uint32_t weight_of(const struct sum *sum, const struct weighted *endpoint)
{
	return sum->all_zero ? 1 : endpoint->weight;
}

/*
 * While the table is built, a row serves as its own scratch space: `alias` holds what the endpoint has yet to
 * give away (its weight times the number of columns; a full column is the sum of all weights), `keep` the next
 * row of its list, counted from one. A row leaves its list before it is finished.
 */
struct lists {
	uint32_t small; /* rows with less than a column, by number plus one; zero: none */
	uint32_t large;
};

static void list_row(struct slot_row *slots, struct lists *lists, uint32_t row, uint64_t full)
{
	uint32_t *list = slots[row].alias < full ? &lists->small : &lists->large;

	slots[row].keep = *list;
	*list = row + 1;
}

static void finish_row(struct slot_row *slot, uint64_t alias, uint32_t keep)
{
	slot->alias = alias;
	slot->keep = keep;
}

/* Rows that fill a column by themselves; the sums are exact, so nothing else is left. */
static void finish_rest(struct slot_row *slots, uint32_t list)
{
	while (list) {
		struct slot_row *slot = &slots[list - 1];

		list = slot->keep;
		finish_row(slot, slot->endpoint, UINT32_MAX);
	}
}

/* Vose: each small row is topped up by a large one, which becomes smaller by that. */
static void fill_columns(struct slot_row *slots, struct lists *lists, uint64_t full)
{
	while (lists->small && lists->large) {
		uint32_t lower = lists->small - 1, upper = lists->large - 1;
		uint64_t left = slots[lower].alias;

		lists->small = slots[lower].keep;
		lists->large = slots[upper].keep;
		finish_row(&slots[lower], slots[upper].endpoint,
			   (uint32_t)(((unsigned __int128)left << 32) / full));
		slots[upper].alias -= full - left;
		list_row(slots, lists, upper, full);
	}
	finish_rest(slots, lists->small);
	finish_rest(slots, lists->large);
}

size_t slots_alias(const struct weighted *endpoints, size_t count, struct slot_row *ret_slots)
{
	struct sum sum = sum_up(endpoints, count);
	struct lists lists = { 0 };
	uint32_t row = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t weight = weight_of(&sum, &endpoints[i]);

		if (!weight)
			continue;
		ret_slots[row] = (struct slot_row){
			.endpoint = endpoints[i].endpoint,
			.alias = (uint64_t)weight * sum.endpoints,
			.weight = weight,
		};
		list_row(ret_slots, &lists, row++, sum.weights);
	}
	fill_columns(ret_slots, &lists, sum.weights);
	return row;
}

/* An endpoint's part in a round. */
struct turn {
	uint64_t endpoint;
	uint64_t rest; /* what rounding took, for the largest remainder */
	uint32_t weight;
	uint32_t slots;
	int64_t credit;
};

/* Exact shares; returns the length of the round. */
static uint64_t share_exactly(const struct weighted *endpoints, size_t count, const struct sum *sum,
			      struct turn *turns)
{
	uint64_t divisor = 0, total = 0;
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		divisor = gcd(divisor, weight_of(sum, &endpoints[i]));
	for (size_t i = 0; i < count; i++) {
		uint32_t weight = weight_of(sum, &endpoints[i]);

		if (!weight)
			continue;
		turns[n++] = (struct turn){
			.endpoint = endpoints[i].endpoint,
			.weight = weight,
			.slots = weight / divisor,
		};
		total += weight / divisor;
	}
	return total;
}

static int compare_weight(const void *left, const void *right)
{
	const struct turn *a = *(struct turn *const *)left;
	const struct turn *b = *(struct turn *const *)right;

	if (a->slots != b->slots)
		return a->slots < b->slots ? -1 : 1;
	return (a > b) - (a < b);
}

static int compare_rest(const void *left, const void *right)
{
	const struct turn *a = *(struct turn *const *)left;
	const struct turn *b = *(struct turn *const *)right;

	if (a->rest != b->rest)
		return a->rest < b->rest ? 1 : -1;
	return (a > b) - (a < b);
}

/*
 * Shares of a round of `room` slots by largest remainder (Hamilton's method). Those too light for a whole slot
 * get one and leave the count; the lightest go first, since each that leaves makes the others' shares smaller.
 * Returns 0 or -ENOMEM.
 */
static int share_rounded(struct turn *turns, size_t n, uint64_t total, uint64_t room)
{
	_cleanup_(freep) struct turn **order = calloc(n, sizeof(struct turn *));
	size_t light = 0;
	uint64_t left;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		order[i] = &turns[i];
	qsort(order, n, sizeof(struct turn *), compare_weight);
	for (; light < n && order[light]->slots * room < total; light++, room--) {
		total -= order[light]->slots;
		order[light]->slots = 1;
	}
	left = room;
	for (size_t i = light; i < n; i++) {
		uint64_t product = order[i]->slots * room;

		order[i]->slots = product / total;
		order[i]->rest = product % total;
		left -= order[i]->slots;
	}
	qsort(order + light, n - light, sizeof(struct turn *), compare_rest);
	for (size_t i = light; left; i++, left--)
		order[i]->slots++;
	return 0;
}

/* The turn at the slot; beside it, as `alias`, the list of the endpoints. */
static void fill_slot(struct slot_row *slots, size_t slot, const struct turn *turn, const struct turn *turns,
		      size_t n)
{
	slots[slot] = (struct slot_row){
		.endpoint = turn->endpoint,
		.alias = slot < n ? turns[slot].endpoint : turn->endpoint,
		.keep = UINT32_MAX,
		.weight = turn->weight,
	};
}

/* Each step all gain by their share, and the richest pays the whole round for the slot. */
static void spread(struct turn *turns, size_t n, size_t length, struct slot_row *slots)
{
	for (size_t slot = 0; slot < length; slot++) {
		struct turn *richest = turns;

		for (size_t i = 0; i < n; i++) {
			turns[i].credit += turns[i].slots;
			if (turns[i].credit > richest->credit)
				richest = &turns[i];
		}
		richest->credit -= length;
		fill_slot(slots, slot, richest, turns, n);
	}
}

/* With equal shares a round is the list itself: no need to spread, which takes its square. */
static void list_once(const struct turn *turns, size_t n, struct slot_row *slots)
{
	for (size_t i = 0; i < n; i++)
		fill_slot(slots, i, &turns[i], turns, n);
}

int slots_round_robin(const struct weighted *endpoints, size_t count, struct slot_row **ret_slots,
		      size_t *ret_count)
{
	struct sum sum = sum_up(endpoints, count);
	_cleanup_(freep) struct turn *turns = calloc(count + 1, sizeof(*turns));
	_cleanup_(freep) struct slot_row *slots = NULL;
	uint64_t length, room;

	if (!turns)
		return -ENOMEM;
	length = share_exactly(endpoints, count, &sum, turns);
	room = sum.endpoints > MAX_WEIGHTED_SLOTS ? sum.endpoints : MAX_WEIGHTED_SLOTS;
	if (length > room) {
		if (share_rounded(turns, sum.endpoints, length, room))
			return -ENOMEM;
		length = room;
	}
	slots = calloc(length + 1, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	if (length == sum.endpoints)
		list_once(turns, sum.endpoints, slots);
	else
		spread(turns, sum.endpoints, length, slots);
	*ret_slots = TAKE_PTR(slots);
	*ret_count = length;
	return 0;
}
