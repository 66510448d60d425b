/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel holds, in memory: read once at start, kept equal by every plan afterwards. It knows who refers
 * to what, so that a row is deleted when nobody does. Pure.
 */
#pragma once

#include <uthash.h>

#include "plan/plan.h"

/* One string of the map `names`. */
struct name_entry {
	uint32_t id;
	size_t refs; /* rows that bear it */
	char *text;
	struct service_entry *services; /* rows of the service of this name */
	struct route_entry *routes;	/* rows of the routes that name it */
	UT_hash_handle by_text, by_id;
};

/* The row itself is the identity: whatever differs in it makes another endpoint. */
struct endpoint_entry {
	struct endpoint_row row;
	uint64_t id;
	bool has_state;
	uint32_t refs;				/* member rows */
	struct endpoint_entry *next_of_address; /* an older one */
	UT_hash_handle by_id;
};

/* An address can have two endpoints for a while: that of the old pod and that of the new. */
struct index_entry {
	struct service_key key;
	uint64_t endpoint;		  /* what the kernel's row names */
	struct endpoint_entry *endpoints; /* the newest first */
	UT_hash_handle hh;
};

struct member_entry {
	uint64_t endpoint;
	struct member_row row;
};

/*
 * A row of `response_state`. It outlives its use until the next reaping: a member that comes back before finds what
 * was measured of it.
 */
struct response_entry {
	struct member_key key;
	bool used;   /* a member of a measured service */
	bool doomed; /* stands in the list of those that were used once */
	struct response_entry *next_doomed;
	UT_hash_handle hh;
};

struct service_entry {
	struct service_key key;
	struct service_row row;
	struct slot_row *slots;	      /* row.slot_count of them, of row.generation */
	size_t slots_read;	      /* at start: how many of them the kernel had */
	struct member_entry *members; /* sorted by endpoint id */
	size_t n_members;
	bool has_state;
	bool has_splice; /* a row of `splice_state`; it stays as long as the service */
	bool wanted;	 /* used by the diff */
	struct service_entry *next_of_name;
	UT_hash_handle by_key, by_id;
};

struct route_entry {
	struct route_key key;
	struct route_row row;
	bool wanted; /* used by the diff */
	struct route_entry *next_of_parent;
	UT_hash_handle hh;
};

struct ids {
	uint64_t *items;
	size_t count;
	size_t room;
};

struct present {
	struct meta_row meta;
	struct name_entry *names_by_text, *names_by_id;
	struct endpoint_entry *endpoints_by_id;
	struct index_entry *index;
	struct service_entry *services_by_key, *services_by_id;
	struct response_entry *responses;
	struct route_entry *routes;
	/* What to do once no reader can hold what led to old rows: deletions, and repairs of the index. */
	struct plan garbage;
	/* Ids that lost their last reference; they may have found another since. */
	struct ids doomed_endpoints, doomed_names;
	struct response_entry *doomed_responses; /* they may be used again by now */
};

int present_new(struct present **ret);
void present_free(struct present *present);
void present_freep(struct present **present); /* for _cleanup_ */

/*
 * Takes one row as it was read. Tables in this order: names, services, endpoints, then the others;
 * present_settle() at the end. Returns 0 or -ENOMEM.
 */
int present_read(struct present *present, enum table table, const void *key, const void *value);

/* Counts the references; what nobody refers to becomes garbage. */
int present_settle(struct present *present);

/*
 * Moves all garbage into the plan's deletions. A grace period must have passed since the plan that made it
 * garbage was applied.
 */
int present_reap(struct present *present, struct plan *plan);
bool present_has_garbage(const struct present *present);

/* How many rows of each table are in force; of `drains`, which people write, zero. */
void present_count(const struct present *present, size_t ret[TABLE_COUNT]);

/* Order of member lists, for qsort(): by endpoint id. */
int member_compare(const void *left, const void *right);
