/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What goes into a shim program and comes out of it. */
#pragma once

#include "weft/service.h"
#include "weft/state.h"

enum {
	SHIM_LOOKUPS = 1000,
};

struct shim_route {
	struct service_key key;
	uint64_t client;
	/* out */
	struct addr address;
	uint64_t endpoint;
	uint32_t found;
	uint32_t verdict; /* enum verdict of bpf/lib/route.h */
	uint32_t port;
	uint32_t reserved;
};

struct shim_pick {
	struct slot_row slot;
	uint32_t count;
	uint32_t random;
	/* out */
	uint64_t endpoint;
	uint32_t column;
	uint32_t reserved;
};

struct shim_torn {
	struct service_key key;
	/* in and out */
	uint64_t lookups, missing, mixed, changes;
	uint32_t last;
	uint32_t reserved;
};

struct shim_udp {
	struct service_key key; /* dialled */
	struct addr address;	/* of the endpoint to remember */
	uint64_t endpoint;
	uint32_t service;
	uint32_t port;
	/* out */
	struct addr answered;
	uint32_t answered_port;
	uint32_t place;
	uint32_t stuck;
	uint32_t reserved;
};
