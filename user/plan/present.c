/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The mirror as a whole: read from the kernel, settled, reaped. */
#include "plan/present.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan/entry.h"

int present_new(struct present **ret)
{
	struct present *present = calloc(1, sizeof(*present));

	if (!present)
		return -ENOMEM;
	present->meta = (struct meta_row){
		.abi = WEFT_ABI,
		.next_service = 1,
		.next_name = 1,
		.next_endpoint = 1,
	};
	*ret = present;
	return 0;
}

void present_free(struct present *present)
{
	struct service_entry *service, *next_service;
	struct endpoint_entry *endpoint, *next_endpoint;
	struct index_entry *index, *next_index;
	struct response_entry *response, *next_response;
	struct route_entry *route, *next_route;
	struct name_entry *name, *next_name;

	if (!present)
		return;
	HASH_ITER (hh, present->routes, route, next_route)
		route_remove(present, route);
	HASH_ITER (by_key, present->services_by_key, service, next_service)
		service_remove(present, service);
	HASH_ITER (by_id, present->endpoints_by_id, endpoint, next_endpoint)
		endpoint_forget(present, endpoint);
	HASH_ITER (hh, present->index, index, next_index)
		index_forget(present, index);
	HASH_ITER (hh, present->responses, response, next_response)
		response_forget(present, response);
	HASH_ITER (by_id, present->names_by_id, name, next_name)
		name_forget(present, name);
	plan_done(&present->garbage);
	free(present->doomed_endpoints.items);
	free(present->doomed_names.items);
	free(present);
}

void present_freep(struct present **present)
{
	present_free(*present);
	*present = NULL;
}

