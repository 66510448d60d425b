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
	ALGORITHM_LEAST_CONN = 2,  /* two choices, live connections / weight */
	ALGORITHM_EWMA = 3,	   /* two choices, response time x (live connections + 1) / weight */
};

enum service_flag {
	SERVICE_AFFINITY = 1u << 0, /* a client (network namespace) stays with its endpoint */
	SERVICE_NO_LOCAL = 1u << 1, /* has endpoints, but policy forbids those of other nodes */
	SERVICE_MEASURED = 1u << 2, /* response times are taken: its members have rows in `response_state` */
	SERVICE_SPLICE = 1u << 3,   /* pairs on one node are spliced, if the kernel passed the self-test */
	SERVICE_SPLICE_FORCED = 1u << 4, /* ... also if it did not */
};

/* Read under the lock, once, into the reader's stack; updated in place with BPF_F_LOCK. */
struct service_row {
	struct bpf_spin_lock lock;
	uint32_t id;		 /* counts up, never used again */
	uint32_t generation;	 /* of the slots in force */
	uint32_t slot_count;	 /* zero: refuse */
	uint32_t endpoint_count; /* endpoints that take new connections */
	enum algorithm algorithm;
	uint32_t flags;	     /* enum service_flag */
	uint32_t affinity_s; /* seconds since last use after which affinity ends */
	uint32_t name;	     /* key in `names`: "namespace/name" */
	uint32_t decay_ms;   /* of response times: in this time the past loses 1 - 1/e of its weight */

	/* Passive ejection. */
	uint32_t eject_failures; /* in a row, that eject an endpoint; zero: none ever is */
	uint32_t eject_base_ms;	 /* out for so long the first time, twice that the second, ... */
	uint32_t eject_max_ms;	 /* ... but never longer */
	uint8_t eject_percent;	 /* of the endpoints that may be out at a time; one may always */
	uint8_t panic_percent;	 /* with fewer left than this, all are used */
	uint8_t syn_retransmits; /* the SYN's so many-th retransmission is a failure to connect; at least 1 */
	uint8_t data_retransmits; /* time-outs in a row that are a failure of an open connection; at least 1 */
	uint32_t connect_timeout_ms; /* what a connect may take in all; zero: as long as the socket would */
	uint32_t refuse;	     /* of 2^32 new connections: the share of a route that is refused */
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
 * is wholly one endpoint's has both the same. Column i is always endpoint i's own, so that the table is also the
 * list of the service's endpoints; the algorithms of two choices draw from it.
 *
 * A round-robin table takes its turn by `endpoint` alone; there `alias` of slot i is endpoint i of the list, for
 * the first endpoint_count slots, and the slot's own endpoint behind them.
 */
struct slot_row {
	uint64_t endpoint;
	uint64_t alias;
	uint32_t keep;
	uint32_t weight; /* of `endpoint`; at least 1 */
};

/*
 * Map `endpoints`, key: endpoint id, counts up from 1 and is never used again; it stays below 2^48. Written once. The
 * identity is address, port, protocol and pod: an address that another pod took over is another endpoint.
 */
struct endpoint_row {
	struct addr address;
	uint64_t pod;  /* xxh3 of the pod's uid; zero without one */
	uint32_t node; /* key in `names`; zero: unknown */
	uint32_t zone; /* key in `names`; zero: unknown */
	uint16_t port; /* host order */
	uint8_t protocol;
	uint8_t local;	     /* it is on this node */
	uint8_t reserved[4]; /* zero */
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

/*
 * Map `drains`, key: endpoint id. Written by hand (weft drain), whether an agent is there or not: the endpoint
 * gets nothing new while its row stands, unless nothing else is left.
 */
struct drain_row {
	uint64_t since_s; /* seconds since 1970 */
};

/* Map `settings`, one row: what is switched for the whole node. Written by user space. */
struct settings_row {
	uint32_t drains;      /* zero: `drains` is empty and need not be asked */
	uint32_t drain_epoch; /* counts the changes of `drains` */
	uint64_t reserved[7]; /* zero */
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
	uint64_t netns; /* number of the network namespace whose interfaces are attached to; zero: none yet */
	uint64_t features;	    /* of enum feature, with which the programs were loaded: a bit each */
	char version[VERSION_SIZE]; /* of the weft that loaded the programs, cut if need be */
};

_Static_assert(sizeof(struct service_key) == 24, "service_key");
_Static_assert(sizeof(struct service_row) == 64, "service_row");
_Static_assert(sizeof(struct slot_key) == 12, "slot_key");
_Static_assert(sizeof(struct slot_row) == 24, "slot_row");
_Static_assert(sizeof(struct endpoint_row) == 40, "endpoint_row");
_Static_assert(sizeof(struct member_key) == 16, "member_key");
_Static_assert(sizeof(struct member_row) == 16, "member_row");
_Static_assert(sizeof(struct drain_row) == 8, "drain_row");
_Static_assert(sizeof(struct settings_row) == 64, "settings_row");
_Static_assert(sizeof(struct meta_row) == 64, "meta_row");
