/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Capacities of the maps, in rows, and bounds that the programs rely on. */
#pragma once

enum limits {
	MAX_SERVICES = 65536, /* virtual address + port + protocol */
	MAX_SLOTS = 1048576,  /* two generations of every service */
	MAX_ENDPOINTS = 262144,
	MAX_MEMBERS = 524288, /* (service, endpoint) */
	MAX_NAMES = 131072,
	MAX_AFFINITY = 65536, /* (service, client); the least recently used leave */

	/* A round-robin table repeats an endpoint by its weight, up to this many slots. */
	MAX_WEIGHTED_SLOTS = 4096,
	MAX_WEIGHT = 65535,

	NAME_SIZE = 256,   /* with the closing NUL */
	VERSION_SIZE = 24, /* with the closing NUL */
	UDP_PAIRS = 8,	   /* services one unconnected UDP socket may talk to at a time */

	MAX_ROUTES = 16384, /* (route, parent) */
	MAX_BACKENDS = 16,  /* of one route, as the Gateway API has it */
	MAX_DRAINS = 65536,
	EVENT_BYTES = 262144, /* of the ring buffer */
	MONITOR_BYTES = 262144,
	/* Of a service with more endpoints, so many are looked at to tell how many are available. */
	MAX_COUNTED = 256,

	MAX_INTERFACES = 8192,
	MAX_SOURCES = 65536, /* addresses that interfaces may send from */
	MAX_MOVES = 65536,   /* two for each moved connection, one for each healed UDP socket */
	MAX_UNRESOLVED = 4096,
	MAX_FRAGMENTED = 8192, /* datagrams that come in fragments at a time */
	MAX_TRIES = 16,	       /* endpoints that one connect may try */
	MAX_LISTENERS = 65536,
	MAX_PROGRAMS = 16384,
	MAX_SPLICES = 65536, /* pairs; twice as many sockets */
};
