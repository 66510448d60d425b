/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shares of backends as weights of endpoints, and as slots. */
#include "plan/split.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/addr.h"
#include "base/attr.h"
#include "plan/slots.h"

enum {
	MAX_PARTS = 4,
	MAX_ITEMS = 4,
};

/* A backend: endpoints by the last number of 10.0.0.x, and their weights; ended by zero. */
struct given {
	uint32_t weight;
	uint8_t ids[MAX_ITEMS];
	uint32_t weights[MAX_ITEMS];
	bool not_chosen;
};

struct row {
	const char *name;
	struct given parts[MAX_PARTS];
	size_t count;
	uint32_t most;
	const char *expected; /* "id=weight ..."; "-" behind one that is not chosen */
	uint32_t refuse;
};

static const struct row rows[] = {
	{ "no backend", { { 0 } }, 0, INT32_MAX, "", 0 },
	{ "90 to 10", { { 90, { 1 }, { 1 }, 0 }, { 10, { 2 }, { 1 }, 0 } }, 2, INT32_MAX, "1=9 2=1", 0 },
	{ "of three and of two endpoints",
	  { { 50, { 1, 2, 3 }, { 1, 1, 1 }, 0 }, { 50, { 4, 5 }, { 1, 1 }, 0 } },
	  2,
	  INT32_MAX,
	  "1=2 2=2 3=2 4=3 5=3",
	  0 },
	{ "weights in a backend",
	  { { 1, { 1, 2 }, { 3, 1 }, 0 }, { 1, { 3 }, { 7 }, 0 } },
	  2,
	  INT32_MAX,
	  "1=3 2=1 3=4",
	  0 },
	{ "all of a backend of weight zero are even",
	  { { 1, { 1, 2 }, { 0, 0 }, 0 }, { 2, { 3 }, { 1 }, 0 } },
	  2,
	  INT32_MAX,
	  "1=1 2=1 3=4",
	  0 },
	{ "a backend of weight zero gets nothing",
	  { { 5, { 1 }, { 1 }, 0 }, { 0, { 2 }, { 1 }, 0 } },
	  2,
	  INT32_MAX,
	  "1=1 2=0-",
	  0 },
	{ "all of weight zero", { { 0, { 1 }, { 1 }, 0 } }, 1, INT32_MAX, "1=0-", 0 },
	{ "a quarter is missing",
	  { { 3, { 1, 2 }, { 1, 1 }, 0 }, { 1, { 0 }, { 0 }, 0 } },
	  2,
	  INT32_MAX,
	  "1=1 2=1",
	  1u << 30 },
	{ "a third is not ready",
	  { { 2, { 1 }, { 1 }, 0 }, { 1, { 2 }, { 1 }, true } },
	  2,
	  INT32_MAX,
	  "1=1 2=0-",
	  1431655765 },
	{ "all is missing", { { 3, { 0 }, { 0 }, 0 } }, 1, INT32_MAX, "", 0 },
	{ "what is missing has weight zero",
	  { { 3, { 1 }, { 1 }, 0 }, { 0, { 0 }, { 0 }, 0 } },
	  2,
	  INT32_MAX,
	  "1=1",
	  0 },
	{ "one endpoint in two backends",
	  { { 1, { 1 }, { 1 }, 0 }, { 1, { 1, 2 }, { 1, 1 }, 0 } },
	  2,
	  INT32_MAX,
	  "1=3 2=1",
	  0 },
	{ "one endpoint, chosen in one backend alone",
	  { { 1, { 1 }, { 1 }, true }, { 1, { 1 }, { 1 }, 0 } },
	  2,
	  INT32_MAX,
	  "1=1",
	  1u << 31 },
	{ "a million to one",
	  { { 1000000, { 1 }, { 1 }, 0 }, { 1, { 2 }, { 1 }, 0 } },
	  2,
	  INT32_MAX,
	  "1=1000000 2=1",
	  0 },
	{ "a million to one in 16 bits: the least there is",
	  { { 1000000, { 1 }, { 1 }, 0 }, { 1, { 2 }, { 1 }, 0 } },
	  2,
	  65535,
	  "1=65535 2=1",
	  0 },
	{ "rounded to the nearest",
	  { { 200000, { 1 }, { 1 }, 0 }, { 99999, { 2 }, { 1 }, 0 } },
	  2,
	  1000,
	  "1=1000 2=500",
	  0 },
};

