/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For model/ alone: what a model consists of. */
#pragma once

#include <uthash.h>
#include <utlist.h>

#include "model/model.h"

/* One object as one origin says it. */
struct entry {
	struct object object;
	struct claim *claim;
	struct record *record;			  /* the service it is, or is a slice of; NULL if of none */
	struct record **parents;		  /* of a route: the services it is attached to ... */
	struct record **targets;		  /* ... and those it sends to; NULL for what is no service */
	bool stale;				  /* the origin may not say it any more */
	struct entry *next;			  /* of the origin */
	struct entry *before, *after;		  /* of the claim */
	struct entry *grant_before, *grant_after; /* of the grants in force */
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
 * One service. Every entry that belongs to it or names it holds a reference, in force or not, and the lists have room
 * for all of them: so an object that waited can come into force without memory.
 */
struct record {
	char *key;
	char *namespace;
	char *name;
	size_t refs;
	const struct object *service;
	const struct object **slices;
	size_t n_slices;
	size_t slices_room;
	const struct object **routes; /* attached to it, the oldest first */
	size_t n_routes;
	size_t routes_room;
	struct entry **users; /* routes that send to it */
	size_t n_users;
	size_t users_room;
	bool dirty;
	struct record *prev, *next; /* among the dirty, or among the gone */
	UT_hash_handle hh;
};

struct model {
	struct claim *claims;
	struct origin *origins;
	struct record *records;
	struct record *dirty; /* oldest first */
	struct entry *grants;
	size_t counts[OBJECT_KINDS]; /* of what is in force */
	struct record *gone;	     /* handed out by model_next_dirty(), to be freed at the next change */
};

/* Finds or makes it, and counts one more reference. Returns 0 or -ENOMEM. */
int record_take(struct model *model, const char *namespace, const char *name, struct record **ret);
void record_release(struct model *model, struct record *record);
void record_free(struct record *record);
void record_mark(struct model *model, struct record *record);

/* What belongs to the service has changed: it must be looked at again, and so must those whose routes send to it. */
void record_touch(struct model *model, struct record *record);

/* The entry comes into force, or does not say it any more: the lists of the services that it belongs to or names. */
void record_enter(struct entry *entry);
void record_leave(struct entry *entry);
