/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Wanted against present routes. */
#include "plan/diff_route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "plan/entry.h"

/* A name cut where rows cut it is cut alike for all who look for it. */
static void full_name(const char *namespace, const char *name, char ret[NAME_SIZE])
{
	if (snprintf(ret, NAME_SIZE, "%s/%s", namespace, name) >= NAME_SIZE)
		ret[NAME_SIZE - 1] = '\0';
}

static int take_name(struct present *present, struct plan *plan, const char *namespace, const char *name,
		     uint32_t *ret)
{
	char text[NAME_SIZE];

	full_name(namespace, name, text);
	return name_take(present, plan, text, ret);
}

/* Counts a reference to each name of the row. */
static int build_row(struct present *present, struct plan *plan, const struct want_route *want,
		     struct route_key *ret_key, struct route_row *ret)
{
	int error = take_name(present, plan, want->route->namespace, want->route->name, &ret_key->route);

	if (!error)
		error = take_name(present, plan, want->parent->namespace, want->parent->name,
				  &ret_key->parent);
	if (!error && want->winner)
		error = take_name(present, plan, want->winner->namespace, want->winner->name, &ret->winner);
	ret_key->place = want->place;
	ret->port = want->parent->port;
	ret->accepted = want->accepted;
	for (size_t i = 0; !error && i < want->n_backends; i++) {
		const struct want_backend *backend = &want->backends[i];
		struct route_backend *row = &ret->backends[ret->n_backends++];

		error = take_name(present, plan, backend->target->namespace, backend->target->name,
				  &row->name);
		row->weight = backend->target->weight;
		row->endpoints = backend->endpoints;
		row->port = backend->target->port;
		row->resolved = backend->resolved;
	}
	return error;
}

static int diff_route(struct present *present, struct plan *plan, const struct want_route *want)
{
	struct route_key key = { 0 };
	struct route_row row = { 0 }, before;
	struct route_entry *entry;
	int error = build_row(present, plan, want, &key, &row);

	if (error)
		return error;
	entry = route_find(present, &key);
	if (entry) {
		before = entry->row;
		entry->row = row;
		entry->wanted = true;
		error = route_each_name(present, &key, &before, name_release);
		return error || !memcmp(&before, &row, sizeof(row))
			       ? error
			       : plan_put(plan, TABLE_ROUTES, &key, &row);
	}
	entry = route_insert(present, &key);
	if (!entry)
		return -ENOMEM;
	entry->row = row;
	entry->wanted = true;
	return plan_put(plan, TABLE_ROUTES, &key, &row);
}

static int drop_route(struct present *present, struct plan *plan, struct route_entry *entry)
{
	int error = plan_delete(plan, TABLE_ROUTES, &entry->key);

	if (!error)
		error = route_each_name(present, &entry->key, &entry->row, name_release);
	route_remove(present, entry);
	return error;
}

int diff_routes(struct present *present, const char *name, const struct wants *wants,
		const struct diff_options *options, struct plan *plan)
{
	const struct name_entry *own = name_find(present, name);
	struct route_entry *entry, *next;
	int error = 0;

	for (entry = own ? own->routes : NULL; entry; entry = entry->next_of_parent)
		entry->wanted = options->keep;
	for (size_t i = 0; !error && i < wants->n_routes; i++)
		error = diff_route(present, plan, &wants->routes[i]);
	own = name_find(present, name);
	for (entry = own ? own->routes : NULL; !error && entry; entry = next) {
		next = entry->next_of_parent;
		if (!entry->wanted)
			error = drop_route(present, plan, entry);
	}
	return error;
}

static bool is_wanted(const struct present *present, const struct route_entry *entry,
		      const struct wants *wants)
{
	for (size_t i = 0; i < wants->n_routes; i++) {
		const struct object *route = wants->routes[i].route;
		const struct name_entry *name;
		char text[NAME_SIZE];

		full_name(route->namespace, route->name, text);
		name = name_find(present, text);
		if (name && name->id == entry->key.route)
			return true;
	}
	return false;
}

bool routes_are_lost(const struct present *present, const char *name, const struct wants *wants)
{
	const struct name_entry *own = name_find(present, name);
	const struct route_entry *entry;

	for (entry = own ? own->routes : NULL; entry; entry = entry->next_of_parent) {
		if (entry->row.accepted == ROUTE_ACCEPTED && !is_wanted(present, entry, wants))
			return true;
	}
	return false;
}
