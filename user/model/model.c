/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All objects, by origin and by name. */
#include "model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/impl.h"

static const char *const kind_names[] = {
	[OBJECT_SERVICE] = "Service", [OBJECT_SLICE] = "EndpointSlice",	 [OBJECT_NODE] = "Node",
	[OBJECT_ROUTE] = "TCPRoute",  [OBJECT_GRANT] = "ReferenceGrant",
};

const char *object_kind_name(enum object_kind kind)
{
	return kind_names[kind];
}

size_t model_count(const struct model *model, enum object_kind kind)
{
	return model->counts[kind];
}

/* "default/web", or "worker-1" for what has no namespace. */
static char *full_name(const struct object *object)
{
	return text_format("%s%s%s", object->namespace, *object->namespace ? "/" : "", object->name);
}

static void claim_free(struct claim *claim)
{
	free(claim->key);
	free(claim);
}

static void claim_release(struct model *model, struct claim *claim)
{
	if (--claim->refs)
		return;
	HASH_DELETE(hh, model->claims, claim);
	claim_free(claim);
}

static char *claim_key(enum object_kind kind, const char *namespace, const char *name)
{
	return text_format("%d/%s/%s", kind, namespace, name);
}

static int claim_take(struct model *model, const struct object *object, struct claim **ret)
{
	_cleanup_(freep) char *key = claim_key(object->kind, object->namespace, object->name);
	struct claim *claim = NULL;

	if (!key)
		return -ENOMEM;
	HASH_FIND_STR(model->claims, key, claim);
	if (!claim) {
		claim = calloc(1, sizeof(*claim));
		if (!claim)
			return -ENOMEM;
		claim->key = TAKE_PTR(key);
		HASH_ADD_KEYPTR(hh, model->claims, claim->key, strlen(claim->key), claim);
	}
	claim->refs++;
	*ret = claim;
	return 0;
}

static void release_records(struct model *model, struct record ***records, size_t count)
{
	for (size_t i = 0; *records && i < count; i++) {
		if ((*records)[i])
			record_release(model, (*records)[i]);
	}
	free(*records);
	*records = NULL;
}

/* For one that stands in no claim's list. */
static void entry_free(struct model *model, struct entry *entry)
{
	if (entry->claim)
		claim_release(model, entry->claim);
	if (entry->record)
		record_release(model, entry->record);
	if (entry->object.kind == OBJECT_ROUTE) {
		release_records(model, &entry->parents, entry->object.route.n_parents);
		release_records(model, &entry->targets, entry->object.route.n_targets);
	}
	object_done(&entry->object);
	free(entry);
}

/* Those that a route names. */
static int take_services(struct model *model, struct entry *entry)
{
	const struct route *route = &entry->object.route;
	int error = 0;

	entry->parents = calloc(route->n_parents + 1, sizeof(*entry->parents));
	entry->targets = calloc(route->n_targets + 1, sizeof(*entry->targets));
	if (!entry->parents || !entry->targets)
		return -ENOMEM;
	for (size_t i = 0; !error && i < route->n_parents; i++)
		error = record_take(model, route->parents[i].namespace, route->parents[i].name,
				    &entry->parents[i]);
	for (size_t i = 0; !error && i < route->n_targets; i++) {
		if (!*route->targets[i].kind)
			error = record_take(model, route->targets[i].namespace, route->targets[i].name,
					    &entry->targets[i]);
	}
	return error;
}

/* Takes the object over, also when it fails. */
static int entry_new(struct model *model, struct object *object, struct entry **ret)
{
	struct entry *entry = calloc(1, sizeof(*entry));
	const char *service = NULL;
	int error;

	if (!entry) {
		object_done(object);
		return -ENOMEM;
	}
	entry->object = *object;
	*object = (struct object){ 0 };
	if (entry->object.kind == OBJECT_SERVICE)
		service = entry->object.name;
	else if (entry->object.kind == OBJECT_SLICE && *entry->object.slice.service)
		service = entry->object.slice.service;
	error = claim_take(model, &entry->object, &entry->claim);
	if (!error && service)
		error = record_take(model, entry->object.namespace, service, &entry->record);
	if (!error && entry->object.kind == OBJECT_ROUTE)
		error = take_services(model, entry);
	if (error) {
		entry_free(model, entry);
		return error;
	}
	*ret = entry;
	return 0;
}

