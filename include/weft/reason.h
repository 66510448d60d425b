/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why the kernel did what it did: one number for every decision and every bail-out. Numbers are part of the
 * ABI.
 */
#pragma once

#include "weft/abi.h"

enum reason {
	/* Decisions. */
	REASON_CONNECT_BALANCED = 0, /* connect() to a service, sent to an endpoint */
	REASON_CONNECT_OTHER = 1,    /* connect() to an address that is no service */
	REASON_CONNECT_DIRECT = 2,   /* of those: straight to an address that is an endpoint */
	REASON_SENDMSG_BALANCED = 3, /* datagram to a service, endpoint newly chosen */
	REASON_SENDMSG_STICKY = 4,   /* datagram to a service, to the endpoint chosen before */
	REASON_SENDMSG_OTHER = 5,    /* datagram to an address that is no service */
	REASON_RECVMSG_RESTORED = 6, /* answer shown as coming from the service */
	REASON_RECVMSG_OTHER = 7,
	REASON_GETPEERNAME_RESTORED = 8, /* the dialled service shown instead of the endpoint */
	REASON_GETPEERNAME_OTHER = 9,
	REASON_REFUSED_EMPTY = 10,    /* the service has no endpoints */
	REASON_REFUSED_NO_LOCAL = 11, /* it has, but none that internalTrafficPolicy: Local allows */
	REASON_AFFINITY_KEPT = 12,
	REASON_AFFINITY_NEW = 13,
	REASON_AFFINITY_EXPIRED = 14,
	REASON_AFFINITY_MOVED = 15, /* the endpoint of the affinity takes no connections any more */

	/* Repairs: the decision was still made. */
	REASON_SLOT_RETRY = 16,	      /* a generation was retired between two look-ups */
	REASON_CURSOR_MISSING = 17,   /* no round-robin row: random instead */
	REASON_AFFINITY_FULL = 18,    /* affinity could not be kept */
	REASON_UDP_PAIR_EVICTED = 19, /* a socket talks to more than UDP_PAIRS services */

	/* Bail-outs: traffic left alone. */
	REASON_SLOT_MISSING = 20,
	REASON_ENDPOINT_MISSING = 21,
	REASON_FAMILY_MISMATCH = 22, /* an IPv6 endpoint for an IPv4 socket */
	REASON_STORAGE_FAILED = 23,  /* no memory for the state of the socket */
	REASON_PROTOCOL_OTHER = 24,  /* neither TCP nor UDP */

	/* Health: what connections told of their endpoints, and what followed. */
	REASON_CONNECT_REFUSED = 25,
	REASON_CONNECT_TIMED_OUT = 26,
	REASON_CONNECTION_RESET = 27, /* before the first byte of a reply */
	REASON_CONNECTION_STALLED = 28,
	REASON_EJECTED = 29,
	REASON_READMITTED = 30,
	REASON_EJECTION_SPARED = 31, /* too many of the service are out already */
	REASON_PROBED = 32,	     /* a connection sent to an ejected endpoint, to find out */
	REASON_EJECTED_AVOIDED = 33, /* drawn, and passed over */
	REASON_DRAINED_AVOIDED = 34, /* drawn, and passed over */
	REASON_PANIC = 35,	     /* too few left: an ejected endpoint was used */
	REASON_DRAINED_USED = 36,    /* nothing else left: a drained endpoint was used */
	REASON_EXCHANGE = 37,	     /* a response time was taken */
	REASON_UDP_FLOW = 38,	     /* a UDP flow began */
	REASON_ADOPTED = 39,	     /* a connection from before the load was counted in */
	REASON_EVENT_LOST = 40,	     /* the agent does not keep up; nothing but its log suffers */
	REASON_STATE_MISSING = 41,   /* an endpoint without a row of state: it counts as healthy */

	/* Packets of pods: connects that were moved, datagrams that were healed, senders that lied. */
	REASON_RESCUE_REFUSED = 42,	/* a refused connect was sent to another endpoint */
	REASON_RESCUE_TIMEOUT = 43,	/* an unanswered connect was sent to another endpoint */
	REASON_RESCUE_GAVE_UP = 44,	/* there was no endpoint left to send it to */
	REASON_RESCUED = 45,		/* a moved connect was answered in the end */
	REASON_RESCUE_LATE = 46,	/* an endpoint that was given up answered; it was reset */
	REASON_RESCUE_PORT = 47,	/* the source port was taken towards the new endpoint: a fresh one */
	REASON_RESCUE_FULL = 48,	/* no row for a moved connection, or no memory: left as it was */
	REASON_RESCUE_MALFORMED = 49,	/* a packet that could not be rewritten: left as it was */
	REASON_UDP_HEALED = 50,		/* a socket's datagrams go to a live endpoint from now on */
	REASON_NEIGHBOUR_ANSWERED = 51, /* nobody answered for the address of an endpoint: the node did */
	REASON_SPOOFED = 52,		/* dropped: not an address of the pod */