static void build(const struct row *row, struct split_part parts[MAX_PARTS])
{
	for (size_t i = 0; i < row->count; i++) {
		const struct given *given = &row->parts[i];
		struct split_part *part = &parts[i];

		part->weight = given->weight;
		part->endpoints = calloc(MAX_ITEMS, sizeof(*part->endpoints));
		for (size_t j = 0; j < MAX_ITEMS && given->ids[j]; j++) {
			char text[ADDR_TEXT];

			snprintf(text, sizeof(text), "10.0.0.%u", given->ids[j]);
			part->endpoints[j] = (struct want_endpoint){
				.port = 8080,
				.weight = given->weights[j],
				.chosen = !given->not_chosen,
			};
			cr_assert(!addr_parse(text, &part->endpoints[j].address));
			part->n_endpoints++;
		}
	}
}

static struct split combine(const struct row *row)
{
	struct split_part parts[MAX_PARTS] = { 0 };
	struct split split;

	build(row, parts);
	cr_assert(!split_combine(parts, row->count, row->most, &split));
	for (size_t i = 0; i < row->count; i++)
		free(parts[i].endpoints);
	return split;
}

Test(split, weights)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct split split = combine(&rows[i]);
		char text[256] = "";

		for (size_t j = 0; j < split.n_endpoints; j++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u=%u%s", j ? " " : "",
				 split.endpoints[j].address.bytes[15], split.endpoints[j].weight,
				 split.endpoints[j].chosen ? "" : "-");
		cr_expect_str_eq(text, rows[i].expected, "%s: is '%s', not '%s'", rows[i].name, text,
				 rows[i].expected);
		cr_expect_eq(split.refuse, rows[i].refuse, "%s: %u is refused", rows[i].name, split.refuse);
		free(split.endpoints);
	}
}

/* What each endpoint gets of all draws from the alias table, in 2^32 for each column. */
Test(split, shares_in_the_slots_are_exact)
{
	static const struct row row = { "", { { 90, { 1, 2, 3 }, { 1, 1, 1 }, 0 }, { 10, { 4 }, { 5 }, 0 } },
					2,  INT32_MAX,
					"", 0 };
	static const uint64_t percent[] = { 30, 30, 30, 10 };
	struct split split = combine(&row);
	struct weighted weighted[4];
	struct slot_row slots[4];
	uint64_t shares[5] = { 0 };
	size_t count;

	cr_assert_eq(split.n_endpoints, 4);
	for (size_t i = 0; i < 4; i++)
		weighted[i] = (struct weighted){ i + 1, split.endpoints[i].weight };
	count = slots_alias(weighted, 4, slots);
	cr_assert_eq(count, 4);
	for (size_t i = 0; i < count; i++) {
		uint64_t keep = slots[i].endpoint == slots[i].alias ? 1ull << 32 : slots[i].keep;

		shares[slots[i].endpoint] += keep;
		shares[slots[i].alias] += (1ull << 32) - keep;
	}
	/* Each column is cut at a whole number of 2^32 parts. */
	for (size_t i = 0; i < 4; i++) {
		int64_t off = shares[i + 1] * 100 - (percent[i] * 4ull << 32);

		cr_expect_leq(llabs(off), 400, "endpoint %zu: %lld", i + 1, (long long)off);
	}
	free(split.endpoints);
}

/* Sums whose common multiple does not fit: shares to the last of 2^24 parts, and nobody loses all. */
Test(split, sums_without_a_usable_multiple)
{
	static const uint32_t primes[] = { 65521, 65519, 65497, 65479 };
	struct want_endpoint endpoints[4][2] = { 0 };
	struct split_part parts[4];
	struct split split;
	double total = 0;

	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < 2; j++) {
			endpoints[i][j] = (struct want_endpoint){ .port = 1 + 2 * i + j, .chosen = true };
			endpoints[i][j].weight = j ? primes[i] - 1 : 1;
		}
		parts[i] = (struct split_part){ 1000000, endpoints[i], 2 };
	}
	cr_assert(!split_combine(parts, 4, INT32_MAX, &split));
	cr_assert_eq(split.n_endpoints, 8);
	for (size_t i = 0; i < 8; i++)
		total += split.endpoints[i].weight;
	for (size_t i = 0; i < 8; i++) {
		double share = split.endpoints[i].weight / total * 4 * primes[i / 2];

		cr_expect_float_eq(share, i % 2 ? primes[i / 2] - 1 : 1, 0.01, "endpoint %zu: %f", i, share);
	}
	free(split.endpoints);
}
