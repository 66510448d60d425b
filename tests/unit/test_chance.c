/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Probabilities, against what can be worked out by hand. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/attr.h"
#include "plan/slots.h"
#include "watch/chance.h"

enum {
	MOST = 8,
	MOST_SLOTS = 64,
};

/*
 * Endpoints 1, 2, ... in a row: a letter each. 'f' can be used, 'e' is ejected, 'p' is ejected and may be probed, 'd' is
 * drained. Numbers are left out where they are zero; no weights mean one each.
 */
struct row {
	char name[64];
	enum algorithm algorithm;
	char endpoints[MOST + 1];
	uint32_t weights[MOST];
	uint32_t live[MOST];
	uint32_t response_us[MOST];
	uint32_t connect_us[MOST];
	uint32_t tolerance;
	uint32_t cursor;
	bool no_cursor;
	double next[MOST];
	double share[MOST]; /* all zero: as the next */
};

#define THIRD (1.0 / 3)
/* Of a draw that fails with probability f: five draws, and what is left after them. */
#define POWER5(f) ((f) * (f) * (f) * (f) * (f))

static const struct row rows[] = {
	{ .name = "equal", .endpoints = "ffff", .next = { 0.25, 0.25, 0.25, 0.25 } },
	{ .name = "one alone", .endpoints = "f", .next = { 1 } },
	{ .name = "by weight",
	  .endpoints = "ffff",
	  .weights = { 1, 3, 3, 10 },
	  .next = { 1 / 17.0, 3 / 17.0, 3 / 17.0, 10 / 17.0 } },
	/* The walk's: from a place chosen by chance on, the first that can be used. */
	{ .name = "one of three ejected",
	  .endpoints = "fef",
	  .next = { 0.5 * (1 - POWER5(THIRD)) + POWER5(THIRD) * THIRD, 0,
		    0.5 * (1 - POWER5(THIRD)) + 2 * POWER5(THIRD) * THIRD } },
	{ .name = "one of two drained", .endpoints = "df", .next = { 0, 1 } },
	{ .name = "three of four drained, by weight",
	  .endpoints = "dddf",
	  .weights = { 9, 9, 9, 1 },
	  .next = { 0, 0, 0, 1 } },
	/* A walk prefers who can be used, and takes the last of the ejected otherwise. */
	{ .name = "nobody left, and none tolerated", .endpoints = "ee", .next = { 0.5, 0.5 } },
	{ .name = "panic",
	  .endpoints = "fee",
	  .tolerance = TOLERATE_EJECTED,
	  .next = { THIRD, THIRD, THIRD } },
	/* Nobody stops the walk: of those it came by, the last is taken. */
	{ .name = "panic does not bring the drained back",
	  .endpoints = "dee",
	  .tolerance = TOLERATE_EJECTED,
	  .next = { 0, 0.5 * (1 - POWER5(THIRD)) + POWER5(THIRD) * THIRD,
		    0.5 * (1 - POWER5(THIRD)) + 2 * POWER5(THIRD) * THIRD } },
	{ .name = "all drained", .endpoints = "dd", .tolerance = TOLERATE_DRAINED, .next = { 0.5, 0.5 } },
	{ .name = "a probe is free", .endpoints = "fp", .next = { 0.5, 0.5 }, .share = { 1, 0 } },

	{ .name = "in turn",
	  .algorithm = ALGORITHM_ROUND_ROBIN,
	  .endpoints = "fff",
	  .cursor = 4,
	  .next = { 0, 1, 0 },
	  .share = { THIRD, THIRD, THIRD } },
	{ .name = "in turn by weight",
	  .algorithm = ALGORITHM_ROUND_ROBIN,
	  .endpoints = "ff",
	  .weights = { 1, 3 },
	  .next = { 0, 1 },
	  .share = { 0.25, 0.75 } },
	{ .name = "a turn of one that is out is passed over",
	  .algorithm = ALGORITHM_ROUND_ROBIN,
	  .endpoints = "dfff",
	  .next = { 0, 1, 0, 0 },
	  .share = { 0, THIRD, THIRD, THIRD } },
	/* Six slots, of which five draws see five: then a walk. */
	{ .name = "five turns in vain",
	  .algorithm = ALGORITHM_ROUND_ROBIN,
	  .endpoints = "dddddf",
	  .next = { 0, 0, 0, 0, 0, 1 } },
	/* The walk goes along the list, not along the turns. */
	{ .name = "the last of a weighted round",
	  .algorithm = ALGORITHM_ROUND_ROBIN,
	  .endpoints = "df",
	  .weights = { 20, 1 },
	  .next = { 0, 1 } },
	{ .name = "the probe has its turn once",
	  .algorithm = ALGORITHM_ROUND_ROBIN,
	  .endpoints = "pf",
	  .next = { 1, 0 },
	  .share = { 0, 1 } },
	{ .name = "in turn without a cursor",
	  .algorithm = ALGORITHM_ROUND_ROBIN,
	  .endpoints = "ff",
	  .weights = { 1, 3 },
	  .no_cursor = true,
	  .next = { 0.25, 0.75 } },

	/* Of four, each pair is as likely as the other; the one with less wins all of its pairs. */
	{ .name = "least connections",
	  .algorithm = ALGORITHM_LEAST_CONN,
	  .endpoints = "ffff",
	  .live = { 3, 1, 6, 0 },
	  .next = { 1 / 6.0, 2 / 6.0, 0, 3 / 6.0 } },
	{ .name = "a tie goes to the first that is drawn",
	  .algorithm = ALGORITHM_LEAST_CONN,
	  .endpoints = "fff",
	  .live = { 1, 1, 2 },
	  .next = { 0.5, 0.5, 0 } },
	{ .name = "at rest by weight",
	  .algorithm = ALGORITHM_LEAST_CONN,
	  .endpoints = "fff",
	  .weights = { 1, 2, 5 },
	  .next = { 1 / 8.0, 2 / 8.0, 5 / 8.0 } },
	{ .name = "connections for the weight",
	  .algorithm = ALGORITHM_LEAST_CONN,
	  .endpoints = "ff",
	  .weights = { 1, 4 },
	  .live = { 1, 3 },
	  .next = { 0, 1 } },
	/* Who is drawn by weight and once more as the other is looked at once. */
	{ .name = "too many connections for the weight",
	  .algorithm = ALGORITHM_LEAST_CONN,
	  .endpoints = "ff",
	  .weights = { 1, 4 },
	  .live = { 0, 8 },
	  .next = { 1, 0 } },
	{ .name = "two choices among one",
	  .algorithm = ALGORITHM_LEAST_CONN,
	  .endpoints = "f",
	  .live = { 9 },
	  .next = { 1 } },
	/* Pairs of the three: whoever is drawn with the ejected one wins. */
	{ .name = "the other of a pair is out",
	  .algorithm = ALGORITHM_LEAST_CONN,
	  .endpoints = "ffe",
	  .live = { 5, 1, 0 },
	  .next = { THIRD, 2 * THIRD, 0 } },
	{ .name = "both of a pair are out",
	  .algorithm = ALGORITHM_LEAST_CONN,
	  .endpoints = "fdd",
	  /* Draws fail with a probability of a third. */
	  .next = { 1, 0, 0 } },
	/* Who is in panic is compared like the others, also when it was looked at in the first draw. */
	{ .name = "a pair in panic",
	  .algorithm = ALGORITHM_LEAST_CONN,
	  .endpoints = "fee",
	  .live = { 5, 1, 0 },
	  .tolerance = TOLERATE_EJECTED,
	  .next = { 0, THIRD, 2 * THIRD } },
	/* The look that finds out about the panic takes the probe's part. */
	{ .name = "a probe in panic",
	  .algorithm = ALGORITHM_LEAST_CONN,
	  .endpoints = "ep",
	  .live = { 0, 5 },
	  .tolerance = TOLERATE_EJECTED,
	  .next = { 0.5, 0.5 },
	  .share = { 1, 0 } },
	{ .name = "a probe wins its pairs",
	  .algorithm = ALGORITHM_LEAST_CONN,
	  .endpoints = "ffp",
	  .live = { 0, 0, 9 },
	  .next = { 1 / 6.0, 1 / 6.0, 2 * THIRD },
	  .share = { 0.5, 0.5, 0 } },

	{ .name = "the slow one is avoided",
	  .algorithm = ALGORITHM_EWMA,
	  .endpoints = "fff",
	  .response_us = { 100, 1000, 90000 },
	  .next = { 2 * THIRD, THIRD, 0 } },
	{ .name = "slow, but idle",
	  .algorithm = ALGORITHM_EWMA,
	  .endpoints = "ff",
	  .response_us = { 1000, 1500 },
	  .live = { 1, 0 },
	  .next = { 0, 1 } },
	/* 1 and 2 go by the response, what 3 is in by the connect. */
	{ .name = "one has answered nothing yet",
	  .algorithm = ALGORITHM_EWMA,
	  .endpoints = "fff",
	  .response_us = { 100, 1000, 0 },
	  .connect_us = { 90, 30, 60 },
	  .next = { THIRD, THIRD, THIRD } },
};

