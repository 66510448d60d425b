/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Routes at their parents, and what became of them. */
#include "cmd/get_routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/full_name.h"
#include "watch/list.h"
#include "watch/route.h"

const struct column route_columns[ROUTE_COLUMNS] = {
	{ "NAMESPACE", "namespace", CELL_TEXT, COLUMN_ALWAYS },
	{ "NAME", "name", CELL_TEXT, COLUMN_ALWAYS },
	{ "PARENT", "parent", CELL_TEXT, COLUMN_ALWAYS },
	{ "PORT", "port", CELL_NUMBER, COLUMN_ALWAYS },
	{ "BACKENDS", "summary", CELL_TEXT, COLUMN_ALWAYS },
	{ "ACCEPTED", "accepted", CELL_BOOL, COLUMN_ALWAYS },
	{ "REASON", "accepted_reason", CELL_STATE, COLUMN_ALWAYS },
	{ "RESOLVED", "resolved_refs", CELL_BOOL, COLUMN_ALWAYS },
	{ "REASON", "resolved_refs_reason", CELL_STATE, COLUMN_ALWAYS },
	{ "MESSAGE", "message", CELL_TEXT, COLUMN_WIDE },
	{ "PLACE", "parent_index", CELL_NUMBER, COLUMN_DATA },
	{ "BACKENDS", "backends", CELL_JSON, COLUMN_DATA },
};

static const char *name_text(const struct present *present, uint32_t id)
{
	struct name_entry *entry = NULL;

	if (id)
		HASH_FIND(by_id, present->names_by_id, &id, sizeof(id), entry);
	return entry ? entry->text : "";
}

static struct named_route name_route(const struct present *present, const struct route_entry *entry)
{
	struct named_route route = {
		.row = &entry->row,
		.name = name_text(present, entry->key.route),
		.parent = name_text(present, entry->key.parent),
		.winner = name_text(present, entry->row.winner),
	};

	for (size_t i = 0; i < MAX_BACKENDS; i++)
		route.backends[i] =
			i < entry->row.n_backends ? name_text(present, entry->row.backends[i].name) : "";
	return route;
}

/* Writes what `print` prints into a cell. */
static void add_printed(struct sheet *sheet, const struct named_route *route,
			void (*print)(const struct named_route *route, FILE *to))
{
	_cleanup_(freep) char *text = NULL;
	size_t length;
	FILE *to = open_memstream(&text, &length);

	if (to)
		print(route, to);
	if (!to || fclose(to))
		sheet_null(sheet);
	else
		sheet_text(sheet, text);
}

/* In one's own namespace a name is enough: "web-v2:80 10 (3)" has weight 10 and 3 endpoints. */
static void print_summary(const struct named_route *route, FILE *to)
{
	struct full_name own = full_name(route->name);

	for (size_t i = 0; i < route->row->n_backends && i < MAX_BACKENDS; i++) {
		const struct route_backend *backend = &route->row->backends[i];
		struct full_name full = full_name(route->backends[i]);
		bool near = !strcmp(full.namespace, own.namespace);

		fprintf(to, "%s%s:%u %u (%u)", i ? ", " : "", near ? full.name : route->backends[i],
			backend->port, backend->weight, backend->endpoints);
	}
}

/* Names of Kubernetes have no characters that JSON writes otherwise. */
static void print_backends(const struct named_route *route, FILE *to)
{
	fputc('[', to);
	for (size_t i = 0; i < route->row->n_backends && i < MAX_BACKENDS; i++) {
		const struct route_backend *backend = &route->row->backends[i];
		struct full_name full = full_name(route->backends[i]);

		fprintf(to,
			"%s{\"namespace\":\"%s\",\"name\":\"%s\",\"port\":%u,\"weight\":%u,\"endpoints\":%u,"
			"\"reason\":\"%s\"}",
			i ? "," : "", full.namespace, full.name, backend->port, backend->weight,
			backend->endpoints, backend_resolved_reason(backend->resolved));
	}
	fputc(']', to);
}

static void add_route(struct sheet *sheet, const struct named_route *route, uint32_t place)
{
	enum backend_resolved resolved = route_resolved(route->row);
	struct full_name full = full_name(route->name);

	sheet_text(sheet, full.namespace);
	sheet_text(sheet, full.name);
	sheet_text(sheet, route->parent);
	if (route->row->port)
		sheet_number(sheet, route->row->port);
	else
		sheet_null(sheet);
	add_printed(sheet, route, print_summary);
	sheet_bool(sheet, route->row->accepted == ROUTE_ACCEPTED);
	sheet_text(sheet, route_accepted_reason(route->row->accepted));
	sheet_bool(sheet, resolved == BACKEND_RESOLVED);
	sheet_text(sheet, backend_resolved_reason(resolved));
	add_printed(sheet, route, route_explain);
	sheet_number(sheet, place);
	add_printed(sheet, route, print_backends);
}

struct sortable {
	const struct route_entry *entry;
	const char *name;
};

static int compare(const void *left, const void *right)
{
	const struct sortable *a = left, *b = right;
	int order = strcmp(a->name, b->name);

	return order ? order : (int)a->entry->key.place - (int)b->entry->key.place;
}

int fill_routes(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why)
{
	_cleanup_(listing_done) struct listing listing = { 0 };
	_cleanup_(freep) struct sortable *routes = NULL;
	const struct route_entry *entry;
	size_t count = 0;
	int error = listing_read(kern, &listing, why);

	if (error)
		return error;
	routes = calloc(HASH_COUNT(listing.present->routes) + 1, sizeof(*routes));
	if (!routes)
		return -ENOMEM;
	for (entry = listing.present->routes; entry; entry = entry->hh.next)
		routes[count++] = (struct sortable){ entry, name_text(listing.present, entry->key.route) };
	if (count)
		qsort(routes, count, sizeof(*routes), compare);
	for (size_t i = 0; i < count; i++) {
		struct named_route route = name_route(listing.present, routes[i].entry);
		struct full_name full = full_name(route.name);

		if (full_name_is_asked_for(cli, route.name, &full))
			add_route(sheet, &route, routes[i].entry->key.place);
	}
	return 0;
}