static void entry_enter(struct model *model, struct entry *entry)
{
	if (entry->object.kind == OBJECT_GRANT)
		DL_APPEND2(model->grants, entry, grant_before, grant_after);
	model->counts[entry->object.kind]++;
	record_enter(entry);
}

static void entry_leave(struct model *model, struct entry *entry)
{
	if (entry->object.kind == OBJECT_GRANT)
		DL_DELETE2(model->grants, entry, grant_before, grant_after);
	model->counts[entry->object.kind]--;
	record_leave(entry);
}

static void mark_routed(struct model *model)
{
	struct record *record, *next;

	HASH_ITER (hh, model->records, record, next) {
		if (record->n_routes)
			record_mark(model, record);
	}
}

/* Whoever depends on this object must be looked at again. */
static void entry_mark(struct model *model, const struct entry *entry)
{
	switch (entry->object.kind) {
	case OBJECT_SERVICE:
	case OBJECT_SLICE:
		if (entry->record)
			record_touch(model, entry->record);
		break;
	case OBJECT_NODE:
		if (*entry->object.node.zone)
			model_mark_all_dirty(model);
		break;
	case OBJECT_ROUTE:
		for (size_t i = 0; i < entry->object.route.n_parents; i++)
			record_mark(model, entry->parents[i]);
		break;
	case OBJECT_GRANT:
		mark_routed(model);
		break;
	}
}

/* The origin says `fresh` where it said `old`: `old` takes the content over, `fresh` is freed. */
static void entry_update(struct model *model, struct entry *old, struct entry *fresh)
{
	bool in_force = old->claim->entries == old;
	bool changed = in_force && !object_equal(&old->object, &fresh->object);
	struct entry before = *old;

	if (in_force)
		entry_leave(model, old);
	if (changed)
		entry_mark(model, old);
	old->stale = false;
	old->object = fresh->object;
	old->record = fresh->record;
	old->parents = fresh->parents;
	old->targets = fresh->targets;
	fresh->object = before.object;
	fresh->record = before.record;
	fresh->parents = before.parents;
	fresh->targets = before.targets;
	if (in_force)
		entry_enter(model, old);
	if (changed)
		entry_mark(model, old);
	entry_free(model, fresh);
}

static void entry_append(struct model *model, struct entry *entry, model_complain_fn *complain, void *arg)
{
	const struct entry *holder = entry->claim->entries;
	const struct object *object = &entry->object;

	DL_APPEND2(entry->claim->entries, entry, before, after);
	if (!holder) {
		entry_enter(model, entry);
		entry_mark(model, entry);
	} else if (complain) {
		_cleanup_(freep) char *name = full_name(object);
		_cleanup_(freep) char *sentence = NULL;

		sentence = text_format("%s: %s %s stands at %s already; this one is not taken", object->place,
				       kind_names[object->kind], name ? name : object->name,
				       holder->object.place);
		if (sentence)
			complain(arg, sentence);
	}
}

/* The origin does not say it any more; the next in line comes into force. */
static void entry_remove(struct model *model, struct entry *entry)
{
	struct claim *claim = entry->claim;
	bool in_force = claim->entries == entry;
	struct entry *heir;

	DL_DELETE2(claim->entries, entry, before, after);
	heir = in_force ? claim->entries : NULL;
	if (in_force)
		entry_leave(model, entry);
	if (heir)
		entry_enter(model, heir);
	if (in_force && !(heir && object_equal(&entry->object, &heir->object))) {
		entry_mark(model, entry);
		if (heir)
			entry_mark(model, heir);
	}
	entry_free(model, entry);
}

static struct entry *find_stale(const struct claim *claim)
{
	struct entry *entry;

	DL_FOREACH2(claim->entries, entry, after)
	{
		if (entry->stale)
			return entry;
	}
	return NULL;
}

static void gone_free(struct model *model)
{
	struct record *record, *next;

	DL_FOREACH_SAFE (model->gone, record, next)
		record_free(record);
	model->gone = NULL;
}

static void origin_free(struct origin *origin)
{
	free(origin->path);
	free(origin);
}

static int origin_get(struct model *model, const char *path, struct origin **ret)
{
	struct origin *origin;

	HASH_FIND_STR(model->origins, path, origin);
	if (!origin) {
		origin = calloc(1, sizeof(*origin));
		if (!origin)
			return -ENOMEM;
		origin->path = strdup(path);
		if (!origin->path) {
			free(origin);
			return -ENOMEM;
		}
		HASH_ADD_KEYPTR(hh, model->origins, origin->path, strlen(origin->path), origin);
	}
	*ret = origin;
	return 0;
}

