/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The rows that user space writes and the kernel obeys: services, their slots, endpoints and members, and the
 * names that people read. Nothing here is written by a BPF program: an update replaces the whole value.
 *
 * A change is seen whole: a new list of endpoints is written under the next generation, then the service row
 * flips to it in place (BPF_F_LOCK), then, after an RCU grace period, the old slots are deleted.
 */
#pragma once

#include "weft/abi.h"
#include "weft/limits.h"

/* Map `services`, and the key of `endpoint_index`. */
struct service_key {
	struct addr address;
	uint32_t scope;	  /* zero: inside the cluster */
	uint16_t port;	  /* host order */
	uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t reserved; /* zero */
};

enum algorithm {
	ALGORITHM_RANDOM = 0,	   /* weighted, exact: alias method */
	ALGORITHM_ROUND_ROBIN = 1, /* weighted by repetition of the endpoint */
};

enum service_flag {
	SERVICE_AFFINITY = 1u << 0, /* a client (network namespace) stays with its endpoint */
	SERVICE_NO_LOCAL = 1u << 1, /* has endpoints, but policy forbids those of other nodes */
};

/* Read under the lock, once, into the reader's stack; updated in place with BPF_F_LOCK. */
struct service_row {
	struct bpf_spin_lock lock;
	uint32_t id;		 /* counts up, never used again */
	uint32_t generation;	 /* of the slots in force */
	uint32_t slot_count;	 /* zero: refuse */
	uint32_t endpoint_count; /* endpoints that take new connections */
	enum algorithm algorithm;
	uint32_t flags;	      /* enum service_flag */
	uint32_t affinity_s;  /* seconds since last use after which affinity ends */
	uint32_t name;	      /* key in `names`: "namespace/name" */
	uint32_t reserved[3]; /* zero */
};

/* Map `slots`. Rows are written once, never updated, and deleted a grace period after their generation. */
struct slot_key {
	uint32_t service;
	uint32_t generation;
	uint32_t slot; /* 0 to slot_count - 1 */
};

/*
 * One column of an alias table (M. D. Vose, "A linear algorithm for generating random numbers with a given
 * distribution", IEEE TSE 17(9), 1991): `endpoint` with probability keep / 2^32, else `alias`. A column that
 * is wholly one endpoint's has both the same. Round robin uses `endpoint` alone.
 */
struct slot_row {
	uint64_t endpoint;
	uint64_t alias;
	uint32_t keep;
	uint32_t reserved; /* zero */
};

/*
 * Map `endpoints`, key: endpoint id, 64 bits, counts up from 1 and is never used again. Written once. The
 * identity is address, port, protocol and pod: an address that another pod took over is another endpoint.
 */
struct endpoint_row {
	struct addr address;
	uint64_t pod;  /* xxh3 of the pod's uid; zero without one */
	uint32_t node; /* key in `names`; zero: unknown */
	uint32_t zone; /* key in `names`; zero: unknown */
	uint16_t port; /* host order */
	uint8_t protocol;
	uint8_t reserved[5]; /* zero */
};

/* Map `members`: which endpoints a service has. Updated in place with BPF_F_LOCK. */
struct member_key {
	uint64_t endpoint;
	uint32_t service;
	uint32_t reserved; /* zero */
};

enum member_state {
	MEMBER_READY = 0,
	MEMBER_TERMINATING = 1, /* on its way out, still serving */
	MEMBER_NOT_READY = 2,
};

enum member_flag {
	MEMBER_CHOSEN = 1u << 0,  /* takes new connections: it stands in the slots */
	MEMBER_SERVING = 1u << 1, /* keeps what it has: a UDP socket stays with it */
};

struct member_row {
	struct bpf_spin_lock lock;
	enum member_state state;
	uint32_t flags; /* enum member_flag */
	uint32_t weight;
};

/* Map `names`, key: name id, counts up from 1. */
struct name_row {
	char text[NAME_SIZE]; /* NUL-ended */
};

/* Map `meta`, one row: what must survive a restart of the agent. `abi` is the first field in every version. */
struct meta_row {
	uint32_t abi;	       /* WEFT_ABI */
	uint32_t next_service; /* the next id of each kind */
	uint32_t next_name;
	uint32_t agent_pid; /* for messages; the lock is an flock() on the pin directory */
	uint64_t next_endpoint;
	uint64_t reserved; /* zero */
};

_Static_assert(sizeof(struct service_key) == 24, "service_key");
_Static_assert(sizeof(struct service_row) == 48, "service_row");
_Static_assert(sizeof(struct slot_key) == 12, "slot_key");
_Static_assert(sizeof(struct slot_row) == 24, "slot_row");
_Static_assert(sizeof(struct endpoint_row) == 40, "endpoint_row");
_Static_assert(sizeof(struct member_key) == 16, "member_key");
_Static_assert(sizeof(struct member_row) == 16, "member_row");
_Static_assert(sizeof(struct meta_row) == 32, "meta_row");
