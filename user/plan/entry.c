/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rows of the mirror, one table after the other, and who refers to whom. */
#include "plan/entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ids_add(struct ids *ids, uint64_t id)
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

struct name_entry *name_by_id(const struct present *present, uint32_t id)
{
	struct name_entry *entry;

	HASH_FIND(by_id, present->names_by_id, &id, sizeof(id), entry);
	return entry;
}

struct endpoint_entry *endpoint_by_id(const struct present *present, uint64_t id)
{
	struct endpoint_entry *entry;

	HASH_FIND(by_id, present->endpoints_by_id, &id, sizeof(id), entry);
	return entry;
}

struct service_entry *service_by_id(const struct present *present, uint32_t id)
{
	struct service_entry *entry;

	HASH_FIND(by_id, present->services_by_id, &id, sizeof(id), entry);
	return entry;
}

/* ---- names ---- */

int name_add(struct present *present, uint32_t id, const char *text, struct name_entry **ret)
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

void name_forget(struct present *present, struct name_entry *entry)
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

int endpoint_add(struct present *present, uint64_t id, const struct endpoint_row *row,
		 struct endpoint_entry **ret)
{
	struct endpoint_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	entry->id = id;
	entry->row = *row;
	HASH_ADD(by_id, present->endpoints_by_id, id, sizeof(entry->id), entry);
	*ret = entry;
	return 0;
}

void endpoint_forget(struct present *present, struct endpoint_entry *entry)
{
	HASH_DELETE(by_id, present->endpoints_by_id, entry);
	free(entry);
}

struct service_key index_key(const struct endpoint_row *row)
{
	return (struct service_key){ .address = row->address, .port = row->port, .protocol = row->protocol };
}

struct index_entry *index_find(const struct present *present, const struct service_key *key)
{
	struct index_entry *entry;

	HASH_FIND(hh, present->index, key, sizeof(*key), entry);
	return entry;
}

struct index_entry *index_add(struct present *present, const struct service_key *key)
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
int index_chain(struct present *present, struct endpoint_entry *endpoint)
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

void index_unchain(struct index_entry *index, struct endpoint_entry *endpoint)
{
	struct endpoint_entry **link = &index->endpoints;

	while (*link != endpoint)
		link = &(*link)->next_of_address;
	*link = endpoint->next_of_address;
}

void index_forget(struct present *present, struct index_entry *entry)
{
	HASH_DELETE(hh, present->index, entry);
	free(entry);
}

/* The row of the kernel names the newest endpoint of its address. */
int index_settle(struct present *present, struct plan *plan, struct index_entry *index)
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

/* The row as a whole is the identity. Few endpoints share an address: those that have left and not gone yet. */
static struct endpoint_entry *endpoint_find(const struct present *present, const struct endpoint_row *row)
{
	struct service_key key = index_key(row);
	struct index_entry *index = index_find(present, &key);
	struct endpoint_entry *entry = index ? index->endpoints : NULL;

	while (entry && memcmp(&entry->row, row, sizeof(*row)))
		entry = entry->next_of_address;
	return entry;
}

/* Zeroed, and once: what the kernel counts there must never be undone. */
static int endpoint_put_state(struct plan *plan, struct endpoint_entry *entry)
{
	static const struct endpoint_state state;

	if (entry->has_state)
		return 0;
	entry->has_state = true;
	return plan_put(plan, TABLE_ENDPOINT_STATE, &entry->id, &state);
}

int endpoint_intern(struct present *present, struct plan *plan, const struct endpoint_row *identity,
		    const char *node, const char *zone, uint64_t *ret_id)
{
	struct endpoint_row row = *identity;
	struct endpoint_entry *entry = NULL;
	struct service_key key = index_key(identity);
	int error;

	if (identity_complete(present, &row, node, zone))
		entry = endpoint_find(present, &row);
	if (entry) {
		*ret_id = entry->id;
		return endpoint_put_state(plan, entry);
	}
	error = name_take(present, plan, node, &row.node);
	if (!error)
		error = name_take(present, plan, zone, &row.zone);
	if (!error)
		error = endpoint_add(present, present->meta.next_endpoint++, &row, &entry);
	if (!error)
		error = index_chain(present, entry);
	if (!error)
		error = endpoint_put_state(plan, entry);
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

/* ---- response times ---- */

struct response_entry *response_find(const struct present *present, const struct member_key *key)
{
	struct response_entry *entry;

	HASH_FIND(hh, present->responses, key, sizeof(*key), entry);
	return entry;
}

struct response_entry *response_add(struct present *present, const struct member_key *key)
{
	struct response_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->key = *key;
	HASH_ADD(hh, present->responses, key, sizeof(entry->key), entry);
	return entry;
}

void response_forget(struct present *present, struct response_entry *entry)
{
	HASH_DELETE(hh, present->responses, entry);
	free(entry);
}

void response_doom(struct present *present, struct response_entry *entry)
{
	if (entry->doomed)
		return;
	entry->doomed = true;
	entry->next_doomed = present->doomed_responses;
	present->doomed_responses = entry;
}

int response_take(struct present *present, struct plan *plan, const struct member_key *key)
{
	static const struct response_state state;
	struct response_entry *entry = response_find(present, key);
	int error = 0;

	if (!entry) {
		entry = response_add(present, key);
		if (!entry)
			return -ENOMEM;
		error = plan_put(plan, TABLE_RESPONSE_STATE, key, &state);
	}
	entry->used = true;
	return error;
}

void response_idle(struct present *present, const struct member_key *key)
{
	struct response_entry *entry = response_find(present, key);

	if (!entry || !entry->used)
		return;
	entry->used = false;
	response_doom(present, entry);
}

/* ---- services ---- */

struct service_entry *service_insert(struct present *present, const struct service_key *key,
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
