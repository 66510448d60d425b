/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The splice: two sockets of this node that talk to each other hand their bytes over without the network stack. What
 * the programs know of such pairs, and what switches them.
 */
#pragma once

#include "weft/abi.h"
#include "weft/service.h"

/*
 * What came of trying what the kernel does with such sockets: bits of SPLICING_TEST. SPLICE_TESTED alone is a kernel on
 * which `weft.dev/splice: auto` splices; each of the others is something that it does not do as TCP does.
 */
enum splice_test {
	SPLICE_TESTED = 1u << 0,
	SPLICE_FAILED_RUN = 1u << 1,		     /* the test could not be made, or not to its end */
	SPLICE_FAILED_ORDER = 1u << 2,		     /* bytes arrive in the order in which they were sent */
	SPLICE_FAILED_EPIPE = 1u << 3,		     /* nothing is accepted after shutdown() */
	SPLICE_FAILED_FIN = 1u << 4,		     /* the end of the stream follows the last byte */
	SPLICE_FAILED_MEMORY = 1u << 5,		     /* what waits to be read is charged to the receiver */
	SPLICE_FAILED_FIONREAD_PASSED = 1u << 6,     /* FIONREAD counts bytes that came through the stack */
	SPLICE_FAILED_FIONREAD_REDIRECTED = 1u << 7, /* ... and bytes that did not */
};

/*
 * Map `splicing`, an array of numbers, for the whole node. Read for each message, so that a change is in force at
 * once. Each has one writer.
 */
enum splicing {
	SPLICING_TEST = 0, /* enum splice_test; zero: not made yet; written by the load */
	SPLICING_OFF =
		1, /* nonzero: nothing is spliced; written by hand (weft splice off), and by the unload */
	SPLICING_POLICY =
		2, /* counts changes of policy: what was admitted before one goes through the stack */
	SPLICING_WINDOW =
		3, /* after so many messages it is looked at how a direction goes; zero: as is best; by hand */
	SPLICING_COUNT,
};

enum splice_side {
	SPLICE_CLIENT = 0,
	SPLICE_SERVER = 1,
	SPLICE_SIDES,
};

/*
 * Map `splice_programs` (LRU), key: an executable in one of its roles. What its sockets did before tells what its next
 * ones will do. Written by the kernel.
 */
struct program_key {
	uint64_t
		executable; /* inode number of the file, or, where it is not known, a number with the highest bit */
	uint64_t size;	/* of the file, in bytes: numbers are unique within a file system only */
	uint32_t place; /* of a client: service id; of a server: port, host order */
	enum splice_side side;
};

enum program_verdict {
	PROGRAM_UNKNOWN = 0,
	PROGRAM_RETURNS = 1, /* a socket that had sent was seen with O_NONBLOCK */
	PROGRAM_BLOCKS = 2,  /* ... without it; for good */
};

struct program_row {
	uint64_t
		sock; /* the kernel's address of a socket that is watched; to be believed only with its cookie */
	uint64_t cookie; /* of the socket; zero: none */
	enum program_verdict verdict;
	uint32_t reserved; /* zero */
};

/* Map `listeners` (LRU), key: a port of a network namespace. Written by the kernel. */
struct listener_key {
	uint64_t netns; /* cookie */
	uint32_t port;	/* host order */
	uint32_t reserved;
};

struct listener_row {
	uint64_t sock; /* the kernel's address of the listening socket; to be believed only with its cookie */
	uint64_t cookie; /* of the socket */
	struct program_key program;
};

/*
 * Map `listener_homes` (LRU), key: struct service_key of an address and port of TCP, value: cookie of the network
 * namespace that was last called there.
 */

/* Map `splice_calls`: a client that is ready and whose server may not be yet; value: the client's cookie. */
struct splice_call {
	struct addr client;
	struct addr server;
	uint16_t client_port; /* host order */
	uint16_t server_port; /* host order */
	uint32_t reserved;
};

/* Of one direction, handed over or not. */
struct splice_window {
	uint64_t messages;
	uint64_t bytes;
	uint64_t contended; /* messages */
};

/* One end of a pair, and what it has sent. Written by the programs that run under this socket's lock. */
struct splice_half {
	uint64_t sock;	   /* the kernel's address of the socket; to be believed only with its cookie */
	uint64_t cookie;   /* of the socket; zero: it has not joined */
	uint64_t messages; /* handed over */
	uint64_t bytes;
	uint64_t passed_messages; /* through the stack */
	uint64_t passed_bytes;
	uint64_t contended;	   /* messages of these: as the reader was at it, or did not keep up */
	struct splice_window seen; /* when it was last looked at how it goes */
	uint64_t seen_other;	   /* messages of the other half then */
	uint64_t worse;		   /* so many times in a row it went worse than TCP alone would */
};

