/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which interfaces lead to pods, and what the programs there are to know. Pure. */
#pragma once

#include "link/table.h"

/* As an operator gives them; lists are of globs, separated by commas. */
struct pod_link_options {
	const char *interfaces; /* NULL: find them */
	const char *uplink;	/* NULL: what a default route leads through */
	const char *may_spoof;	/* NULL: none */
};

/* An interface that leads to a pod: what it is to have, or what it has. */
struct pod_link {
	uint32_t index;
	uint64_t born; /* that of the interface; zero: nobody saw it come */
	struct interface_row row;
	struct addr *addresses; /* from which packets may come in, sorted */
	size_t n_addresses, room;
};

struct pod_links {
	struct pod_link *items; /* sorted by index */
	size_t count, room;
};

void pod_links_done(struct pod_links *links);

/* All return what they found or made; NULL: there is none, or no memory. */
struct pod_link *pod_links_find(const struct pod_links *links, uint32_t index);
struct pod_link *pod_links_add(struct pod_links *links, uint32_t index);

int pod_link_add_address(struct pod_link *link, const struct addr *address);
/* Into the order of indexes and of addresses, each once. */
void pod_links_sort(struct pod_links *links);

/* Returns 0 or -ENOMEM. */
int pod_links_choose(const struct link_table *table, const struct pod_link_options *options,
		     struct pod_links *ret);
