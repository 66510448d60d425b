/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Alias tables give each endpoint exactly its share; round-robin tables each its turns, evenly. */
#include "plan/slots.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/attr.h"

#define WORD (UINT64_C(1) << 32)

enum {
	ROW_WEIGHTS = 8,
	FIRST_ID = 1001, /* so that an id is never mistaken for an index */
};

/* `count` endpoints: the first `n` weights over and over, each time `step` heavier. */
struct row {
	char name[64];
	uint32_t weights[ROW_WEIGHTS];
	size_t n;
	size_t count;
	uint32_t step;
};

static const struct row rows[] = {
	{ "none", { 0 }, 0, 0, 0 },
	{ "one", { 1 }, 1, 1, 0 },
	{ "one of weight 7", { 7 }, 1, 1, 0 },
	{ "one of weight zero", { 0 }, 1, 1, 0 },
	{ "two equal", { 1, 1 }, 2, 2, 0 },
	{ "three equal", { 5, 5, 5 }, 3, 3, 0 },
	{ "1, 2 and 3", { 1, 2, 3 }, 3, 3, 0 },
	{ "3, 2 and 1", { 3, 2, 1 }, 3, 3, 0 },
	{ "5, 1 and 1", { 5, 1, 1 }, 3, 3, 0 },
	{ "60, 20 and 40 have a divisor", { 60, 20, 40 }, 3, 3, 0 },
	{ "primes", { 7, 11, 13, 17, 19 }, 5, 5, 0 },
	{ "a zero in front", { 0, 3, 2 }, 3, 3, 0 },
	{ "a zero between", { 3, 0, 2 }, 3, 3, 0 },
	{ "a zero behind", { 3, 2, 0 }, 3, 3, 0 },
	{ "all but one zero", { 0, 0, 9, 0 }, 4, 4, 0 },
	{ "all zero", { 0, 0, 0 }, 3, 3, 0 },
	{ "65535 and 1", { 65535, 1 }, 2, 2, 0 },
	{ "1 and 65535", { 1, 65535 }, 2, 2, 0 },
	{ "65535 and 65534", { 65535, 65534 }, 2, 2, 0 },
	{ "65535 twice", { 65535, 65535 }, 2, 2, 0 },
	{ "one of 65535 among many of 1", { 65535, 1, 1, 1, 1, 1, 1, 1 }, 8, 8, 0 },
	{ "1001 and 100, fifty of each", { 1001, 100 }, 2, 100, 0 },
	{ "10 and 1, five hundred of each", { 10, 1 }, 2, 1000, 0 },
	{ "one thousand equal", { 1 }, 1, 1000, 0 },
	{ "one thousand of zero", { 0 }, 1, 1000, 0 },
	{ "one thousand, every second zero", { 4, 0 }, 2, 1000, 0 },
	{ "one thousand, from 1 to 1000", { 1 }, 1, 1000, 1 },
	{ "one thousand, from 1 to 64936", { 1 }, 1, 1000, 65 },
	{ "4096 equal fill the table", { 3 }, 1, 4096, 0 },
	{ "4095 of 1 and 3", { 1, 1, 3 }, 3, 4095, 0 },
	{ "five thousand equal", { 2 }, 1, 5000, 0 },
	{ "five thousand of 1 and 1000", { 1, 1000 }, 2, 5000, 0 },
};

static struct weighted *build(const struct row *row)
{
	struct weighted *endpoints = calloc(row->count + 1, sizeof(*endpoints));

	cr_assert(endpoints);
	for (size_t i = 0; i < row->count; i++) {
		endpoints[i].endpoint = FIRST_ID + i;
		endpoints[i].weight = row->weights[i % row->n] + (uint32_t)(i / row->n) * row->step;
		cr_assert_leq(endpoints[i].weight, MAX_WEIGHT);
	}
	return endpoints;
}

/* All zero counts as all one. Returns the sum. */
static uint64_t effective(struct weighted *endpoints, size_t count)
{
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += endpoints[i].weight;
	for (size_t i = 0; !total && i < count; i++)
		endpoints[i].weight = 1;
	return total ? total : count;
}

static size_t index_of(const struct row *row, uint64_t endpoint)
{
	cr_assert(endpoint >= FIRST_ID && endpoint - FIRST_ID < row->count, "%s: no endpoint has the id %lu",
		  row->name, endpoint);
	return endpoint - FIRST_ID;
}

