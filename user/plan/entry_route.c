/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rows of routes. */
#include <stdlib.h>

#include "plan/entry.h"

struct route_entry *route_find(const struct present *present, const struct route_key *key)
{
	struct route_entry *entry;

	HASH_FIND(hh, present->routes, key, sizeof(*key), entry);
	return entry;
}

struct route_entry *route_insert(struct present *present, const struct route_key *key)
{
	struct route_entry *entry = calloc(1, sizeof(*entry));
	struct name_entry *parent = name_by_id(present, key->parent);

	if (!entry)
		return NULL;
	entry->key = *key;
	HASH_ADD(hh, present->routes, key, sizeof(entry->key), entry);
	if (parent) {
		entry->next_of_parent = parent->routes;
		parent->routes = entry;
	}
	return entry;
}

void route_remove(struct present *present, struct route_entry *entry)
{
	struct name_entry *parent = name_by_id(present, entry->key.parent);
	struct route_entry **link = parent ? &parent->routes : NULL;

	while (link && *link && *link != entry)
		link = &(*link)->next_of_parent;
	if (link && *link)
		*link = entry->next_of_parent;
	HASH_DELETE(hh, present->routes, entry);
	free(entry);
}

int route_each_name(struct present *present, const struct route_key *key, const struct route_row *row,
		    route_name_fn *call)
{
	int error = call(present, key->route);

	if (!error)
		error = call(present, key->parent);
	if (!error)
		error = call(present, row->winner);
	for (size_t i = 0; !error && i < row->n_backends && i < MAX_BACKENDS; i++)
		error = call(present, row->backends[i].name);
	return error;
}
