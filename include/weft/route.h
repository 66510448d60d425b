/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What became of the routes of the Gateway API: for people to read. What they decide stands in the slots of their
 * parents; no program looks here.
 */
#pragma once

#include "weft/abi.h"
#include "weft/limits.h"

/* Map `routes`. */
struct route_key {
	uint32_t route;	 /* key in `names`: "namespace/name" */
	uint32_t parent; /* key in `names`: the service */
	uint32_t place;	 /* among the route's parents */
};

/* Is the route in force at its parent, and why not? */
enum route_accepted {
	ROUTE_ACCEPTED = 0,
	ROUTE_NO_PARENT = 1,  /* there is no such service */
	ROUTE_NO_PORT = 2,    /* the service has no such port of TCP */
	ROUTE_LEFT_ALONE = 3, /* the service is one that weft leaves alone */
	ROUTE_CONSUMER = 4,   /* it is in another namespace than the service */
	ROUTE_MANY_RULES = 5, /* nothing says which connection is which rule's */
	ROUTE_CONFLICTED = 6, /* an older route has each of the ports */
};

/* Does a backend exist, and may the route use it? */
enum backend_resolved {
	BACKEND_RESOLVED = 0,
	BACKEND_NO_SERVICE = 1,
	BACKEND_NO_PORT = 2,	   /* the service has no such port of TCP */
	BACKEND_LEFT_ALONE = 3,	   /* the service is one that weft leaves alone */
	BACKEND_INVALID_KIND = 4,  /* it is no service */
	BACKEND_NOT_PERMITTED = 5, /* it is in another namespace, which does not grant it */
};

struct route_backend {
	uint32_t name; /* key in `names`: "namespace/name" */
	uint32_t weight;
	uint32_t endpoints; /* that take new connections from this node, of the family that has more */
	uint16_t port;	    /* host order; zero: none is named */
	uint8_t resolved;   /* enum backend_resolved */
	uint8_t reserved;   /* zero */
};

struct route_row {
	uint32_t winner;  /* key in `names`: the older route at one of the ports; zero: none */
	uint16_t port;	  /* host order; zero: all of the service */
	uint8_t accepted; /* enum route_accepted */
	uint8_t n_backends;
	uint32_t reserved; /* zero */
	struct route_backend backends[MAX_BACKENDS];
};

_Static_assert(sizeof(struct route_key) == 12, "route_key");
_Static_assert(sizeof(struct route_backend) == 16, "route_backend");
_Static_assert(sizeof(struct route_row) == 12 + 16 * MAX_BACKENDS, "route_row");
