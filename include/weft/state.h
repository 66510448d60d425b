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

	/* How many endpoints are in use, as last counted: right while generation and epoch are these. */
	uint32_t counted_generation;
	uint32_t listed;    /* endpoints that were counted */
	uint32_t available; /* of them: neither ejected nor drained */
	uint32_t drained;   /* of them */
	uint64_t counted_epoch;
};

/* Why an endpoint was ejected. */
enum failure {
	FAILURE_NONE = 0,
	FAILURE_REFUSED = 1,   /* the connect was answered by a RST or an ICMP error */
	FAILURE_TIMED_OUT = 2, /* SYNs stayed unanswered */
	FAILURE_RESET = 3,     /* reset before the first byte of a reply */
	FAILURE_STALLED = 4,   /* data of an open connection stayed unacknowledged */
};

/*
 * Map `endpoint_state`, key: endpoint id. Made by user space with the endpoint, written by the kernel: load and
 * health as this node sees them. One endpoint in two services is one busy thing. Times are CLOCK_MONOTONIC.
 */
struct endpoint_state {
	/* Under the lock. */
	struct bpf_spin_lock lock;
	uint32_t failures;	   /* in a row, since the last success or ejection */
	uint32_t ejections;	   /* in the count that the back-off grows by */
	enum failure cause;	   /* of the last ejection */
	uint64_t ejected_until_ns; /* zero: in use; in the past: one probing connection decides */
	uint64_t probed_ns;	   /* when the probing connection was sent; zero: none is under way */
	uint64_t readmitted_ns;	   /* when it last came back */

	/* Atomic. Bytes and retransmits of a connection are added when it ends, and at each measured exchange. */
	uint64_t live; /* connections that began and have not ended, and UDP flows */
	uint64_t started;
	uint64_t established;
	uint64_t refused;
	uint64_t timed_out;
	uint64_t reset;
	uint64_t stalled;
	uint64_t retransmits; /* segments */
	uint64_t sent_bytes;
	uint64_t received_bytes;

	/* Last writer wins. */
	uint64_t connect_ns; /* decaying mean, an eighth each */
	uint64_t rtt_us;     /* of the connection that was last looked at, as TCP has smoothed it */
};

enum {
	RESPONSE_BUCKETS = 32,
};

/*
 * Map `response_state`, key: struct member_key. Made by user space for members of measured services, written by the
 * kernel: how the application answers. A response time is from the client's last byte to the first byte of the
 * answer, once for each turn-around of the conversation.
 */
struct response_state {
	struct bpf_spin_lock lock;
	uint32_t reserved;    /* zero */
	uint64_t response_ns; /* mean that rises at once and decays (peak EWMA); zero: no exchange yet */
	uint64_t sampled_ns;  /* CLOCK_MONOTONIC */
	uint64_t chosen_ns;   /* CLOCK_MONOTONIC */
	uint64_t exchanges;
	uint64_t total_ns;		      /* of all exchanges */
	uint64_t histogram[RESPONSE_BUCKETS]; /* bucket i: below 2^i us, and not below half of that */
};

/* Map `health`, one row. */
struct health_row {
	uint64_t epoch;	      /* counts ejections and returns */
	uint64_t reserved[7]; /* zero */
};

enum event_kind {
	EVENT_EJECTED = 1,
	EVENT_READMITTED = 2,
	EVENT_SPARED = 3, /* would have been ejected, but too many are already */
};

/* Ring buffer `events`: what the agent is told. */
struct event {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint64_t endpoint;
	uint64_t until_ns; /* of an ejection */
	uint32_t service;  /* through which it was noticed */
	enum event_kind kind;
	enum failure cause;
	uint32_t failures;  /* in a row */
	uint32_t ejections; /* in the count that the back-off grows by */
	uint32_t reserved;  /* zero */
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

enum sock_flag {
	SOCK_COUNTED = 1u << 0,	 /* it is among the endpoint's live connections */
	SOCK_MEASURED = 1u << 1, /* its service is */
	SOCK_PROBE = 1u << 2,	 /* it decides whether an ejected endpoint comes back */
	SOCK_FAILED = 1u << 3,	 /* its failure has been counted */
	SOCK_ESTABLISHED = 1u << 4,
	SOCK_SPLICE = 1u << 5,	/* its service is spliced */
	SOCK_SPLICED = 1u << 6, /* it has a row in `splice_pairs` */
};

enum {
	SYN_OPTIONS = 40,
};

enum moved_flag {
	MOVED_AWAY = 1u << 0,	 /* its packets are translated: `rescue_state` says how */
	MOVED_BARRED = 1u << 1,	 /* a row bars what comes from where the socket believes to be connected */
	MOVED_GAVE_UP = 1u << 2, /* there was nobody left to move it to */
	MOVED_ENDED = 1u << 3,	 /* its rows are gone; what it has sent is still on its way */
};

/* The SYN of a connect as it left the pod: what is needed to send the same once more. */
struct syn_copy {
	uint32_t sequence;     /* host order */
	uint16_t window;       /* host order */
	uint8_t length;	       /* of the options, in bytes: a multiple of four */
	uint8_t flags;	       /* of the TCP header's 14th byte */
	uint8_t reserved_bits; /* of the TCP header's 13th byte: what is not its length */
	uint8_t traffic_class; /* IPv4: type of service */
	uint8_t kept;	       /* zero: there is none */
	uint8_t reserved;      /* zero */
	uint8_t options[SYN_OPTIONS];
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
	uint32_t flags;	       /* enum sock_flag */
	uint32_t retransmits;  /* added to the endpoint so far */
	uint64_t started_ns;   /* CLOCK_MONOTONIC, of the SYN */
	uint64_t sent_bytes;   /* added to the endpoint so far */
	uint64_t received_bytes;
	uint64_t answered_at;  /* bytes sent when the last answer began */
	uint64_t accounted_ns; /* CLOCK_MONOTONIC, when the endpoint's bytes were last added to */
	uint64_t syn_jiffies;  /* when the SYN was sent, by the kernel's ticks */
	uint32_t decay_ms;     /* of the service */
	/* Not a flag: packets arrive beside the socket's lock, under which flags change. */
	uint32_t answered; /* the first byte of a reply has come */

