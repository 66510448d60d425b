/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rows that the kernel writes. They stand beside those of user space under the same keys, so that an
 * update from there never undoes what was counted here.
 */
#pragma once

#include "weft/abi.h"
#include "weft/limits.h"

/* Map `service_state`, key: service id. Made by user space with the service, written by the kernel. */
struct service_state {
	struct bpf_spin_lock lock;
	uint32_t cursor; /* round robin: the next slot, modulo slot_count */
};

/* Map `affinity` (LRU). */
struct affinity_key {
	uint64_t client; /* cookie of the client's network namespace */
	uint32_t service;
	uint32_t reserved; /* zero */
};

struct affinity_row {
	uint64_t endpoint;
	uint64_t used_ns; /* CLOCK_MONOTONIC */
};

/*
 * Map `sock_state` (socket storage): a TCP or connected UDP socket that dialled a service. Zeroed by every
 * connect(), also by one to an address that is no service.
 */
struct sock_state {
	struct addr dialled;
	struct addr address; /* of the endpoint */
	uint64_t endpoint;   /* id; zero: not a connection of the mesh */
	uint32_t service;
	uint16_t dialled_port; /* host order */
	uint16_t port;	       /* of the endpoint, host order */
	uint8_t reserved[80];  /* zero */
};

/* One service an unconnected UDP socket talks to. */
struct udp_pair {
	struct addr dialled;
	struct addr address; /* of the endpoint */
	uint64_t endpoint;   /* id; zero: free */
	uint32_t service;
	uint16_t dialled_port; /* host order */
	uint16_t port;	       /* of the endpoint, host order */
	uint64_t used;	       /* value of the socket's clock at the last send */
};

/*
 * Map `udp_state` (socket storage). Where two services share an endpoint, an answer belongs to the pair that
 * sent last; a ninth service takes the place of the pair that has sent least recently.
 */
struct udp_state {
	uint64_t clock; /* sends to services so far */
	struct udp_pair pairs[UDP_PAIRS];
};

_Static_assert(sizeof(struct service_state) == 8, "service_state");
_Static_assert(sizeof(struct affinity_key) == 16, "affinity_key");
_Static_assert(sizeof(struct affinity_row) == 16, "affinity_row");
_Static_assert(sizeof(struct sock_state) == 128, "sock_state");
_Static_assert(sizeof(struct udp_pair) == 56, "udp_pair");
_Static_assert(sizeof(struct udp_state) == 456, "udp_state");
