/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For plan/ alone: finding, making and letting go of single rows of the mirror. Functions that change a row add
 * what the kernel has to be told to a plan. Errors: 0 or -ENOMEM.
 */
#pragma once

#include "plan/present.h"

/* ---- for the diff ---- */

struct name_entry *name_find(const struct present *present, const char *text);
/* Finds or makes the name and counts one more reference; *ret_id is zero for "". */
int name_take(struct present *present, struct plan *plan, const char *text, uint32_t *ret_id);
int name_release(struct present *present, uint32_t id);

/* Finds or makes the endpoint and its state; no reference is counted. */
int endpoint_intern(struct present *present, struct plan *plan, const struct endpoint_row *identity,
		    const char *node, const char *zone, uint64_t *ret_id);
int endpoint_take(struct present *present, uint64_t id);
int endpoint_release(struct present *present, uint64_t id);

/*
 * Makes the state of a measured member unless the kernel has it, which then stays as it is. Idle: it goes with the
 * next reaping, unless it is taken again before; what is idle already, or not there, is no error.
 */
int response_take(struct present *present, struct plan *plan, const struct member_key *key);
void response_idle(struct present *present, const struct member_key *key);

struct service_entry *service_find(const struct present *present, const struct service_key *key);
/* Adds an empty row under the name, with an id of its own. */
int service_add(struct present *present, struct plan *plan, const struct service_key *key, const char *name,
		struct service_entry **ret);
/* Forgets the row and frees the entry; its slots, members and names must have been released. */
void service_remove(struct present *present, struct service_entry *entry);

struct route_entry *route_find(const struct present *present, const struct route_key *key);
/* Adds an empty row; NULL without memory. No references are counted. */
struct route_entry *route_insert(struct present *present, const struct route_key *key);
void route_remove(struct present *present, struct route_entry *entry);
/* Calls for each name that the row bears, until a call fails. */
typedef int route_name_fn(struct present *present, uint32_t name);
int route_each_name(struct present *present, const struct route_key *key, const struct route_row *row,
		    route_name_fn *call);

/* ---- for reading and reaping ---- */

int ids_add(struct ids *ids, uint64_t id);

struct name_entry *name_by_id(const struct present *present, uint32_t id);
int name_add(struct present *present, uint32_t id, const char *text, struct name_entry **ret);
void name_forget(struct present *present, struct name_entry *entry);

struct endpoint_entry *endpoint_by_id(const struct present *present, uint64_t id);
int endpoint_add(struct present *present, uint64_t id, const struct endpoint_row *row,
		 struct endpoint_entry **ret);
void endpoint_forget(struct present *present, struct endpoint_entry *entry);

/* The place of an endpoint in the index. */
struct service_key index_key(const struct endpoint_row *row);
struct index_entry *index_find(const struct present *present, const struct service_key *key);
struct index_entry *index_add(struct present *present, const struct service_key *key); /* or finds it */
void index_forget(struct present *present, struct index_entry *entry);
int index_chain(struct present *present, struct endpoint_entry *endpoint);
void index_unchain(struct index_entry *index, struct endpoint_entry *endpoint);
/* Makes the kernel's row name the newest endpoint of its address, or go with the last. */
int index_settle(struct present *present, struct plan *plan, struct index_entry *index);

struct response_entry *response_find(const struct present *present, const struct member_key *key);
/* NULL without memory. */
struct response_entry *response_add(struct present *present, const struct member_key *key);
/* Into the list of those to look at when reaping. */
void response_doom(struct present *present, struct response_entry *entry);
void response_forget(struct present *present, struct response_entry *entry);

struct service_entry *service_by_id(const struct present *present, uint32_t id);
/* NULL without memory. */
struct service_entry *service_insert(struct present *present, const struct service_key *key,
				     const struct service_row *row);
