/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows joined with their names. */
#include "watch/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "kern/drain.h"
#include "kern/state.h"

const char *algorithm_name(enum algorithm algorithm)
{
	switch (algorithm) {
	case ALGORITHM_RANDOM:
		return "random";
	case ALGORITHM_ROUND_ROBIN:
		return "round_robin";
	case ALGORITHM_LEAST_CONN:
		return "least_conn";
	case ALGORITHM_EWMA:
		return "ewma";
	}
	return "unknown";
}

const char *member_state_name(enum member_state state)
{
	switch (state) {
	case MEMBER_READY:
		return "ready";
	case MEMBER_TERMINATING:
		return "terminating";
	case MEMBER_NOT_READY:
		return "not_ready";
	}
	return "unknown";
}

static const char *name_text(const struct present *present, uint32_t id)
{
	struct name_entry *entry = NULL;

	if (id)
		HASH_FIND(by_id, present->names_by_id, &id, sizeof(id), entry);
	return entry ? entry->text : "";
}

static int compare_keys(const struct service_key *a, const struct service_key *b)
{
	int order = addr_compare(&a->address, &b->address);

	if (!order)
		order = (int)a->port - (int)b->port;
	return order ? order : (int)a->protocol - (int)b->protocol;
}

static int compare_services(const void *left, const void *right)
{
	const struct listed_service *a = left;
	const struct listed_service *b = right;
	int order = strcmp(a->name, b->name);

	return order ? order : compare_keys(a->key, b->key);
}

static int compare_endpoints(const void *left, const void *right)
{
	const struct listed_endpoint *a = left;
	const struct listed_endpoint *b = right;
	int order = strcmp(a->name, b->name);

	if (!order)
		order = compare_keys(a->service, b->service);
	if (!order)
		order = addr_compare(&a->row->address, &b->row->address);
	return order ? order : (int)a->row->port - (int)b->row->port;
}

void listing_done(struct listing *listing)
{
	free(listing->services);
	free(listing->endpoints);
	present_free(listing->present);
	*listing = (struct listing){ 0 };
}

static void add_members(struct listing *listing, const struct service_entry *service, const char *name)
{
	const struct present *present = listing->present;

	for (size_t i = 0; i < service->n_members; i++) {
		const struct member_entry *member = &service->members[i];
		struct endpoint_entry *endpoint = NULL;

		HASH_FIND(by_id, present->endpoints_by_id, &member->endpoint, sizeof(member->endpoint),
			  endpoint);
		if (!endpoint)
			continue;
		listing->endpoints[listing->n_endpoints++] = (struct listed_endpoint){
			.name = name,
			.service = &service->key,
			.service_id = service->row.id,
			.row = &endpoint->row,
			.member = &member->row,
			.node = name_text(present, endpoint->row.node),
			.zone = name_text(present, endpoint->row.zone),
			.id = endpoint->id,
			.measured = service->row.flags & SERVICE_MEASURED,
		};
	}
}

static int join(struct listing *listing)
{
	struct service_entry *service, *next;
	size_t n_services = 0, n_members = 0;

	HASH_ITER (by_key, listing->present->services_by_key, service, next) {
		n_services++;
		n_members += service->n_members;
	}
	listing->services = calloc(n_services + 1, sizeof(*listing->services));
	listing->endpoints = calloc(n_members + 1, sizeof(*listing->endpoints));
	if (!listing->services || !listing->endpoints)
		return -ENOMEM;
	HASH_ITER (by_key, listing->present->services_by_key, service, next) {
		const char *name = name_text(listing->present, service->row.name);

		listing->services[listing->n_services++] =
			(struct listed_service){ name, &service->key, &service->row };
		add_members(listing, service, name);
	}
	qsort(listing->services, listing->n_services, sizeof(*listing->services), compare_services);
	qsort(listing->endpoints, listing->n_endpoints, sizeof(*listing->endpoints), compare_endpoints);
	return 0;
}

int listing_read(struct kern *kern, struct listing *ret, struct why *why)
{
	_cleanup_(listing_done) struct listing listing = { 0 };
	int error = present_new(&listing.present);

	if (!error)
		error = kern_read(kern, false, listing.present, why);
	if (!error)
		error = join(&listing);
	if (error)
		return error;
	*ret = listing;
	listing = (struct listing){ 0 };
	return 0;
}

/* A row that is not there, or went meanwhile, leaves zeros. */
void listed_endpoint_observe(struct listed_endpoint *endpoint, const struct kern *kern)
{
	struct member_key key = { .endpoint = endpoint->id, .service = endpoint->service_id };

	kern_endpoint_state(kern, endpoint->id, &endpoint->state);
	if (endpoint->measured)
		kern_response_state(kern, &key, &endpoint->response);
	endpoint->drained = kern_is_drained(kern, endpoint->id);
}

void listing_observe(struct listing *listing, const struct kern *kern)
{
	for (size_t i = 0; i < listing->n_endpoints; i++)
		listed_endpoint_observe(&listing->endpoints[i], kern);
}
