/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The interfaces of a network namespace and the routes that lead to them, as messages of NETLINK_ROUTE tell. Pure:
 * fed by follow.c with what the kernel says, by tests with messages of their own.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "weft/interface.h"

enum {
	LINK_KIND_SIZE = 16,
	NETNS_UNKNOWN = -1,
};

struct link_entry {
	uint32_t index;
	uint64_t born;		   /* counts up: an index that is used again is another interface */
	char name[IFNAMSIZ];	   /* with the closing NUL */
	char kind[LINK_KIND_SIZE]; /* "veth", "bridge", ...; "" where no driver of the kernel says one */
	uint8_t mac[MAC_SIZE];
	bool loopback;
	bool peer_elsewhere; /* its other end is in another network namespace, */
	int32_t netns;	     /* of this id here; NETNS_UNKNOWN */
	uint32_t peer;	     /* index of the other end, in its own namespace; zero: there is none */
	uint32_t master;     /* index; zero: it is a port of nothing */
	UT_hash_handle hh;
};

enum link_route_flag {
	ROUTE_BY_GATEWAY = 1u << 0,
	ROUTE_LOCAL = 1u << 1, /* to an address of the node itself */
};

/* A route through an interface, or one of several next hops of a route. No padding: it is its own key. */
struct link_route {
	struct addr to;
	uint32_t interface;
	uint32_t table;
	uint32_t metric;
	uint8_t family;
	uint8_t length; /* of the prefix, in bits */
	uint8_t tos;
	uint8_t flags; /* enum link_route_flag */
};

struct link_route_entry {
	struct link_route route;
	UT_hash_handle hh;
};

struct link_table {
	struct link_entry *links;
	struct link_route_entry *routes;
	uint64_t born;	/* of the newest interface */
	bool changed;	/* since the reader last reset it */
	bool stale;	/* something happened that messages do not tell whole: a dump is needed */
	uint32_t doubt; /* index of an interface that changed without a message of its own; zero: none */
};

void link_table_done(struct link_table *table);

/* Takes one message; those of other kinds are passed over. Returns 0 or -ENOMEM. */
int link_table_feed(struct link_table *table, const struct nlmsghdr *message);

/* Both return NULL if there is none. */
const struct link_entry *link_find(const struct link_table *table, uint32_t index);
const struct link_entry *link_named(const struct link_table *table, const char *name);
