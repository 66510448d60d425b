/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What must change: rows to put and keys to delete, table by table. Memory only; kern/apply sends it. Puts go
 * in the order of the tables, so that a row is there before another one names it; deletions go the other way
 * round and last.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "weft/route.h"
#include "weft/service.h"
#include "weft/splice.h"
#include "weft/state.h"

/* At no moment is there an endpoint without its state, or a slot of a measured service without its member's. */
enum table {
	TABLE_NAMES,
	TABLE_ENDPOINT_STATE,
	TABLE_DRAINS, /* written by hand; a plan only deletes there */
	TABLE_ENDPOINTS,
	TABLE_INDEX,
	TABLE_STATE,
	TABLE_RESPONSE_STATE,
	TABLE_SPLICE_STATE,
	TABLE_MEMBERS,
	TABLE_SLOTS,
	TABLE_SERVICES,
	TABLE_ROUTES, /* for people: said when it is done */
	TABLE_COUNT,
};

struct table_shape {
	const char *map; /* its name and that of its pin */
	size_t key;	 /* sizes in bytes */
	size_t value;
	bool locked; /* rows begin with a lock: they are updated in place */
};

extern const struct table_shape table_shapes[TABLE_COUNT];

/* Rows of one table: keys and values side by side, as batch operations take them. */
struct rows {
	unsigned char *keys;
	unsigned char *values; /* NULL in a list of keys to delete */
	size_t count;
	size_t room;
};

struct plan {
	/* Ids given out so far. Written before the first row that bears one, so that none is given out twice. */
	struct meta_row meta;
	bool meta_changed;
	struct rows puts[TABLE_COUNT];
	struct rows deletes[TABLE_COUNT];
};

void plan_done(struct plan *plan);

/* Both copy what they are given. Return 0 or -ENOMEM. */
int plan_put(struct plan *plan, enum table table, const void *key, const void *value);
int plan_delete(struct plan *plan, enum table table, const void *key);

size_t plan_count_puts(const struct plan *plan);
size_t plan_count_deletes(const struct plan *plan);
bool plan_is_empty(const struct plan *plan);
