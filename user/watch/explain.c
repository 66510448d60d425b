/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows are read, and then read again: if the service is another one by then, all of it is. */
#include "watch/explain.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kern/route.h"

enum {
	MAX_READS = 10,
	NS_PER_S = 1000000000,
};

void explained_done(struct explained *explained)
{
	free(explained->endpoints);
	listing_done(&explained->listing);
	*explained = (struct explained){ 0 };
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static const struct listed_service *find_service(const struct listing *listing, const struct service_key *key)
{
	for (size_t i = 0; i < listing->n_services; i++) {
		if (!memcmp(listing->services[i].key, key, sizeof(*key)))
			return &listing->services[i];
	}
	return NULL;
}

/* ---- endpoints ---- */

/* As weft_fitness() finds it, but the part of the probing connection stays free. */
static enum fitness fitness_of(const struct listed_endpoint *endpoint, uint64_t now_ns)
{
	struct endpoint_state state = endpoint->state;

	return endpoint->drained ? UNFIT_DRAINED : eject_fitness(&state, now_ns);
}

static int add_endpoints(struct kern *kern, struct explained *e)
{
	struct listing *listing = &e->listing;

	e->endpoints = calloc(listing->n_endpoints + 1, sizeof(*e->endpoints));
	if (!e->endpoints)
		return -ENOMEM;
	for (size_t i = 0; i < listing->n_endpoints; i++) {
		struct listed_endpoint *listed = &listing->endpoints[i];

		if (listed->service_id != e->service.id)
			continue;
		listed_endpoint_observe(listed, kern);
		e->endpoints[e->n_endpoints++] = (struct explained_endpoint){
			.listed = listed,
			.health =
				health_of(&listed->state, listed->member->state, listed->drained, e->now_ns),
			.fitness = fitness_of(listed, e->now_ns),
			.chosen = listed->member->flags & MEMBER_CHOSEN,
			.cost = -1,
		};
	}
	return 0;
}

static bool is_counted(const struct explained *e, const struct service_state *state, uint64_t epoch)
{
	return state->counted_generation == e->service.generation && state->counted_epoch == epoch;
}

/* Of a long list the kernel counts a part, and goes by that until something changes; so does this. */
static int take_census(struct kern *kern, struct explained *e)
{
	struct service_state state;
	uint64_t epoch;
	int error = kern_census_epoch(kern, &epoch);

	if (error)
		return error;
	e->has_cursor = !kern_service_state(kern, e->service.id, &state);
	e->cursor = e->has_cursor ? state.cursor : 0;
	if (e->has_cursor && is_counted(e, &state, epoch)) {
		e->listed = state.listed;
		e->available = state.available;
		e->drained = state.drained;
	} else {
		for (size_t i = 0; i < e->n_endpoints; i++) {
			const struct explained_endpoint *endpoint = &e->endpoints[i];

			if (!endpoint->chosen)
				continue;
			e->listed++;
			e->drained += endpoint->listed->drained;
			e->available +=
				!endpoint->listed->drained && !endpoint->listed->state.ejected_until_ns;
		}
	}
	e->tolerance = eject_tolerance(e->listed, e->available, e->drained, e->service.panic_percent);
	return 0;
}

/* ---- affinity ---- */

static struct explained_endpoint *find_endpoint(const struct explained *e, uint64_t id)
{
	for (size_t i = 0; i < e->n_endpoints; i++) {
		if (e->endpoints[i].listed->id == id)
			return &e->endpoints[i];
	}
	return NULL;
}

static int find_stay(const struct kern *kern, struct explained *e)
{
	struct affinity_key key = { .client = e->client.cookie, .service = e->service.id };
	const struct explained_endpoint *endpoint;
	struct affinity_row row;
	int error;

	if (!(e->service.flags & SERVICE_AFFINITY))
		return 0;
	e->stay = STAY_UNKNOWN;
	if (!key.client)
		return 0;
	e->stay = STAY_NEW;
	error = kern_affinity(kern, &key, &row);
	if (error)
		return error == -ENOENT ? 0 : error;
	e->stay_endpoint = row.endpoint;
	e->stay_until_ns = row.used_ns + (uint64_t)e->service.affinity_s * NS_PER_S;
	endpoint = find_endpoint(e, row.endpoint);
	if (e->now_ns > e->stay_until_ns)
		e->stay = STAY_EXPIRED;
	else if (endpoint && endpoint->chosen && is_fit(endpoint->fitness))
		e->stay = STAY_KEPT;
	else
		e->stay = STAY_MOVED;
	return 0;
}

/* ---- chance ---- */

static int compare_ids(const void *left, const void *right)
{
	const struct chance_endpoint *a = left;
	const struct chance_endpoint *b = right;

	return (a->candidate.endpoint > b->candidate.endpoint) -
	       (a->candidate.endpoint < b->candidate.endpoint);
}

static struct candidate weigh(const struct explained *e, const struct listed_endpoint *endpoint)
{
	return (struct candidate){
		.endpoint = endpoint->id,
		.connect_ns = endpoint->state.connect_ns,
		.response_ns = pick_forgiven(&endpoint->response, e->now_ns, e->service.decay_ms),
		.live = endpoint->state.live,
		.weight = endpoint->member->weight ? endpoint->member->weight : 1,
	};
}

/* Load for its weight, in microseconds for ewma. */
static double cost_of(enum algorithm algorithm, const struct candidate *candidate)
{
	uint64_t time_ns = candidate->response_ns ? candidate->response_ns : candidate->connect_ns;

	if (algorithm == ALGORITHM_LEAST_CONN)
		return (double)candidate->live / candidate->weight;
	if (algorithm == ALGORITHM_EWMA)
		return time_ns / 1e3 * (candidate->live + 1.0) / candidate->weight;
	return -1;
}

static void stay_with(struct explained *e)
{
	/* A probing connection is the only one that gets there. */
	bool once = find_endpoint(e, e->stay_endpoint)->fitness == FIT_PROBE;

	for (size_t i = 0; i < e->n_endpoints; i++) {
		struct explained_endpoint *endpoint = &e->endpoints[i];
		bool kept = endpoint->listed->id == e->stay_endpoint;

		endpoint->next = kept;
		if (!once)
			endpoint->share = kept;
	}
}

/* A route's share for backends that are not there is refused before anybody is drawn. */
static void refuse_share(struct explained *e)
{
	e->refused = e->service.refuse / (double)(1ull << 32);
	for (size_t i = 0; i < e->n_endpoints; i++) {
		e->endpoints[i].next *= 1 - e->refused;
		e->endpoints[i].share *= 1 - e->refused;
	}
}

static int weigh_all(struct explained *e, struct chance *chance)
{
	int error;

	for (size_t i = 0; i < e->n_endpoints; i++) {
		struct explained_endpoint *endpoint = &e->endpoints[i];
		struct candidate candidate = weigh(e, endpoint->listed);

		if (endpoint->chosen)
			endpoint->cost = cost_of(e->service.algorithm, &candidate);
		chance->endpoints[chance->n_endpoints++] = (struct chance_endpoint){
			.candidate = candidate,
			.fitness = endpoint->fitness,
			.ejected = endpoint->listed->state.ejected_until_ns,
		};
	}
	qsort(chance->endpoints, chance->n_endpoints, sizeof(*chance->endpoints), compare_ids);
	error = chance_compute(chance);
	for (size_t i = 0; !error && i < e->n_endpoints; i++) {
		struct explained_endpoint *endpoint = &e->endpoints[i];
		const struct chance_endpoint *of = chance_find(chance, endpoint->listed->id);

		endpoint->next = of->next;
		endpoint->share = of->share;
	}
	return error;
}

static int take_chance(const struct kern *kern, struct explained *e)
{
	_cleanup_(freep) struct slot_row *slots = calloc(e->service.slot_count + 1, sizeof(*slots));
	_cleanup_(freep) struct chance_endpoint *endpoints = calloc(e->n_endpoints + 1, sizeof(*endpoints));
	struct chance chance = {
		.algorithm = e->service.algorithm,
		.tolerance = e->tolerance,
		.has_cursor = e->has_cursor,
		.cursor = e->cursor,
		.slots = slots,
		.n_slots = e->service.slot_count,
		.n_listed = e->service.endpoint_count,
		.endpoints = endpoints,
	};
	int error;

	if (!slots || !endpoints)
		return -ENOMEM;
	error = kern_slots(kern, &e->service, slots);
	if (!error)
		error = weigh_all(e, &chance);
	if (!error && e->stay == STAY_KEPT)
		stay_with(e);
	else if (!error)
		refuse_share(e);
	return error;
}

static enum out out_of(const struct explained *e, const struct explained_endpoint *endpoint)
{
	const struct member_row *member = endpoint->listed->member;

	if (endpoint->next > 0)
		return OUT_NOT;
	if (!endpoint->chosen && member->state != MEMBER_READY)
		return member->state == MEMBER_TERMINATING ? OUT_TERMINATING : OUT_NOT_READY;
	if (!endpoint->chosen)
		return member->weight ? OUT_ELSEWHERE : OUT_WEIGHT;
	switch (eject_tolerate(endpoint->fitness, e->tolerance)) {
	case UNFIT_DRAINED:
		return OUT_DRAINED;
	case UNFIT_EJECTED:
		return endpoint->health == HEALTH_PROBING ? OUT_PROBED : OUT_EJECTED;
	default:
		return e->stay == STAY_KEPT ? OUT_AFFINITY : OUT_CHANCE;
	}
}

/* ---- */

static int explain_service(struct kern *kern, struct explained *e, const struct listed_service *service)
{
	int error;

	e->name = service->name;
	e->service = *service->row;
	e->moves = e->key.protocol == IPPROTO_TCP && kern_watches_packets(kern);
	e->verdict = e->service.slot_count ? VERDICT_SEND : VERDICT_REFUSE;
	error = add_endpoints(kern, e);
	if (!error)
		error = take_census(kern, e);
	if (!error && e->verdict == VERDICT_SEND) {
		error = find_stay(kern, e);
		if (!error)
			error = take_chance(kern, e);
	}
	for (size_t i = 0; !error && i < e->n_endpoints; i++)
		e->endpoints[i].out = out_of(e, &e->endpoints[i]);
	if (!error && e->client.n_outside && !e->client.n_inside)
		e->verdict = VERDICT_OUTSIDE;
	return error;
}

/* Nothing was torn if the service still has the list whose slots were read. */
static bool is_same(const struct kern *kern, const struct explained *e)
{
	struct service_row now;

	return !kern_service(kern, &e->key, &now) && now.id == e->service.id &&
	       now.generation == e->service.generation;
}

/* -EAGAIN: something changed meanwhile. */
static int read_once(struct kern *kern, struct explained *e, struct why *why)
{
	const struct listed_service *service;
	int error = listing_read(kern, &e->listing, why);
	uint64_t endpoint;

	if (error)
		return error;
	e->now_ns = monotonic_ns();
	service = find_service(&e->listing, &e->key);
	if (!service) {
		e->verdict = VERDICT_DIRECT;
		e->endpoint_address = !kern_endpoint_at(kern, &e->key, &endpoint);
		return 0;
	}
	error = explain_service(kern, e, service);
	if (error && error != -ENOENT)
		return why_set(why, error, "cannot read the rows of %s: %s", e->name, strerror(-error));
	return error || !is_same(kern, e) ? -EAGAIN : 0;
}

int explain(struct kern *kern, const struct client *client, const struct service_key *key,
	    struct explained *ret, struct why *why)
{
	for (int i = 0; i < MAX_READS; i++) {
		_cleanup_(explained_done) struct explained explained = { .key = *key, .client = *client };
		int error = read_once(kern, &explained, why);

		if (error == -EAGAIN)
			continue;
		if (error)
			return error;
		*ret = explained;
		explained = (struct explained){ 0 };
		return 0;
	}
	return why_set(why, -EAGAIN,
		       "the rows of the service change faster than they can be read, or lack a slot or an "
		       "endpoint; try again, and see what the agent's log says");
}
