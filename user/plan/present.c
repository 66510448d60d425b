/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tables of the kernel, mirrored with their references. */
#include "plan/present.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

static int ids_add(struct ids *ids, uint64_t id)
{
	if (ids->count == ids->room) {
		size_t room = ids->room ? ids->room * 2 : 16;
		uint64_t *grown = realloc(ids->items, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		ids->items = grown;
		ids->room = room;
	}
	ids->items[ids->count++] = id;
	return 0;
}

static struct name_entry *name_by_id(const struct present *present, uint32_t id)
{
	struct name_entry *entry;

	HASH_FIND(by_id, present->names_by_id, &id, sizeof(id), entry);
	return entry;
}

static struct endpoint_entry *endpoint_by_id(const struct present *present, uint64_t id)
{
	struct endpoint_entry *entry;

	HASH_FIND(by_id, present->endpoints_by_id, &id, sizeof(id), entry);
	return entry;
}

static struct service_entry *service_by_id(const struct present *present, uint32_t id)
{
	struct service_entry *entry;

	HASH_FIND(by_id, present->services_by_id, &id, sizeof(id), entry);
	return entry;
}

/* ---- names ---- */

static int name_add(struct present *present, uint32_t id, const char *text, struct name_entry **ret)
{
	struct name_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	entry->id = id;
	entry->text = strndup(text, NAME_SIZE - 1);
	if (!entry->text) {
		free(entry);
		return -ENOMEM;
	}
	HASH_ADD(by_id, present->names_by_id, id, sizeof(entry->id), entry);
	HASH_ADD_KEYPTR(by_text, present->names_by_text, entry->text, strlen(entry->text), entry);
	*ret = entry;
	return 0;
}

static void name_forget(struct present *present, struct name_entry *entry)
{
	HASH_DELETE(by_id, present->names_by_id, entry);
	HASH_DELETE(by_text, present->names_by_text, entry);
	free(entry->text);
	free(entry);
}

struct name_entry *name_find(const struct present *present, const char *text)
{
	struct name_entry *entry;
	size_t length = strnlen(text, NAME_SIZE - 1);

	HASH_FIND(by_text, present->names_by_text, text, length, entry);
	return entry;
}

int name_take(struct present *present, struct plan *plan, const char *text, uint32_t *ret_id)
{
	struct name_row row = { 0 };
	struct name_entry *entry;
	int error;

	if (!*text) {
		*ret_id = 0;
		return 0;
	}
	entry = name_find(present, text);
	if (!entry) {
		error = name_add(present, present->meta.next_name++, text, &entry);
		if (error)
			return error;
		memcpy(row.text, entry->text, strlen(entry->text));
		plan->meta_changed = true;
		error = plan_put(plan, TABLE_NAMES, &entry->id, &row);
		if (error)
			return error;
	}
	entry->refs++;
	*ret_id = entry->id;
	return 0;
}

int name_release(struct present *present, uint32_t id)
{
	struct name_entry *entry = id ? name_by_id(present, id) : NULL;

	if (!entry || --entry->refs)
		return 0;
	return ids_add(&present->doomed_names, id);
}

/* ---- endpoints ---- */

static int endpoint_add(struct present *present, uint64_t id, const struct endpoint_row *row,
			struct endpoint_entry **ret)
{
	struct endpoint_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	entry->id = id;
	entry->row = *row;
	HASH_ADD(by_id, present->endpoints_by_id, id, sizeof(entry->id), entry);
	HASH_ADD(by_row, present->endpoints_by_row, row, sizeof(entry->row), entry);
	*ret = entry;
	return 0;
}

static void endpoint_forget(struct present *present, struct endpoint_entry *entry)
{
	HASH_DELETE(by_id, present->endpoints_by_id, entry);
	HASH_DELETE(by_row, present->endpoints_by_row, entry);
	free(entry);
}

static struct service_key index_key(const struct endpoint_row *row)
{
	return (struct service_key){ .address = row->address, .port = row->port, .protocol = row->protocol };
}

static struct index_entry *index_find(const struct present *present, const struct service_key *key)
{
	struct index_entry *entry;

	HASH_FIND(hh, present->index, key, sizeof(*key), entry);
	return entry;
}

static struct index_entry *index_add(struct present *present, const struct service_key *key)
{
	struct index_entry *entry = index_find(present, key);

	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->key = *key;
	HASH_ADD(hh, present->index, key, sizeof(entry->key), entry);
	return entry;
}

/* Into the chain of its address, the newest first. */
static int index_chain(struct present *present, struct endpoint_entry *endpoint)
{
	struct service_key key = index_key(&endpoint->row);
	struct index_entry *index = index_add(present, &key);
	struct endpoint_entry **link;

	if (!index)
		return -ENOMEM;
	link = &index->endpoints;
	while (*link && (*link)->id > endpoint->id)
		link = &(*link)->next_of_address;
	endpoint->next_of_address = *link;
	*link = endpoint;
	return 0;
}

static void index_unchain(struct index_entry *index, struct endpoint_entry *endpoint)
{
	struct endpoint_entry **link = &index->endpoints;

	while (*link != endpoint)
		link = &(*link)->next_of_address;
	*link = endpoint->next_of_address;
}

static void index_forget(struct present *present, struct index_entry *entry)
{
	HASH_DELETE(hh, present->index, entry);
	free(entry);
}

/* The row of the kernel names the newest endpoint of its address. */
static int index_settle(struct present *present, struct plan *plan, struct index_entry *index)
{
	struct service_key key = index->key;

	if (!index->endpoints) {
		index_forget(present, index);
		return plan_delete(plan, TABLE_INDEX, &key);
	}
	if (index->endpoint == index->endpoints->id)
		return 0;
	index->endpoint = index->endpoints->id;
	return plan_put(plan, TABLE_INDEX, &key, &index->endpoint);
}

/* Fills in the names of node and zone if both are known; then an endpoint may bear them already. */
static bool identity_complete(const struct present *present, struct endpoint_row *row, const char *node,
			      const char *zone)
{
	const struct name_entry *node_name = *node ? name_find(present, node) : NULL;
	const struct name_entry *zone_name = *zone ? name_find(present, zone) : NULL;

	if ((*node && !node_name) || (*zone && !zone_name))
		return false;
	row->node = node_name ? node_name->id : 0;
	row->zone = zone_name ? zone_name->id : 0;
	return true;
}

int endpoint_intern(struct present *present, struct plan *plan, const struct endpoint_row *identity,
		    const char *node, const char *zone, uint64_t *ret_id)
{
	struct endpoint_row row = *identity;
	struct endpoint_entry *entry = NULL;
	struct service_key key = index_key(identity);
	int error;

	if (identity_complete(present, &row, node, zone))
		HASH_FIND(by_row, present->endpoints_by_row, &row, sizeof(row), entry);
	if (entry) {
		*ret_id = entry->id;
		return 0;
	}
	error = name_take(present, plan, node, &row.node);
	if (!error)
		error = name_take(present, plan, zone, &row.zone);
	if (!error)
		error = endpoint_add(present, present->meta.next_endpoint++, &row, &entry);
	if (!error)
		error = index_chain(present, entry);
	if (!error)
		error = plan_put(plan, TABLE_ENDPOINTS, &entry->id, &row);
	if (!error)
		error = index_settle(present, plan, index_find(present, &key));
	if (error)
		return error;
	plan->meta_changed = true;
	*ret_id = entry->id;
	return 0;
}

int endpoint_take(struct present *present, uint64_t id)
{
	struct endpoint_entry *entry = endpoint_by_id(present, id);

	if (!entry)
		return -ENOENT;
	entry->refs++;
	return 0;
}

int endpoint_release(struct present *present, uint64_t id)
{
	struct endpoint_entry *entry = endpoint_by_id(present, id);

	if (!entry || --entry->refs)
		return 0;
	return ids_add(&present->doomed_endpoints, id);
}

/* ---- services ---- */

static struct service_entry *service_insert(struct present *present, const struct service_key *key,
					    const struct service_row *row)
{
	struct service_entry *entry = calloc(1, sizeof(*entry));
	struct name_entry *name = name_by_id(present, row->name);

	if (!entry)
		return NULL;
	entry->key = *key;
	entry->row = *row;
	HASH_ADD(by_key, present->services_by_key, key, sizeof(entry->key), entry);
	HASH_ADD(by_id, present->services_by_id, row.id, sizeof(entry->row.id), entry);
	if (name) {
		entry->next_of_name = name->services;
		name->services = entry;
	}
	return entry;
}

struct service_entry *service_find(const struct present *present, const struct service_key *key)
{
	struct service_entry *entry;

	HASH_FIND(by_key, present->services_by_key, key, sizeof(*key), entry);
	return entry;
}

int service_add(struct present *present, struct plan *plan, const struct service_key *key, const char *name,
		struct service_entry **ret)
{
	struct service_row row = { .id = present->meta.next_service++ };
	struct service_entry *entry;
	int error = name_take(present, plan, name, &row.name);

	if (error)
		return error;
	plan->meta_changed = true;
	entry = service_insert(present, key, &row);
	if (!entry)
		return -ENOMEM;
	*ret = entry;
	return 0;
}

void service_remove(struct present *present, struct service_entry *entry)
{
	struct name_entry *name = name_by_id(present, entry->row.name);
	struct service_entry **link = name ? &name->services : NULL;

	while (link && *link && *link != entry)
		link = &(*link)->next_of_name;
	if (link && *link)
		*link = entry->next_of_name;
	HASH_DELETE(by_key, present->services_by_key, entry);
	HASH_DELETE(by_id, present->services_by_id, entry);
	free(entry->slots);
	free(entry->members);
	free(entry);
}

/* ---- the whole ---- */

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
	struct name_entry *name, *next_name;

	if (!present)
		return;
	HASH_ITER (by_key, present->services_by_key, service, next_service)
		service_remove(present, service);
	HASH_ITER (by_id, present->endpoints_by_id, endpoint, next_endpoint)
		endpoint_forget(present, endpoint);
	HASH_ITER (hh, present->index, index, next_index)
		index_forget(present, index);
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

static int read_index(struct present *present, const struct service_key *key, const void *value)
{
	struct index_entry *index = index_add(present, key);

	if (!index)
		return -ENOMEM;
	memcpy(&index->endpoint, value, sizeof(index->endpoint));
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
		return service_insert(present, key, value) ? 0 : -ENOMEM;
	case TABLE_ENDPOINTS:
		memcpy(&id, key, sizeof(id));
		return endpoint_add(present, id, value, &endpoint);
	case TABLE_INDEX:
		return read_index(present, key, value);
	case TABLE_STATE:
		return read_state(present, *(const uint32_t *)key);
	case TABLE_MEMBERS:
		return read_member(present, key, value);
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

static void reference_name(struct present *present, uint32_t id)
{
	struct name_entry *entry = id ? name_by_id(present, id) : NULL;

	if (entry)
		entry->refs++;
}

static int doom_unreferenced(struct present *present)
{
	struct endpoint_entry *endpoint, *next_endpoint;
	struct name_entry *name, *next_name;
	int error = 0;

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
	int error = 0;

	HASH_ITER (by_key, present->services_by_key, service, next_service) {
		reference_name(present, service->row.name);
		if (service->n_members)
			qsort(service->members, service->n_members, sizeof(*service->members),
			      member_compare);
		for (size_t i = 0; i < service->n_members; i++) {
			endpoint = endpoint_by_id(present, service->members[i].endpoint);
			if (endpoint)
				endpoint->refs++;
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
	return present->doomed_endpoints.count || present->doomed_names.count ||
	       !plan_is_empty(&present->garbage);
}

static int reap_endpoint(struct present *present, struct plan *plan, struct endpoint_entry *entry)
{
	struct service_key key = index_key(&entry->row);
	struct index_entry *index = index_find(present, &key);
	int error = plan_delete(plan, TABLE_ENDPOINTS, &entry->id);

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

static int reap_doomed(struct present *present, struct plan *plan)
{
	struct endpoint_entry *endpoint;
	struct name_entry *name;
	int error = 0;

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