	/* The splice: pairs of sockets on this node. Messages, and bytes where the name says so. */
	REASON_SPLICE_OFFERED = 53,	 /* a client that is fit, of a service that is spliced */
	REASON_SPLICE_ADMITTED = 54,	 /* its server is fit, too: a pair */
	REASON_SPLICE_WATCHED = 55,	 /* not spliced: it shows whether the sockets of its programs block */
	REASON_SPLICE_UNFIT_CLIENT = 56, /* the client blocks, or is more than a TCP socket: left alone */
	REASON_SPLICE_UNFIT_SERVER = 57, /* the server is of another node, blocks or was not seen to listen */
	REASON_SPLICE_FULL = 58,	 /* no room for the pair: left alone */
	REASON_SPLICE_REDIRECT_MSGS = 59,  /* handed over */
	REASON_SPLICE_REDIRECT_BYTES = 60, /* in them */
	REASON_SPLICE_PASS_MSGS = 61,	   /* through the stack, for one of the reasons below */
	REASON_SPLICE_PASS_BYTES = 62,	   /* in them */
	REASON_SPLICE_OFF = 63,		   /* switched off, for the service or for all */
	REASON_SPLICE_POLICY = 64,	   /* policy has changed since the pair was admitted */
	REASON_SPLICE_ALONE = 65,	   /* the server has not joined, or the client has not sent yet */
	REASON_SPLICE_OPTION = 66,	   /* a socket asks for what only the stack can do */
	REASON_SPLICE_BLOCKING = 67,	   /* the receiver may block */
	REASON_SPLICE_STATE = 68,	   /* an end is shut, or has an error */
	REASON_SPLICE_ORDER = 69,	   /* bytes that were sent before are not read yet */
	REASON_SPLICE_IDENTITY = 70,	   /* it is not the peer after all */
	REASON_SPLICE_LIMIT = 71,	   /* enough waits to be read */
	REASON_SPLICE_OWNED = 72,	   /* the receiver is at work on its socket at this moment */
	REASON_SPLICE_FAILED = 73,	   /* the receiver was not in the map */
	REASON_SPLICE_STREAM = 74,	   /* a stream that TCP alone carries better */
	REASON_SPLICE_LEFT = 75,	   /* a socket has left the map, with nothing on its way to it */

	REASON_MONITOR_LOST = 76,    /* weft monitor does not keep up; nothing but what it prints suffers */
	REASON_REFUSED_BACKEND = 77, /* the share of a route's backend that is missing or has no endpoints */

	REASON_COUNT,
};

/*
 * Map `stats`, one row per CPU: how often each reason came up. The fields stand in the order of the numbers, so
 * that programs count by number and people read names; a test holds the two lists against each other.
 */
struct stats_row {
	uint64_t connect_balanced;
	uint64_t connect_other;
	uint64_t connect_direct;
	uint64_t sendmsg_balanced;
	uint64_t sendmsg_sticky;
	uint64_t sendmsg_other;
	uint64_t recvmsg_restored;
	uint64_t recvmsg_other;
	uint64_t getpeername_restored;
	uint64_t getpeername_other;
	uint64_t refused_empty;
	uint64_t refused_no_local;
	uint64_t affinity_kept;
	uint64_t affinity_new;
	uint64_t affinity_expired;
	uint64_t affinity_moved;
	uint64_t slot_retry;
	uint64_t cursor_missing;
	uint64_t affinity_full;
	uint64_t udp_pair_evicted;
	uint64_t slot_missing;
	uint64_t endpoint_missing;
	uint64_t family_mismatch;
	uint64_t storage_failed;
	uint64_t protocol_other;
	uint64_t connect_refused;
	uint64_t connect_timed_out;
	uint64_t connection_reset;
	uint64_t connection_stalled;
	uint64_t ejected;
	uint64_t readmitted;
	uint64_t ejection_spared;
	uint64_t probed;
	uint64_t ejected_avoided;
	uint64_t drained_avoided;
	uint64_t panic;
	uint64_t drained_used;
	uint64_t exchange;
	uint64_t udp_flow;
	uint64_t adopted;
	uint64_t event_lost;
	uint64_t state_missing;
	uint64_t rescue_refused;
	uint64_t rescue_timeout;
	uint64_t rescue_gave_up;
	uint64_t rescued;
	uint64_t rescue_late;
	uint64_t rescue_port;
	uint64_t rescue_full;
	uint64_t rescue_malformed;
	uint64_t udp_healed;
	uint64_t neighbour_answered;
	uint64_t spoofed;
	uint64_t splice_offered;
	uint64_t splice_admitted;
	uint64_t splice_watched;
	uint64_t splice_unfit_client;
	uint64_t splice_unfit_server;
	uint64_t splice_full;
	uint64_t splice_redirect_msgs;
	uint64_t splice_redirect_bytes;
	uint64_t splice_pass_msgs;
	uint64_t splice_pass_bytes;
	uint64_t splice_off;
	uint64_t splice_policy;
	uint64_t splice_alone;
	uint64_t splice_option;
	uint64_t splice_blocking;
	uint64_t splice_state;
	uint64_t splice_order;
	uint64_t splice_identity;
	uint64_t splice_limit;
	uint64_t splice_owned;
	uint64_t splice_failed;
	uint64_t splice_stream;
	uint64_t splice_left;
	uint64_t monitor_lost;
	uint64_t refused_backend;
};

_Static_assert(sizeof(struct stats_row) == REASON_COUNT * sizeof(uint64_t), "a counter for each reason");