	/* Written by tc, beside the lock as well. */
	uint32_t interface; /* through which the SYN left; zero: through none that is watched */
	uint32_t moved;	    /* enum moved_flag */

	/* Written by the socket hooks. */
	uint32_t connect_timeout_ms; /* of the service */
	uint16_t
		syn_timeout_ms; /* until the SYN is sent again for the first time; zero: as the kernel has it */
	uint8_t syn_retries;	/* what TCP_SYNCNT was before; zero: it is as it was */
	uint8_t reserved[5];	/* zero */

	struct syn_copy syn; /* written by tc */
};

/*
 * Map `rescue_state` (socket storage): where a connect has been moved to, or the datagrams of a connected UDP socket.
 * Packets of both directions come at the same time: fields change under the lock, by the one program that has
 * raised `busy`.
 */
struct rescue_state {
	struct bpf_spin_lock lock;
	uint32_t tries;	     /* endpoints that were given up */
	struct addr address; /* of the endpoint in force */
	struct addr local;   /* of the pod */
	uint64_t endpoint;   /* id; zero: none yet */
	uint64_t tried_ns;   /* CLOCK_MONOTONIC, when the endpoint was sent the first SYN */
	uint16_t port;	     /* of the endpoint, host order */
	uint16_t wire_port;  /* of the pod towards the endpoint, host order */
	uint16_t local_port; /* of the pod's socket, host order */
	uint16_t busy;	     /* somebody is about to move it */
	uint32_t sock_flags; /* enum sock_flag of the choice */
	enum failure cause;  /* of the last endpoint that was given up; TCP only */
	uint64_t tried[MAX_TRIES];
};

/* Map `rescues`, one row: is there anything to look for in packets to pods? */
struct rescues_row {
	uint64_t moves;	      /* rows in `moves` */
	uint64_t reserved[7]; /* zero */
};

/* Map `moves`, key: what packets to a pod bear on the wire. A row ends with its socket. */
struct move_key {
	struct addr remote;
	struct addr local;
	uint32_t interface;
	uint16_t remote_port; /* host order */
	uint16_t local_port;  /* host order */
	uint8_t protocol;
	uint8_t reserved[7]; /* zero */
};

enum move_flag {
	/* Nothing that comes from there is for the socket any more; what goes there goes where the row says. */
	MOVE_GIVEN_UP = 1u << 0,
	/* A segment came that answers no SYN, perhaps of a connection that had these ports before. */
	MOVE_ANSWERED = 1u << 1,
	/* A reset for who was given up is on its way out. */
	MOVE_RESET = 1u << 2,
};

/* What the pod's socket expects instead. */
struct move_row {
	struct addr remote;
	uint32_t flags;	      /* enum move_flag */
	uint16_t remote_port; /* host order */
	uint16_t local_port;  /* host order */
	uint64_t endpoint;    /* that was given up; zero in other rows */
	uint64_t sent_ns;     /* CLOCK_MONOTONIC, when it was sent the SYN */
};

/*
 * Map `fragments` (LRU): a datagram of which the first fragment came, with the ports, to a healed socket. The value is
 * the address that all of them are to come from.
 */
struct fragment_key {
	struct addr remote;
	struct addr local;
	uint32_t interface;
	uint32_t datagram; /* as it stands in the header */
	uint32_t protocol;
	uint32_t reserved; /* zero */
};

/* Map `unresolved` (LRU), key: an address that connects wait for, and that nobody on the pod's link answers for. */
struct unresolved_row {
	uint64_t noticed_ns; /* CLOCK_MONOTONIC */
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
	uint32_t counted;      /* it is among the endpoint's flows */
	uint32_t reserved;     /* zero */
};

/*
 * Map `udp_state` (socket storage). Where two services share an endpoint, an answer belongs to the pair that
 * sent last; a ninth service takes the place of the pair that has sent least recently.
 */
struct udp_state {
	uint64_t clock; /* sends to services so far */
	struct udp_pair pairs[UDP_PAIRS];
};

_Static_assert(sizeof(struct endpoint_state) == 136, "endpoint_state");
_Static_assert(sizeof(struct response_state) == 304, "response_state");
_Static_assert(sizeof(struct health_row) == 64, "health_row");
_Static_assert(sizeof(struct event) == 48, "event");
_Static_assert(sizeof(struct service_state) == 32, "service_state");
_Static_assert(sizeof(struct affinity_key) == 16, "affinity_key");
_Static_assert(sizeof(struct affinity_row) == 16, "affinity_row");
_Static_assert(sizeof(struct syn_copy) == 52, "syn_copy");
_Static_assert(sizeof(struct sock_state) <= 184, "with its header it takes 256 bytes of the kernel's");
_Static_assert(sizeof(struct rescue_state) == 200, "rescue_state");
_Static_assert(sizeof(struct rescues_row) == 64, "rescues_row");
_Static_assert(sizeof(struct fragment_key) == 48, "fragment_key");
_Static_assert(sizeof(struct move_key) == 48, "move_key");
_Static_assert(sizeof(struct move_row) == 40, "move_row");
_Static_assert(sizeof(struct udp_pair) == 64, "udp_pair");
_Static_assert(sizeof(struct udp_state) == 520, "udp_state");
