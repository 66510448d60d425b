/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All objects, by origin and by name, and which services must be looked at again. Memory only; it knows nothing
 * of files or kernels.
 */
#pragma once

#include "base/why.h"
#include "model/object.h"

struct model;

int model_new(struct model **ret);
void model_free(struct model *model);
void model_freep(struct model **model); /* for _cleanup_ */

/*
 * Puts what one origin (a file's path, say) now says in place of what it said before; an empty list forgets
 * the origin. Takes the objects over and empties the list. Only services for which something really changed
 * become dirty (their Service, one of their slices, a route attached to them, or one of these of a service to which
 * such a route sends); a change of a node makes every service dirty, one of a grant all that have routes.
 *
 * An object that another origin has already is not taken: `complain` is called with a sentence that names both
 * places; it comes into force when the other one leaves. Returns 0 or -ENOMEM.
 */
typedef void model_complain_fn(void *arg, const char *sentence);
int model_replace(struct model *model, const char *origin, struct objects *objects,
		  model_complain_fn *complain, void *arg);

/* Everything about one service. Pointers belong to the model and are valid until its next change. */
struct model_service {
	const char *namespace;
	const char *name;
	const struct object *service; /* NULL: it is gone */
	const struct object *
		*slices; /* those labelled with its name, sorted by name; array owned by the model */
	size_t n_slices;
	const struct object *const *routes; /* attached to it, the oldest first; owned by the model */
	size_t n_routes;
};

/* Takes one service off the dirty list; false if there is none. */
bool model_next_dirty(struct model *model, struct model_service *ret);

void model_mark_all_dirty(struct model *model);

/* One service by name; false if neither it nor a slice of it nor a route to it is there. */
bool model_find(const struct model *model, const char *namespace, const char *name,
		struct model_service *ret);

/* Calls for every service there is, in order of namespace and name, until one call returns non-zero; returns
 * that, or 0. */
typedef int model_service_fn(void *arg, const struct model_service *service);
int model_each(struct model *model, model_service_fn *call, void *arg);

/* May a TCPRoute of the namespace `from` send to this service of another one? */
bool model_grants(const struct model *model, const char *from, const char *namespace, const char *name);

/* How many objects of the kind are in force. */
size_t model_count(const struct model *model, enum object_kind kind);

/* "Service", "EndpointSlice", ... */
const char *object_kind_name(enum object_kind kind);

/* The zone of a node; "" if the node or its zone is not known. */
const char *model_zone(const struct model *model, const char *node);
