/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Services: what belongs to each, who names it, and which of them must be looked at again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/vec.h"
#include "model/impl.h"

void record_free(struct record *record)
{
	free(record->key);
	free(record->namespace);
	free(record->name);
	free(record->slices);
	free(record->routes);
	free(record->users);
	free(record);
}

static bool record_exists(const struct record *record)
{
	return record->service || record->n_slices || record->n_routes;
}

void record_mark(struct model *model, struct record *record)
{
	if (record->dirty)
		return;
	record->dirty = true;
	DL_APPEND(model->dirty, record);
}

static void mark_parents(struct model *model, const struct entry *route)
{
	for (size_t i = 0; i < route->object.route.n_parents; i++)
		record_mark(model, route->parents[i]);
}

void record_touch(struct model *model, struct record *record)
{
	record_mark(model, record);
	for (size_t i = 0; i < record->n_users; i++)
		mark_parents(model, record->users[i]);
}

void record_release(struct model *model, struct record *record)
{
	if (--record->refs || record->dirty)
		return;
	HASH_DELETE(hh, model->records, record);
	record_free(record);
}

static struct record *record_find(const struct model *model, const char *namespace, const char *name)
{
	_cleanup_(freep) char *key = text_format("%s/%s", namespace, name);
	struct record *record = NULL;

	if (key)
		HASH_FIND_STR(model->records, key, record);
	return record;
}

static int make_room(struct record *record)
{
	if (vec_reserve(&record->slices, record->refs, &record->slices_room, sizeof(*record->slices)) ||
	    vec_reserve(&record->routes, record->refs, &record->routes_room, sizeof(*record->routes)) ||
	    vec_reserve(&record->users, record->refs, &record->users_room, sizeof(*record->users)))
		return -ENOMEM;
	return 0;
}

int record_take(struct model *model, const char *namespace, const char *name, struct record **ret)
{
	struct record *record = record_find(model, namespace, name);

	if (!record) {
		record = calloc(1, sizeof(*record));
		if (!record)
			return -ENOMEM;
		record->key = text_format("%s/%s", namespace, name);
		record->namespace = strdup(namespace);
		record->name = strdup(name);
		if (!record->key || !record->namespace || !record->name) {
			record_free(record);
			return -ENOMEM;
		}
		HASH_ADD_KEYPTR(hh, model->records, record->key, strlen(record->key), record);
	}
	record->refs++;
	if (make_room(record)) {
		record_release(model, record);
		return -ENOMEM;
	}
	*ret = record;
	return 0;
}

/* Puts `object` before the first that it comes before; one that is there already is not put twice. */
static void list_add(const struct object **list, size_t *count, const struct object *object,
		     int (*compare)(const struct object *a, const struct object *b))
{
	size_t at = *count;

	for (size_t i = 0; i < *count; i++) {
		if (list[i] == object)
			return;
	}
	for (; at && compare(list[at - 1], object) > 0; at--)
		list[at] = list[at - 1];
	list[at] = object;
	(*count)++;
}

static void list_remove(const struct object **list, size_t *count, const struct object *object)
{
	size_t at = 0;

	while (at < *count && list[at] != object)
		at++;
	if (at == *count)
		return;
	(*count)--;
	memmove(&list[at], &list[at + 1], (*count - at) * sizeof(*list));
}

static int compare_names(const struct object *a, const struct object *b)
{
	int order = strcmp(a->namespace, b->namespace);

	return order ? order : strcmp(a->name, b->name);
}

/* One that was never created in a cluster is the youngest. */
static int compare_age(const struct object *a, const struct object *b)
{
	bool a_known = *a->route.created, b_known = *b->route.created;
	int order =
		a_known != b_known ? (int)b_known - (int)a_known : strcmp(a->route.created, b->route.created);

	return order ? order : compare_names(a, b);
}

static void users_add(struct record *record, struct entry *entry)
{
	for (size_t i = 0; i < record->n_users; i++) {
		if (record->users[i] == entry)
			return;
	}
	record->users[record->n_users++] = entry;
}

static void users_remove(struct record *record, const struct entry *entry)
{
	size_t at = 0;

	while (at < record->n_users && record->users[at] != entry)
		at++;
	if (at < record->n_users)
		record->users[at] = record->users[--record->n_users];
}

static void enter_route(struct entry *entry)
{
	const struct route *route = &entry->object.route;

	for (size_t i = 0; i < route->n_parents; i++)
		list_add(entry->parents[i]->routes, &entry->parents[i]->n_routes, &entry->object,
			 compare_age);
	for (size_t i = 0; i < route->n_targets; i++) {
		if (entry->targets[i])
			users_add(entry->targets[i], entry);
	}
}

static void leave_route(struct entry *entry)
{
	const struct route *route = &entry->object.route;

	for (size_t i = 0; i < route->n_parents; i++)
		list_remove(entry->parents[i]->routes, &entry->parents[i]->n_routes, &entry->object);
	for (size_t i = 0; i < route->n_targets; i++) {
		if (entry->targets[i])
			users_remove(entry->targets[i], entry);
	}
}

void record_enter(struct entry *entry)
{
	struct record *record = entry->record;

	if (entry->object.kind == OBJECT_ROUTE)
		enter_route(entry);
	else if (record && entry->object.kind == OBJECT_SERVICE)
		record->service = &entry->object;
	else if (record)
		list_add(record->slices, &record->n_slices, &entry->object, compare_names);
}

void record_leave(struct entry *entry)
{
	struct record *record = entry->record;

	if (entry->object.kind == OBJECT_ROUTE)
		leave_route(entry);
	else if (record && entry->object.kind == OBJECT_SERVICE)
		record->service = NULL;
	else if (record)
		list_remove(record->slices, &record->n_slices, &entry->object);
}

static void record_show(const struct record *record, struct model_service *ret)
{
	*ret = (struct model_service){
		.namespace = record->namespace,
		.name = record->name,
		.service = record->service,
		.slices = record->slices,
		.n_slices = record->n_slices,
		.routes = record->routes,
		.n_routes = record->n_routes,
	};
}

bool model_next_dirty(struct model *model, struct model_service *ret)
{
	struct record *record = model->dirty;

	if (!record)
		return false;
	DL_DELETE(model->dirty, record);
	record->dirty = false;
	record_show(record, ret);
	if (!record->refs) {
		HASH_DELETE(hh, model->records, record);
		DL_APPEND(model->gone, record);
	}
	return true;
}

void model_mark_all_dirty(struct model *model)
{
	struct record *record, *next;

	HASH_ITER (hh, model->records, record, next) {
		if (record_exists(record))
			record_mark(model, record);
	}
}

bool model_find(const struct model *model, const char *namespace, const char *name, struct model_service *ret)
{
	const struct record *record = record_find(model, namespace, name);

	if (!record || !record_exists(record))
		return false;
	record_show(record, ret);
	return true;
}

static int record_compare(const struct record *a, const struct record *b)
{
	int order = strcmp(a->namespace, b->namespace);

	return order ? order : strcmp(a->name, b->name);
}

int model_each(struct model *model, model_service_fn *call, void *arg)
{
	struct model_service service;
	struct record *record, *next;
	int result = 0;

	HASH_SRT(hh, model->records, record_compare);
	HASH_ITER (hh, model->records, record, next) {
		if (!record_exists(record))
			continue;
		record_show(record, &service);
		result = call(arg, &service);
		if (result)
			break;
	}
	return result;
}
