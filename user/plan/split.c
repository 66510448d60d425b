/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shares of shares, in integers. */
#include "plan/split.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/gcd.h"

enum {
	/* Of a share that has no exact weight. */
	SHARE_BITS = 24,
};

/* If all that are chosen have weight zero, they share evenly. */
static uint32_t weight_of(const struct want_endpoint *endpoint, bool even)
{
	if (!endpoint->chosen)
		return 0;
	return even ? 1 : endpoint->weight;
}

/* Of the chosen ones; zero if there is none. */
static uint64_t sum_of(const struct split_part *part, bool *ret_even)
{
	uint64_t sum = 0, chosen = 0;

	for (size_t i = 0; i < part->n_endpoints; i++) {
		sum += weight_of(&part->endpoints[i], false);
		chosen += part->endpoints[i].chosen;
	}
	*ret_even = !sum;
	return sum ? sum : chosen;
}

/* The least common multiple of the sums; zero if it is too large to be of use. */
static uint64_t common_multiple(const struct split_part *parts, size_t count)
{
	uint64_t multiple = 1;

	for (size_t i = 0; i < count; i++) {
		bool even;
		uint64_t sum = sum_of(&parts[i], &even);

		if (!parts[i].weight || !sum)
			continue;
		if (__builtin_mul_overflow(multiple / gcd(multiple, sum), sum, &multiple))
			return 0;
	}
	return multiple;
}

/* An endpoint on its way: its share in units that all have in common. */
struct item {
	struct want_endpoint endpoint;
	uint64_t share;
};

/* Returns false if the units are too fine for the shares. */
static bool share_part(const struct split_part *part, uint64_t multiple, struct item *items)
{
	bool even;
	uint64_t sum = sum_of(part, &even), unit = 0;

	if (multiple && sum && part->weight && __builtin_mul_overflow(multiple / sum, part->weight, &unit))
		return false;
	for (size_t i = 0; i < part->n_endpoints; i++) {
		uint64_t weight = weight_of(&part->endpoints[i], even);

		items[i] = (struct item){ .endpoint = part->endpoints[i] };
		items[i].endpoint.chosen = weight && part->weight;
		if (!items[i].endpoint.chosen)
			continue;
		if (!multiple)
			items[i].share = ((unsigned __int128)weight * part->weight << SHARE_BITS) / sum;
		else if (__builtin_mul_overflow(unit, weight, &items[i].share))
			return false;
		items[i].share += !items[i].share;
	}
	return true;
}

static bool share_all(const struct split_part *parts, size_t count, uint64_t multiple, struct item *items)
{
	for (size_t i = 0; i < count; i++) {
		if (!share_part(&parts[i], multiple, items))
			return false;
		items += parts[i].n_endpoints;
	}
	return true;
}

static int item_compare(const void *left, const void *right)
{
	const struct want_endpoint *a = &((const struct item *)left)->endpoint;
	const struct want_endpoint *b = &((const struct item *)right)->endpoint;
	int order = addr_compare(&a->address, &b->address);

	return order ? order : (int)a->port - (int)b->port;
}

static void item_merge(struct item *into, const struct item *other)
{
	bool serving = into->endpoint.serving || other->endpoint.serving;

	if (other->endpoint.chosen && !into->endpoint.chosen)
		into->endpoint = other->endpoint;
	into->endpoint.serving = serving;
	if (__builtin_add_overflow(into->share, other->share, &into->share))
		into->share = UINT64_MAX;
}

/* An endpoint that several backends have gets what each of them gives it. Returns how many are left. */
static size_t merge(struct item *items, size_t count)
{
	size_t kept = 0;

	if (!count)
		return 0;
	qsort(items, count, sizeof(*items), item_compare);
	for (size_t i = 1; i < count; i++) {
		if (item_compare(&items[kept], &items[i]))
			items[++kept] = items[i];
		else
			item_merge(&items[kept], &items[i]);
	}
	return kept + 1;
}

static void weigh(const struct item *items, size_t count, uint32_t most, struct want_endpoint *ret)
{
	uint64_t divisor = 0, largest = 0;

	for (size_t i = 0; i < count; i++) {
		divisor = gcd(divisor, items[i].share);
		largest = items[i].share > largest ? items[i].share : largest;
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t weight = divisor ? items[i].share / divisor : 0;

		if (divisor && largest / divisor > most) {
			weight = ((unsigned __int128)items[i].share * most + largest / 2) / largest;
			weight += !weight && items[i].share;
		}
		ret[i] = items[i].endpoint;
		ret[i].weight = (uint32_t)weight;
	}
}

static uint32_t refused_share(const struct split_part *parts, size_t count)
{
	uint64_t total = 0, missing = 0;

	for (size_t i = 0; i < count; i++) {
		bool even;

		total += parts[i].weight;
		missing += sum_of(&parts[i], &even) ? 0 : parts[i].weight;
	}
	/* Where all is missing there is nobody to choose, which says it as well. */
	return missing == total ? 0 : (uint32_t)((missing << 32) / total);
}

int split_combine(const struct split_part *parts, size_t count, uint32_t most, struct split *ret)
{
	_cleanup_(freep) struct item *items = NULL;
	struct split split = { .refuse = refused_share(parts, count) };
	size_t n_items = 0;

	for (size_t i = 0; i < count; i++)
		n_items += parts[i].n_endpoints;
	items = calloc(n_items + 1, sizeof(*items));
	split.endpoints = calloc(n_items + 1, sizeof(*split.endpoints));
	if (!items || !split.endpoints) {
		free(split.endpoints);
		return -ENOMEM;
	}
	if (!share_all(parts, count, common_multiple(parts, count), items))
		share_all(parts, count, 0, items);
	split.n_endpoints = merge(items, n_items);
	weigh(items, split.n_endpoints, most, split.endpoints);
	*ret = split;
	return 0;
}