ParameterizedTestParameters(chance, rows)
{
	return cr_make_param_array(struct row, (void *)rows, ARRAY_LEN(rows));
}

static void fill_endpoint(const struct row *row, size_t i, struct chance_endpoint *endpoint)
{
	static const enum fitness fitness[] = {
		['f'] = FIT,
		['e'] = UNFIT_EJECTED,
		['p'] = FIT_PROBE,
		['d'] = UNFIT_DRAINED,
	};
	unsigned char letter = row->endpoints[i];

	*endpoint = (struct chance_endpoint){
		.candidate = {
			.endpoint = i + 1,
			.connect_ns = row->connect_us[i] * 1000ull,
			.response_ns = row->response_us[i] * 1000ull,
			.live = row->live[i],
			.weight = row->weights[i] ? row->weights[i] : 1,
		},
		.fitness = fitness[letter],
		.ejected = letter == 'e' || letter == 'p',
		.next = -1,
		.share = -1,
	};
}

/* The tables are those that plans are made of. */
static size_t fill_slots(const struct row *row, size_t count, struct slot_row *slots)
{
	_cleanup_(freep) struct slot_row *made = NULL;
	struct weighted weighted[MOST];
	size_t n;

	for (size_t i = 0; i < count; i++)
		weighted[i] = (struct weighted){ i + 1, row->weights[i] ? row->weights[i] : 1 };
	if (row->algorithm != ALGORITHM_ROUND_ROBIN)
		return slots_alias(weighted, count, slots);
	cr_assert_not(slots_round_robin(weighted, count, &made, &n));
	cr_assert_leq(n, MOST_SLOTS);
	memcpy(slots, made, n * sizeof(*slots));
	return n;
}