static void origin_drop_empty(struct model *model, struct origin *origin)
{
	if (origin->entries)
		return;
	HASH_DELETE(hh, model->origins, origin);
	origin_free(origin);
}

/* All that can fail for want of memory: from here on, the objects only change places. */
static int entries_new(struct model *model, struct objects *objects, struct entry **ret)
{
	struct entry *first = NULL, **tail = &first, *entry, *next;
	int error = 0;

	for (size_t i = 0; !error && i < objects->count; i++) {
		error = entry_new(model, &objects->items[i], &entry);
		if (!error) {
			*tail = entry;
			tail = &entry->next;
		}
	}
	objects_done(objects);
	if (!error) {
		*ret = first;
		return 0;
	}
	LL_FOREACH_SAFE(first, entry, next)
	entry_free(model, entry);
	return error;
}

int model_replace(struct model *model, const char *path, struct objects *objects, model_complain_fn *complain,
		  void *arg)
{
	struct entry *fresh = NULL, *before, *entry, *next, *old;
	struct origin *origin;
	int error;

	gone_free(model);
	error = entries_new(model, objects, &fresh);
	if (error)
		return error;
	error = origin_get(model, path, &origin);
	if (error) {
		LL_FOREACH_SAFE(fresh, entry, next)
		entry_free(model, entry);
		return error;
	}
	before = origin->entries;
	origin->entries = NULL;
	LL_FOREACH(before, entry)
	entry->stale = true;
	LL_FOREACH_SAFE(fresh, entry, next)
	{
		old = find_stale(entry->claim);
		if (old) {
			entry_update(model, old, entry);
		} else {
			entry_append(model, entry, complain, arg);
			LL_PREPEND(origin->entries, entry);
		}
	}
	LL_FOREACH_SAFE(before, entry, next)
	{
		if (entry->stale)
			entry_remove(model, entry);
		else
			LL_PREPEND(origin->entries, entry);
	}
	origin_drop_empty(model, origin);
	return 0;
}

static bool names(char *const *list, size_t count, const char *name, bool empty_is_all)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(list[i], name) || (empty_is_all && !*list[i]))
			return true;
	}
	return false;
}

bool model_grants(const struct model *model, const char *from, const char *namespace, const char *name)
{
	const struct entry *entry;

	for (entry = model->grants; entry; entry = entry->grant_after) {
		const struct grant *grant = &entry->object.grant;

		if (!strcmp(entry->object.namespace, namespace) &&
		    names(grant->from, grant->n_from, from, false) &&
		    names(grant->to, grant->n_to, name, true))
			return true;
	}
	return false;
}

const char *model_zone(const struct model *model, const char *node)
{
	_cleanup_(freep) char *key = claim_key(OBJECT_NODE, "", node);
	struct claim *claim = NULL;

	if (key)
		HASH_FIND_STR(model->claims, key, claim);
	return claim && claim->entries ? claim->entries->object.node.zone : "";
}

int model_new(struct model **ret)
{
	struct model *model = calloc(1, sizeof(*model));

	if (!model)
		return -ENOMEM;
	*ret = model;
	return 0;
}

void model_free(struct model *model)
{
	struct origin *origin, *next_origin;
	struct record *record, *next_record;
	struct claim *claim, *next_claim;
	struct entry *entry, *next_entry;

	if (!model)
		return;
	gone_free(model);
	HASH_ITER (hh, model->origins, origin, next_origin) {
		LL_FOREACH_SAFE(origin->entries, entry, next_entry)
		{
			free(entry->parents);
			free(entry->targets);
			object_done(&entry->object);
			free(entry);
		}
		HASH_DELETE(hh, model->origins, origin);
		origin_free(origin);
	}
	HASH_ITER (hh, model->claims, claim, next_claim) {
		HASH_DELETE(hh, model->claims, claim);
		claim_free(claim);
	}
	HASH_ITER (hh, model->records, record, next_record) {
		HASH_DELETE(hh, model->records, record);
		record_free(record);
	}
	free(model);
}

void model_freep(struct model **model)
{
	model_free(*model);
	*model = NULL;
}