static int read_member(struct present *present, const struct member_key *key, const struct member_row *row)
{
	struct service_entry *service = service_by_id(present, key->service);
	struct member_entry *grown;

	if (!service)
		return plan_delete(&present->garbage, TABLE_MEMBERS, key);
	/* Powers of two, so that reading is linear. */
	if (!(service->n_members & (service->n_members - 1))) {
		size_t room = service->n_members ? service->n_members * 2 : 1;

		grown = realloc(service->members, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		service->members = grown;
	}
	service->members[service->n_members++] = (struct member_entry){ key->endpoint, *row };
	return 0;
}

static int read_slot(struct present *present, const struct slot_key *key, const struct slot_row *row)
{
	struct service_entry *service = service_by_id(present, key->service);

	if (!service || service->row.generation != key->generation || key->slot >= service->row.slot_count)
		return plan_delete(&present->garbage, TABLE_SLOTS, key);
	if (!service->slots)
		service->slots = calloc(service->row.slot_count, sizeof(*service->slots));
	if (!service->slots)
		return -ENOMEM;
	service->slots[key->slot] = *row;
	service->slots_read++;
	return 0;
}

static int read_state(struct present *present, uint32_t id)
{
	struct service_entry *service = service_by_id(present, id);

	if (!service)
		return plan_delete(&present->garbage, TABLE_STATE, &id);
	service->has_state = true;
	return 0;
}

static int read_splice_state(struct present *present, uint32_t id)
{
	struct service_entry *service = service_by_id(present, id);

	if (!service)
		return plan_delete(&present->garbage, TABLE_SPLICE_STATE, &id);
	service->has_splice = true;
	return 0;
}

static int read_endpoint_state(struct present *present, uint64_t id)
{
	struct endpoint_entry *endpoint = endpoint_by_id(present, id);

	if (!endpoint)
		return plan_delete(&present->garbage, TABLE_ENDPOINT_STATE, &id);
	endpoint->has_state = true;
	return 0;
}

static int read_drain(struct present *present, uint64_t id)
{
	return endpoint_by_id(present, id) ? 0 : plan_delete(&present->garbage, TABLE_DRAINS, &id);
}

static int read_index(struct present *present, const struct service_key *key, const void *value)
{
	struct index_entry *index = index_add(present, key);

	if (!index)
		return -ENOMEM;
	memcpy(&index->endpoint, value, sizeof(index->endpoint));
	return 0;
}

static int read_service(struct present *present, const struct service_key *key, const struct service_row *row)
{
	struct service_entry *service = service_insert(present, key, row);

	if (!service)
		return -ENOMEM;
	/* No weft has written that. With a slot of a list of none it is written anew. */
	if (service->row.slot_count > MAX_SLOTS) {
		service->row.slot_count = 0;
		service->slots_read = 1;
	}
	return 0;
}

static int read_route(struct present *present, const struct route_key *key, const struct route_row *row)
{
	struct route_entry *route = route_insert(present, key);

	if (!route)
		return -ENOMEM;
	route->row = *row;
	return 0;
}

int present_read(struct present *present, enum table table, const void *key, const void *value)
{
	struct endpoint_entry *endpoint;
	struct name_entry *name;
	uint64_t id;

	switch (table) {
	case TABLE_NAMES:
		return name_add(present, *(const uint32_t *)key, ((const struct name_row *)value)->text,
				&name);
	case TABLE_SERVICES:
		return read_service(present, key, value);
	case TABLE_ENDPOINTS:
		memcpy(&id, key, sizeof(id));
		return endpoint_add(present, id, value, &endpoint);
	case TABLE_INDEX:
		return read_index(present, key, value);
	case TABLE_STATE:
		return read_state(present, *(const uint32_t *)key);
	case TABLE_ENDPOINT_STATE:
		memcpy(&id, key, sizeof(id));
		return read_endpoint_state(present, id);
	case TABLE_DRAINS:
		memcpy(&id, key, sizeof(id));
		return read_drain(present, id);
	case TABLE_RESPONSE_STATE:
		return response_add(present, key) ? 0 : -ENOMEM;
	case TABLE_SPLICE_STATE:
		return read_splice_state(present, *(const uint32_t *)key);
	case TABLE_MEMBERS:
		return read_member(present, key, value);
	case TABLE_ROUTES:
		return read_route(present, key, value);
	case TABLE_SLOTS:
		return read_slot(present, key, value);
	default:
		return -EINVAL;
	}
}

int member_compare(const void *left, const void *right)
{
	const struct member_entry *a = left;
	const struct member_entry *b = right;

	return (a->endpoint > b->endpoint) - (a->endpoint < b->endpoint);
}

static int reference_name(struct present *present, uint32_t id)
{
	struct name_entry *entry = id ? name_by_id(present, id) : NULL;

	if (entry)
		entry->refs++;
	return 0;
}

static void use_response(struct present *present, const struct service_entry *service, uint64_t endpoint)
{
	struct member_key key = { .endpoint = endpoint, .service = service->row.id };
	struct response_entry *response = response_find(present, &key);

	if (response && service->row.flags & SERVICE_MEASURED)
		response->used = true;
}

static int doom_unreferenced(struct present *present)
{
	struct endpoint_entry *endpoint, *next_endpoint;
	struct response_entry *response, *next_response;
	struct name_entry *name, *next_name;
	int error = 0;

	HASH_ITER (hh, present->responses, response, next_response) {
		if (!response->used)
			response_doom(present, response);
	}
	HASH_ITER (by_id, present->endpoints_by_id, endpoint, next_endpoint) {
		if (!error && !endpoint->refs)
			error = ids_add(&present->doomed_endpoints, endpoint->id);
	}
	HASH_ITER (by_id, present->names_by_id, name, next_name) {
		if (!error && !name->refs)
			error = ids_add(&present->doomed_names, name->id);
	}
	return error;
}

int present_settle(struct present *present)
{
	struct service_entry *service, *next_service;
	struct endpoint_entry *endpoint, *next_endpoint;
	struct index_entry *index, *next_index;
	struct route_entry *route, *next_route;
	int error = 0;

	HASH_ITER (hh, present->routes, route, next_route)
		route_each_name(present, &route->key, &route->row, reference_name);
	HASH_ITER (by_key, present->services_by_key, service, next_service) {
		reference_name(present, service->row.name);
		if (service->n_members)
			qsort(service->members, service->n_members, sizeof(*service->members),
			      member_compare);
		for (size_t i = 0; i < service->n_members; i++) {
			endpoint = endpoint_by_id(present, service->members[i].endpoint);
			if (endpoint)
				endpoint->refs++;
			use_response(present, service, service->members[i].endpoint);
		}
	}
	HASH_ITER (by_id, present->endpoints_by_id, endpoint, next_endpoint) {
		reference_name(present, endpoint->row.node);
		reference_name(present, endpoint->row.zone);
		error = error ? error : index_chain(present, endpoint);
	}
	HASH_ITER (hh, present->index, index, next_index) {
		if (!error)
			error = index_settle(present, &present->garbage, index);
	}
	return error ? error : doom_unreferenced(present);
}

bool present_has_garbage(const struct present *present)
{
	return present->doomed_endpoints.count || present->doomed_names.count || present->doomed_responses ||
	       !plan_is_empty(&present->garbage);
}

static int reap_endpoint(struct present *present, struct plan *plan, struct endpoint_entry *entry)
{
	struct service_key key = index_key(&entry->row);
	struct index_entry *index = index_find(present, &key);
	int error = plan_delete(plan, TABLE_ENDPOINTS, &entry->id);

	if (!error && entry->has_state)
		error = plan_delete(plan, TABLE_ENDPOINT_STATE, &entry->id);
	/* Whether there is one only the kernel knows. */
	if (!error)
		error = plan_delete(plan, TABLE_DRAINS, &entry->id);
	index_unchain(index, entry);
	if (!error)
		error = index_settle(present, plan, index);
	if (!error)
		error = name_release(present, entry->row.node);
	if (!error)
		error = name_release(present, entry->row.zone);
	endpoint_forget(present, entry);
	return error;
}

static int reap_responses(struct present *present, struct plan *plan)
{
	int error = 0;

	while (!error && present->doomed_responses) {
		struct response_entry *entry = present->doomed_responses;

		present->doomed_responses = entry->next_doomed;
		entry->doomed = false;
		if (entry->used)
			continue;
		error = plan_delete(plan, TABLE_RESPONSE_STATE, &entry->key);
		response_forget(present, entry);
	}
	return error;
}

static int reap_doomed(struct present *present, struct plan *plan)
{
	struct endpoint_entry *endpoint;
	struct name_entry *name;
	int error = reap_responses(present, plan);

	for (size_t i = 0; !error && i < present->doomed_endpoints.count; i++) {
		endpoint = endpoint_by_id(present, present->doomed_endpoints.items[i]);
		if (endpoint && !endpoint->refs)
			error = reap_endpoint(present, plan, endpoint);
	}
	present->doomed_endpoints.count = 0;
	for (size_t i = 0; !error && i < present->doomed_names.count; i++) {
		name = name_by_id(present, present->doomed_names.items[i]);
		if (!name || name->refs)
			continue;
		error = plan_delete(plan, TABLE_NAMES, &name->id);
		name_forget(present, name);
	}
	present->doomed_names.count = 0;
	return error;
}

int present_reap(struct present *present, struct plan *plan)
{
	int error = 0;

	for (int table = 0; !error && table < TABLE_COUNT; table++) {
		const struct table_shape *shape = &table_shapes[table];
		const struct rows *rows = &present->garbage.deletes[table];

		for (size_t i = 0; !error && i < rows->count; i++)
			error = plan_delete(plan, table, rows->keys + i * shape->key);
		rows = &present->garbage.puts[table];
		for (size_t i = 0; !error && i < rows->count; i++)
			error = plan_put(plan, table, rows->keys + i * shape->key,
					 rows->values + i * shape->value);
	}
	plan_done(&present->garbage);
	return error ? error : reap_doomed(present, plan);
}

void present_count(const struct present *present, size_t ret[TABLE_COUNT])
{
	const struct service_entry *service;

	memset(ret, 0, TABLE_COUNT * sizeof(*ret));
	ret[TABLE_NAMES] = HASH_CNT(by_id, present->names_by_id);
	ret[TABLE_ENDPOINTS] = ret[TABLE_ENDPOINT_STATE] = HASH_CNT(by_id, present->endpoints_by_id);
	ret[TABLE_INDEX] = HASH_COUNT(present->index);
	ret[TABLE_SERVICES] = ret[TABLE_STATE] = HASH_CNT(by_key, present->services_by_key);
	ret[TABLE_RESPONSE_STATE] = HASH_COUNT(present->responses);
	ret[TABLE_ROUTES] = HASH_COUNT(present->routes);
	for (service = present->services_by_key; service; service = service->by_key.next) {
		ret[TABLE_MEMBERS] += service->n_members;
		ret[TABLE_SLOTS] += service->row.slot_count;
		ret[TABLE_SPLICE_STATE] += service->has_splice;
	}
}