ParameterizedTestParameters(slots, alias_gives_each_its_share)
{
	return cr_make_param_array(struct row, (struct row *)rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, slots, alias_gives_each_its_share)
{
	_cleanup_(freep) struct weighted *endpoints = build(row);
	_cleanup_(freep) struct slot_row *slots = calloc(row->count + 1, sizeof(*slots));
	_cleanup_(freep) uint64_t *mass = calloc(row->count + 1, sizeof(*mass));
	const struct slot_row canary = { 1, 2, 3, 4 };
	size_t count, columns = 0;
	uint64_t total;

	slots[row->count] = canary;
	count = slots_alias(endpoints, row->count, slots);
	cr_assert_not(memcmp(&slots[row->count], &canary, sizeof(canary)), "%s: wrote too far", row->name);
	total = effective(endpoints, row->count);
	for (size_t i = 0; i < count; i++) {
		uint64_t keep = slots[i].alias == slots[i].endpoint ? WORD : slots[i].keep;

		mass[index_of(row, slots[i].endpoint)] += keep;
		mass[index_of(row, slots[i].alias)] += WORD - keep;
	}
	for (size_t i = 0; i < row->count; i++)
		columns += endpoints[i].weight > 0;
	cr_assert_eq(count, columns, "%s: %zu columns, not %zu", row->name, count, columns);
	/* Of count * 2^32 equal parts each endpoint has weight / total, to within count parts. */
	for (size_t i = 0; i < row->count; i++) {
		__int128 has = (__int128)mass[i] * total;
		__int128 due = (__int128)endpoints[i].weight * count * WORD;
		__int128 off = has > due ? has - due : due - has;

		cr_expect(off < (__int128)count * total,
			  "%s: endpoint %zu of weight %u has %lu of %zu * 2^32", row->name, i,
			  endpoints[i].weight, mass[i], count);
		cr_expect(endpoints[i].weight || !mass[i], "%s: weight zero is chosen", row->name);
	}
}

ParameterizedTestParameters(slots, alias_has_one_column_for_each)
{
	return cr_make_param_array(struct row, (struct row *)rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, slots, alias_has_one_column_for_each)
{
	_cleanup_(freep) struct weighted *endpoints = build(row);
	_cleanup_(freep) struct slot_row *slots = calloc(row->count + 1, sizeof(*slots));
	size_t count = slots_alias(endpoints, row->count, slots), column = 0;
	bool equal = true;

	effective(endpoints, row->count);
	for (size_t i = 0; i < row->count; i++) {
		if (!endpoints[i].weight)
			continue;
		cr_expect_eq(slots[column].endpoint, endpoints[i].endpoint, "%s: column %zu", row->name,
			     column);
		cr_expect_eq(slots[column].weight, endpoints[i].weight, "%s: column %zu has weight %u",
			     row->name, column, slots[column].weight);
		equal = equal && endpoints[i].weight == endpoints[index_of(row, slots[0].endpoint)].weight;
		column++;
	}
	cr_assert_eq(column, count);
	for (size_t i = 0; equal && i < count; i++)
		cr_expect_eq(slots[i].alias, slots[i].endpoint, "%s: column %zu has an alias", row->name, i);
}

ParameterizedTestParameters(slots, alias_comes_out_the_same_again)
{
	return cr_make_param_array(struct row, (struct row *)rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, slots, alias_comes_out_the_same_again)
{
	_cleanup_(freep) struct weighted *endpoints = build(row);
	_cleanup_(freep) struct slot_row *one = calloc(row->count + 1, sizeof(*one));
	_cleanup_(freep) struct slot_row *other = calloc(row->count + 1, sizeof(*other));
	size_t count;

	/* What stood in the memory before does not matter. */
	memset(one, 0x5a, row->count * sizeof(*one));
	count = slots_alias(endpoints, row->count, one);
	cr_assert_eq(slots_alias(endpoints, row->count, other), count);
	cr_assert_not(memcmp(one, other, count * sizeof(*one)), "%s", row->name);
}

/* Worked out by hand, so that every machine and compiler gives the same. */
Test(slots, alias_of_1_2_3)
{
	const struct weighted endpoints[] = { { 11, 1 }, { 12, 2 }, { 13, 3 } };
	const struct slot_row expected[] = {
		{ 11, 13, 1u << 31, 1 },
		{ 12, 12, UINT32_MAX, 2 },
		{ 13, 13, UINT32_MAX, 3 },
	};
	struct slot_row slots[3];

	cr_assert_eq(slots_alias(endpoints, 3, slots), 3);
	for (size_t i = 0; i < 3; i++) {
		cr_expect_eq(slots[i].endpoint, expected[i].endpoint, "column %zu", i);
		cr_expect_eq(slots[i].alias, expected[i].alias, "column %zu", i);
		cr_expect_eq(slots[i].keep, expected[i].keep, "column %zu", i);
		cr_expect_eq(slots[i].weight, expected[i].weight, "column %zu", i);
	}
}

/* A round-robin table of a row, and what it has of each endpoint. */
struct round {
	struct weighted *endpoints; /* with effective weights */
	struct slot_row *slots;
	size_t length;
	size_t *turns; /* by endpoint */
	size_t with_weight;
	uint64_t total, divisor;
};

static void round_done(struct round *round)
{
	free(round->endpoints);
	free(round->slots);
	free(round->turns);
}

static uint64_t divisor_of(uint64_t a, uint64_t b)
{
	return b ? divisor_of(b, a % b) : a;
}

static struct round round_of(const struct row *row)
{
	struct round round = { .endpoints = build(row), .turns = calloc(row->count + 1, sizeof(size_t)) };

	cr_assert(!slots_round_robin(round.endpoints, row->count, &round.slots, &round.length));
	round.total = effective(round.endpoints, row->count);
	for (size_t i = 0; i < row->count; i++) {
		round.with_weight += round.endpoints[i].weight > 0;
		round.divisor = divisor_of(round.endpoints[i].weight, round.divisor);
	}
	for (size_t i = 0; i < round.length; i++)
		round.turns[index_of(row, round.slots[i].endpoint)]++;
	return round;
}

/*
 * Largest remainder, worked out in another way: each has its share, rounded down or up, and no smaller remainder
 * was rounded up before a larger.
 */
static void expect_rounded(const struct row *row, const struct round *round)
{
	uint64_t room = round->length, total = round->total;
	uint64_t least_up = UINT64_MAX, most_down = 0;
	bool settled = false;

	/* Too light for a slot of their own: what is left for the others, found by trying until nothing changes. */
	while (!settled) {
		uint64_t light = 0, light_total = 0;

		for (size_t i = 0; i < row->count; i++) {
			uint32_t weight = round->endpoints[i].weight;

			if (weight && weight * room < total) {
				light++;
				light_total += weight;
			}
		}
		settled = room == round->length - light && total == round->total - light_total;
		room = round->length - light;
		total = round->total - light_total;
	}
	for (size_t i = 0; i < row->count; i++) {
		uint64_t share = round->endpoints[i].weight * room;

		if (share < total) {
			cr_expect_eq(round->turns[i], round->endpoints[i].weight > 0,
				     "%s: endpoint %zu, too light, has %zu", row->name, i, round->turns[i]);
			continue;
		}
		cr_expect(round->turns[i] - share / total <= 1, "%s: endpoint %zu has %zu turns of %lu.%03lu",
			  row->name, i, round->turns[i], share / total, share % total * 1000 / total);
		if (round->turns[i] > share / total && share % total < least_up)
			least_up = share % total;
		if (round->turns[i] == share / total && share % total > most_down)
			most_down = share % total;
	}
	cr_expect_geq(least_up, most_down, "%s: a smaller remainder got a slot before a larger", row->name);
}

ParameterizedTestParameters(slots, round_robin_gives_each_its_turns)
{
	return cr_make_param_array(struct row, (struct row *)rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, slots, round_robin_gives_each_its_turns)
{
	_cleanup_(round_done) struct round round = round_of(row);
	const uint64_t exact = round.divisor ? round.total / round.divisor : 0;
	size_t room = round.with_weight > MAX_WEIGHTED_SLOTS ? round.with_weight : MAX_WEIGHTED_SLOTS;

	cr_assert_eq(round.length, exact < room ? exact : room, "%s: %zu slots", row->name, round.length);
	for (size_t i = 0; i < row->count; i++) {
		cr_expect_eq(!round.turns[i], !round.endpoints[i].weight, "%s: endpoint %zu has %zu turns",
			     row->name, i, round.turns[i]);
		cr_expect(round.length < exact || round.turns[i] == round.endpoints[i].weight / round.divisor,
			  "%s: endpoint %zu has %zu turns", row->name, i, round.turns[i]);
	}
	if (round.length < exact)
		expect_rounded(row, &round);
	for (size_t i = 0; i < round.length; i++) {
		const struct slot_row *slot = &round.slots[i];

		cr_expect_eq(slot->keep, UINT32_MAX, "%s: slot %zu", row->name, i);
		cr_expect_eq(slot->weight, round.endpoints[index_of(row, slot->endpoint)].weight,
			     "%s: slot %zu has weight %u", row->name, i, slot->weight);
	}
}

ParameterizedTestParameters(slots, round_robin_carries_the_list)
{
	return cr_make_param_array(struct row, (struct row *)rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, slots, round_robin_carries_the_list)
{
	_cleanup_(round_done) struct round round = round_of(row);
	size_t slot = 0;

	for (size_t i = 0; i < row->count; i++) {
		if (!round.endpoints[i].weight)
			continue;
		cr_assert_lt(slot, round.length, "%s: the list is longer than the table", row->name);
		cr_expect_eq(round.slots[slot].alias, round.endpoints[i].endpoint, "%s: slot %zu names %lu",
			     row->name, slot, round.slots[slot].alias);
		slot++;
	}
	cr_assert_eq(slot, round.with_weight);
	for (; slot < round.length; slot++)
		cr_expect_eq(round.slots[slot].alias, round.slots[slot].endpoint,
			     "%s: slot %zu, behind the list", row->name, slot);
}

/* Worked out by hand: the turns, the list beside them, then nothing new. */
Test(slots, round_robin_of_1_0_3)
{
	const struct weighted endpoints[] = { { 11, 1 }, { 12, 0 }, { 13, 3 } };
	const struct slot_row expected[] = {
		{ 13, 11, UINT32_MAX, 3 },
		{ 11, 13, UINT32_MAX, 1 },
		{ 13, 13, UINT32_MAX, 3 },
		{ 13, 13, UINT32_MAX, 3 },
	};
	_cleanup_(freep) struct slot_row *slots = NULL;
	size_t count = 0;

	cr_assert(!slots_round_robin(endpoints, 3, &slots, &count));
	cr_assert_eq(count, ARRAY_LEN(expected));
	for (size_t i = 0; i < count; i++) {
		cr_expect_eq(slots[i].endpoint, expected[i].endpoint, "slot %zu", i);
		cr_expect_eq(slots[i].alias, expected[i].alias, "slot %zu", i);
		cr_expect_eq(slots[i].keep, expected[i].keep, "slot %zu", i);
		cr_expect_eq(slots[i].weight, expected[i].weight, "slot %zu", i);
	}
}

ParameterizedTestParameters(slots, round_robin_is_even)
{
	return cr_make_param_array(struct row, (struct row *)rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, slots, round_robin_is_even)
{
	_cleanup_(round_done) struct round round = round_of(row);
	_cleanup_(freep) size_t *seen = calloc(row->count + 1, sizeof(*seen));
	_cleanup_(freep) size_t *last = calloc(row->count + 1, sizeof(*last));

	/* Two rounds, since the table is read round and round. Positions count from one. */
	for (size_t at = 1; at <= 2 * round.length; at++) {
		size_t i = index_of(row, round.slots[(at - 1) % round.length].endpoint);

		seen[i]++;
		cr_expect_lt(seen[i] * round.length, at * round.turns[i] + round.length,
			     "%s: slot %zu: endpoint %zu is a whole turn ahead", row->name, at, i);
		cr_expect(!last[i] || (at - last[i]) * round.turns[i] < 2 * round.length,
			  "%s: slot %zu: endpoint %zu waited %zu slots for one of its %zu turns in %zu",
			  row->name, at, i, at - last[i], round.turns[i], round.length);
		last[i] = at;
	}
}

ParameterizedTestParameters(slots, round_robin_comes_out_the_same_again)
{
	return cr_make_param_array(struct row, (struct row *)rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, slots, round_robin_comes_out_the_same_again)
{
	_cleanup_(round_done) struct round one = round_of(row);
	_cleanup_(round_done) struct round other = round_of(row);

	cr_assert_eq(one.length, other.length);
	cr_assert_not(memcmp(one.slots, other.slots, one.length * sizeof(*one.slots)), "%s", row->name);
}

/* Tables by letter of the endpoint; worked out by hand. */
struct table {
	char name[40];
	uint32_t weights[ROW_WEIGHTS];
	size_t count;
	char expected[16];
};

ParameterizedTestParameters(slots, round_robin_tables)
{
	static struct table tables[] = {
		{ "none", { 0 }, 0, "" },
		{ "one", { 9 }, 1, "a" },
		{ "one of weight zero", { 0 }, 1, "a" },
		{ "equal", { 4, 4, 4 }, 3, "abc" },
		{ "all zero", { 0, 0, 0 }, 3, "abc" },
		{ "zero stays away", { 3, 0, 3 }, 3, "ac" },
		{ "1 and 2", { 2, 4 }, 2, "bab" },
		{ "5, 1 and 1", { 5, 1, 1 }, 3, "aabacaa" },
		{ "1, 1 and 5", { 1, 1, 5 }, 3, "ccacbcc" },
		{ "4, 2 and 1", { 4, 2, 1 }, 3, "abacaba" },
		{ "3 and 2", { 30, 20 }, 2, "ababa" },
	};

	return cr_make_param_array(struct table, tables, ARRAY_LEN(tables));
}

ParameterizedTest(struct table *row, slots, round_robin_tables)
{
	_cleanup_(freep) struct slot_row *slots = NULL;
	struct weighted endpoints[ROW_WEIGHTS];
	char actual[sizeof(row->expected)] = "";
	size_t count = 0;

	for (size_t i = 0; i < row->count; i++)
		endpoints[i] = (struct weighted){ 'a' + i, row->weights[i] };
	cr_assert(!slots_round_robin(endpoints, row->count, &slots, &count));
	cr_assert_lt(count, sizeof(actual));
	for (size_t i = 0; i < count; i++)
		actual[i] = (char)slots[i].endpoint;
	cr_assert_str_eq(actual, row->expected, "%s: %s, not %s", row->name, actual, row->expected);
}

struct capped {
	char name[40];
	uint32_t weights[ROW_WEIGHTS];
	size_t count;
	size_t turns[ROW_WEIGHTS];
};

/* Of 4096 slots; worked out by hand. */
ParameterizedTestParameters(slots, round_robin_capped)
{
	static struct capped rows[] = {
		{ "65535 and 1", { 65535, 1 }, 2, { 4095, 1 } },
		{ "one slot each stays for the light", { 65535, 1, 1, 1 }, 4, { 4093, 1, 1, 1 } },
		/* 2048.03 and 2047.97 */
		{ "65535 and 65533", { 65535, 65533 }, 2, { 2048, 2048 } },
		/* 3723.64 and 372.36 */
		{ "50000 and 5000, indivisible", { 50001, 5000 }, 2, { 3724, 372 } },
		/* 1365.42, 1365.35 and 1365.23: the largest remainder gets the slot that is left */
		{ "three that are nearly equal", { 20002, 20001, 19999 }, 3, { 1366, 1365, 1365 } },
		/* After the slot of the light one, 4095 for three equal ones. */
		{ "three equal, one light", { 20000, 20000, 20000, 1 }, 4, { 1365, 1365, 1365, 1 } },
		/* 1365.33 each: among equal remainders the first wins */
		{ "equal remainders",
		  { 65534, 65534, 65534, 0, 1, 0, 1 },
		  7,
		  { 1365, 1365, 1364, 0, 1, 0, 1 } },
	};

	return cr_make_param_array(struct capped, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct capped *row, slots, round_robin_capped)
{
	_cleanup_(freep) struct slot_row *slots = NULL;
	struct weighted endpoints[ROW_WEIGHTS];
	size_t turns[ROW_WEIGHTS] = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < row->count; i++)
		endpoints[i] = (struct weighted){ i, row->weights[i] };
	cr_assert(!slots_round_robin(endpoints, row->count, &slots, &count));
	cr_assert_eq(count, (size_t)MAX_WEIGHTED_SLOTS);
	for (size_t i = 0; i < count; i++)
		turns[slots[i].endpoint]++;
	for (size_t i = 0; i < row->count; i++)
		cr_expect_eq(turns[i], row->turns[i], "%s: endpoint %zu has %zu turns, not %zu", row->name, i,
			     turns[i], row->turns[i]);
}
