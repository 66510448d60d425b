/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All objects, by origin and by name. */
#include "model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "base/text.h"
#include "base/vec.h"

/* One object as one origin says it. */
struct entry {
	struct object object;
	struct claim *claim;
	struct record *record;	      /* the service it is, or is a slice of; NULL if of none */
	bool stale;		      /* the origin may not say it any more */
	struct entry *next;	      /* of the origin */
	struct entry *before, *after; /* of the claim */
};

/* Who says an object of this kind and name. The first is in force, the others wait. */
struct claim {
	char *key;
	size_t refs;
	struct entry *entries;
	UT_hash_handle hh;
};

struct origin {
	char *path;
	struct entry *entries;
	UT_hash_handle hh;
};

/*
 * One service. Every entry that belongs to it holds a reference, in force or not, and `slices` has room for all
 * of them: so an object that waited can come into force without memory.
 */
struct record {
	char *key;
	char *namespace;
	char *name;
	size_t refs;
	const struct object *service;
	const struct object **slices;
	size_t n_slices;
	size_t room;
	bool dirty;
	struct record *prev, *next; /* among the dirty, or among the gone */
	UT_hash_handle hh;
};

struct model {
	struct claim *claims;
	struct origin *origins;
	struct record *records;
	struct record *dirty; /* oldest first */
	struct record *gone;  /* handed out by model_next_dirty(), to be freed at the next change */
};

static const char *const kind_names[] = {
	[OBJECT_SERVICE] = "Service",
	[OBJECT_SLICE] = "EndpointSlice",
	[OBJECT_NODE] = "Node",
};

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

static void record_free(struct record *record)
{
	free(record->key);
	free(record->namespace);
	free(record->name);
	free(record->slices);
	free(record);
}

static bool record_exists(const struct record *record)
{
	return record->service || record->n_slices;
}

static void record_mark(struct model *model, struct record *record)
{
	if (record->dirty)
		return;
	record->dirty = true;
	DL_APPEND(model->dirty, record);
}

static void record_release(struct model *model, struct record *record)
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

static int record_take(struct model *model, const char *namespace, const char *name, struct record **ret)
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
	if (vec_reserve(&record->slices, record->refs, &record->room, sizeof(*record->slices))) {
		record_release(model, record);
		return -ENOMEM;
	}
	*ret = record;
	return 0;
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

/* For one that stands in no claim's list. */
static void entry_free(struct model *model, struct entry *entry)
{
	if (entry->claim)
		claim_release(model, entry->claim);
	if (entry->record)
		record_release(model, entry->record);
	object_done(&entry->object);
	free(entry);
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
	if (error) {
		entry_free(model, entry);
		return error;
	}
	*ret = entry;
	return 0;
}

static void slices_add(struct record *record, const struct object *object)
{
	size_t at = record->n_slices;

	for (; at && strcmp(record->slices[at - 1]->name, object->name) > 0; at--)
		record->slices[at] = record->slices[at - 1];
	record->slices[at] = object;
	record->n_slices++;
}

static void slices_remove(struct record *record, const struct object *object)
{
	size_t at = 0;

	while (record->slices[at] != object)
		at++;
	record->n_slices--;
	memmove(&record->slices[at], &record->slices[at + 1],
		(record->n_slices - at) * sizeof(*record->slices));
}

static void entry_enter(struct entry *entry)
{
	if (!entry->record)
		return;
	if (entry->object.kind == OBJECT_SERVICE)
		entry->record->service = &entry->object;
	else
		slices_add(entry->record, &entry->object);
}

static void entry_leave(struct entry *entry)
{
	if (!entry->record)
		return;
	if (entry->object.kind == OBJECT_SERVICE)
		entry->record->service = NULL;
	else
		slices_remove(entry->record, &entry->object);
}

/* Whoever depends on this object must be looked at again. */
static void entry_mark(struct model *model, const struct entry *entry)
{
	if (entry->record)
		record_mark(model, entry->record);
	else if (entry->object.kind == OBJECT_NODE && *entry->object.node.zone)
		model_mark_all_dirty(model);
}

/* The origin says `fresh` where it said `old`: `old` takes the content over, `fresh` is freed. */
static void entry_update(struct model *model, struct entry *old, struct entry *fresh)
{
	bool in_force = old->claim->entries == old;
	bool changed = in_force && !object_equal(&old->object, &fresh->object);
	struct object object = old->object;
	struct record *record = old->record;

	if (in_force)
		entry_leave(old);
	if (changed)
		entry_mark(model, old);
	old->stale = false;
	old->object = fresh->object;
	old->record = fresh->record;
	fresh->object = object;
	fresh->record = record;
	if (in_force)
		entry_enter(old);
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
		entry_enter(entry);
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
		entry_leave(entry);
	if (heir)
		entry_enter(heir);
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

static void record_show(const struct record *record, struct model_service *ret)
{
	*ret = (struct model_service){
		.namespace = record->namespace,
		.name = record->name,
		.service = record->service,
		.slices = record->slices,
		.n_slices = record->n_slices,
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

bool model_find(struct model *model, const char *namespace, const char *name, struct model_service *ret)
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
