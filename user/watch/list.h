/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the maps hold, as people ask for it. Needs no agent: it is read from the pinned maps. */
#pragma once

#include "kern/kern.h"

struct listed_service {
	const char *name; /* "namespace/name", borrowed from the list */
	const struct service_key *key;
	const struct service_row *row;
};

struct listed_endpoint {
	const char *name; /* of the service */
	const struct service_key *service;
	uint32_t service_id;
	const struct endpoint_row *row;
	const struct member_row *member;
	const char *node; /* "" if not known */
	const char *zone;
	uint64_t id;

	/* Filled by those who observe, as the kernel has them; zero where it has none. */
	struct endpoint_state state;
	struct response_state response;
	bool measured;
	bool drained; /* by hand */
};

struct listing {
	struct present *present; /* owns what is borrowed */
	struct listed_service *services;
	size_t n_services;
	struct listed_endpoint *endpoints;
	size_t n_endpoints;
};

void listing_done(struct listing *listing);

/* Reads everything, sorted by name, then address, port and protocol. Returns 0 or a negative errno with `why`. */
int listing_read(struct kern *kern, struct listing *ret, struct why *why);

/* Both read what the kernel wrote of an endpoint, or of all: a look-up or more for each, for those who ask for it. */
void listed_endpoint_observe(struct listed_endpoint *endpoint, const struct kern *kern);
void listing_observe(struct listing *listing, const struct kern *kern);

const char *algorithm_name(enum algorithm algorithm);
const char *member_state_name(enum member_state state);