/* Map `splice_pairs`, key: the client's cookie. A row ends with the client's socket. */
struct splice_pair {
	struct splice_half halves[SPLICE_SIDES];
	struct service_key dialled;
	struct splice_call call; /* the addresses of both */
	uint64_t endpoint;
	uint64_t policy;   /* SPLICING_POLICY when it was admitted */
	uint32_t service;  /* id */
	uint32_t decay_ms; /* of the service */
	uint32_t measured; /* nonzero: response times are taken */
	uint32_t probe;	   /* nonzero: the connection decides whether an ejected endpoint comes back */
	uint32_t watched;  /* nonzero: it is not spliced: it is to show what its programs do */
	uint32_t parted;   /* nonzero: nothing is handed over any more; splice_parting() */
	struct program_key server_program;

	/* Written by the client's program. */
	uint64_t asked_ns;     /* CLOCK_MONOTONIC, when it last sent */
	uint64_t accounted_ns; /* CLOCK_MONOTONIC, when bytes last went to the endpoint's account */
	uint64_t sent_bytes;   /* added to that account so far */
	uint64_t received_bytes;

	/* Written by the server's program. */
	uint64_t answered; /* messages of the client when it last answered */
};

/* The side that leaves the map, why the bytes go through the stack from then on, and has nothing else ever happened? */
static inline uint32_t splice_parting(enum splice_side leaver, uint32_t why, uint32_t at_once)
{
	return 1u << 31 | at_once << 16 | (uint32_t)leaver << 8 | why;
}

static inline enum splice_side splice_leaver(uint32_t parted)
{
	return parted >> 8 & 1;
}

static inline uint32_t splice_parted_by(uint32_t parted)
{
	return parted & 15;
}

static inline uint32_t splice_parted_at_once(uint32_t parted)
{
	return parted >> 16 & 1;
}

/* Map `splice_ends` (socket storage): a socket of a pair. */
struct splice_end {
	uint64_t pair; /* key in `splice_pairs`; zero: none */
	uint64_t peer; /* the kernel's address of the other socket; zero: not known yet */
	uint64_t peer_cookie;
	uint64_t cookie; /* its own; zero: it is not in `splice_socks` */
	struct program_key program;
	enum splice_side side;
	uint32_t opted_out; /* the stack it is, for good: a socket asks for what only the stack can do */
	uint32_t passed;    /* something went through the stack */
	uint16_t watched;   /* its program is not known yet */
	uint16_t left;	    /* it has been taken out of `splice_socks` */
};

/* Why messages went through the stack: the order of REASON_SPLICE_OFF and what follows it. */
enum splice_pass {
	SPLICE_PASS_OFF,
	SPLICE_PASS_POLICY,
	SPLICE_PASS_ALONE,
	SPLICE_PASS_OPTION,
	SPLICE_PASS_BLOCKING,
	SPLICE_PASS_STATE,
	SPLICE_PASS_ORDER,
	SPLICE_PASS_IDENTITY,
	SPLICE_PASS_LIMIT,
	SPLICE_PASS_OWNED,
	SPLICE_PASS_FAILED,
	SPLICE_PASS_STREAM,
	SPLICE_PASSES,
};

/* Map `splice_state`, key: service id. Made by user space with a service that is spliced, written by the kernel. */
struct splice_state {
	uint64_t admitted; /* pairs */
	uint64_t redirect_msgs;
	uint64_t redirect_bytes;
	uint64_t pass_msgs;
	uint64_t pass_bytes;
	uint64_t passed[SPLICE_PASSES]; /* messages, by reason */
};

_Static_assert(sizeof(struct program_key) == 24, "program_key");
_Static_assert(sizeof(struct program_row) == 24, "program_row");
_Static_assert(sizeof(struct listener_key) == 16, "listener_key");
_Static_assert(sizeof(struct listener_row) == 40, "listener_row");
_Static_assert(sizeof(struct splice_call) == 40, "splice_call");
_Static_assert(sizeof(struct splice_half) == 96, "splice_half");
_Static_assert(sizeof(struct splice_pair) == 360, "splice_pair");
_Static_assert(sizeof(struct splice_end) == 72, "splice_end");
_Static_assert(sizeof(struct splice_state) == 136, "splice_state");
