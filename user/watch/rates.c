/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Differences and sums. */
#include "watch/rates.h"

#include <string.h>

#include "base/clock.h"
#include "base/vec.h"
#include "watch/figures.h"

/* A row that is being summed up. */
struct sum {
	uint64_t started, failed; /* between the two readings */
	uint64_t histogram[RESPONSE_BUCKETS];
};

/* The endpoint, and what it was before; NULL: it was not there. */
struct pair {
	const struct listed_endpoint *now, *before;
};

void rate_table_done(struct rate_table *table)
{
	free(table->rows);
	*table = (struct rate_table){ 0 };
}

static uint64_t failures_of(const struct endpoint_state *state)
{
	return state->refused + state->timed_out + state->reset + state->stalled;
}

/* Counters only rise; one that does not is of a row that was made anew. */
static uint64_t risen(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

static void sum_times(const struct rate_span *span, const struct pair *pair, struct sum *sum)
{
	bool whole = span->all_times || !span->before || !pair->before;

	for (int i = 0; i < RESPONSE_BUCKETS; i++)
		sum->histogram[i] += risen(whole ? 0 : pair->before->response.histogram[i],
					   pair->now->response.histogram[i]);
}

static void sum_counters(const struct pair *pair, struct sum *sum, struct rate_row *row)
{
	static const struct endpoint_state nothing;
	const struct endpoint_state *before = pair->before ? &pair->before->state : &nothing;
	const struct endpoint_state *now = &pair->now->state;

	sum->started += risen(before->started, now->started);
	sum->failed += risen(failures_of(before), failures_of(now));
	row->live += now->live;
	row->failed += failures_of(now);
}

static enum health health_now(const struct rate_span *span, const struct listed_endpoint *endpoint)
{
	return health_of(&endpoint->state, endpoint->member->state, endpoint->drained, span->now_ns);
}

static void settle(const struct rate_span *span, const struct sum *sum, struct rate_row *row)
{
	double seconds = (double)risen(span->before_ns, span->now_ns) / NS_PER_S;

	row->known = span->before && seconds > 0;
	if (row->known) {
		row->started_s = (double)sum->started / seconds;
		row->failed_s = (double)sum->failed / seconds;
	}
	row->p50_us = figure_percentile(sum->histogram, 50);
	row->p99_us = figure_percentile(sum->histogram, 99);
}

static struct rate_row *add_row(struct rate_table *table)
{
	if (vec_reserve(&table->rows, table->count + 1, &table->room, sizeof(*table->rows)))
		return NULL;
	table->rows[table->count] = (struct rate_row){ 0 };
	return &table->rows[table->count++];
}

/* What `now` was before; `at` goes along the earlier list, which has the same order. */
static struct pair pair_up(const struct rate_span *span, const struct listed_endpoint *now, size_t *at)
{
	struct pair pair = { .now = now };

	while (span->before && *at < span->before->n_endpoints) {
		int order = listed_endpoint_compare(&span->before->endpoints[*at], now);

		if (order > 0)
			break;
		(*at)++;
		if (!order) {
			pair.before = &span->before->endpoints[*at - 1];
			break;
		}
	}
	return pair;
}

/* ---- services ---- */

static int compare_ids(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;

	return (a->now->id > b->now->id) - (a->now->id < b->now->id);
}

/* All endpoints of one name. One behind two ports of the service is one endpoint, but has two lists of times. */
static void sum_service(const struct rate_span *span, struct pair *pairs, size_t count, struct rate_row *row)
{
	struct sum sum = { 0 };

	if (count)
		qsort(pairs, count, sizeof(*pairs), compare_ids);
	for (size_t i = 0; i < count; i++) {
		enum health health = health_now(span, pairs[i].now);

		sum_times(span, &pairs[i], &sum);
		if (i && pairs[i - 1].now->id == pairs[i].now->id)
			continue;
		sum_counters(&pairs[i], &sum, row);
		row->endpoints++;
		row->active += health == HEALTH_ACTIVE;
		row->ejected += health == HEALTH_EJECTED || health == HEALTH_PROBING;
	}
	settle(span, &sum, row);
}

int rates_of_services(const struct rate_span *span, struct rate_table *ret)
{
	const struct listing *now = span->now;
	_cleanup_(rate_table_done) struct rate_table table = { 0 };
	_cleanup_(freep) struct pair *pairs = calloc(now->n_endpoints + 1, sizeof(*pairs));
	size_t at = 0, next = 0;

	if (!pairs)
		return -ENOMEM;
	for (size_t i = 0; i < now->n_services; i++) {
		const char *name = now->services[i].name;
		struct rate_row *row;
		size_t count = 0;

		if (i && !strcmp(name, now->services[i - 1].name))
			continue;
		row = add_row(&table);
		if (!row)
			return -ENOMEM;
		row->name = name;
		while (next < now->n_endpoints && !strcmp(now->endpoints[next].name, name))
			pairs[count++] = pair_up(span, &now->endpoints[next++], &at);
		sum_service(span, pairs, count, row);
	}
	*ret = table;
	table = (struct rate_table){ 0 };
	return 0;
}

/* ---- endpoints ---- */

int rates_of_endpoints(const struct rate_span *span, const char *service, struct rate_table *ret)
{
	_cleanup_(rate_table_done) struct rate_table table = { 0 };
	size_t at = 0;

	for (size_t i = 0; i < span->now->n_endpoints; i++) {
		const struct listed_endpoint *endpoint = &span->now->endpoints[i];
		struct sum sum = { 0 };
		struct rate_row *row;
		struct pair pair;

		if (strcmp(endpoint->name, service))
			continue;
		row = add_row(&table);
		if (!row)
			return -ENOMEM;
		pair = pair_up(span, endpoint, &at);
		row->name = endpoint->name;
		row->endpoint = endpoint;
		row->health = health_now(span, endpoint);
		row->ejected = endpoint->state.ejections;
		sum_times(span, &pair, &sum);
		sum_counters(&pair, &sum, row);
		settle(span, &sum, row);
	}
	*ret = table;
	table = (struct rate_table){ 0 };
	return 0;
}