/* Slots hold probabilities in units of 2^-32. */
static void assert_near(const struct row *row, const char *what, size_t i, double got, double wanted)
{
	cr_assert(fabs(got - wanted) < 1e-8, "%s: %s of endpoint %zu is %.9f, not %.9f", row->name, what,
		  i + 1, got, wanted);
}

ParameterizedTest(struct row *row, chance, rows)
{
	struct chance_endpoint endpoints[MOST];
	struct slot_row slots[MOST_SLOTS];
	size_t count = strlen(row->endpoints);
	bool as_next = true;
	struct chance chance = {
		.algorithm = row->algorithm,
		.tolerance = row->tolerance,
		.has_cursor = !row->no_cursor,
		.cursor = row->cursor,
		.slots = slots,
		.n_slots = fill_slots(row, count, slots),
		.n_listed = count,
		.endpoints = endpoints,
		.n_endpoints = count,
	};

	for (size_t i = 0; i < count; i++) {
		fill_endpoint(row, i, &endpoints[i]);
		as_next = as_next && row->share[i] == 0;
	}
	cr_assert_not(chance_compute(&chance));
	for (size_t i = 0; i < count; i++) {
		assert_near(row, "next", i, endpoints[i].next, row->next[i]);
		assert_near(row, "share", i, endpoints[i].share, as_next ? row->next[i] : row->share[i]);
	}
}

Test(chance, an_endpoint_that_is_not_there_is_told)
{
	struct slot_row slots[] = { { .endpoint = 7, .alias = 7, .keep = UINT32_MAX, .weight = 1 } };
	struct chance_endpoint endpoints[] = { { .candidate = { .endpoint = 8, .weight = 1 } } };
	struct chance chance = {
		.slots = slots,
		.n_slots = 1,
		.n_listed = 1,
		.endpoints = endpoints,
		.n_endpoints = 1,
	};

	cr_assert_eq(chance_compute(&chance), -ENOENT);
	endpoints[0].candidate.endpoint = 7;
	cr_assert_not(chance_compute(&chance));
	cr_assert_eq(endpoints[0].next, 1);
	chance.n_listed = 2;
	cr_assert_eq(chance_compute(&chance), -ENOENT);
}

Test(chance, nothing_is_chosen_of_nothing)
{
	struct chance chance = { 0 };

	cr_assert_not(chance_compute(&chance));
	cr_assert_not(chance_find(&chance, 1));
}
