/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two ends of many connections, of which each knows every byte that the other may send. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MESSAGES_MOST = 64,	/* of one direction of a connection */
	MESSAGE_MOST = 2 << 20, /* bytes */
	READ_MOST = 256 << 10,	/* bytes */
	TICK_MS = 100,		/* deadlines are looked at so often */
	DEADLINE_MS = 20000,	/* of a connection */
	PAUSES_MOST = 48,	/* a slow reader becomes a quick one some day */
};

/* ---- random numbers ---- */

struct random {
	uint64_t state;
};

uint64_t random_mix(uint64_t number);
uint64_t random_next(struct random *random);
uint32_t random_below(struct random *random, uint32_t limit);
bool random_one_in(struct random *random, uint32_t times);

/* ---- the bytes of a direction: each follows from the key and its place ---- */

void stream_fill(uint64_t key, uint64_t at, unsigned char *bytes, size_t size);
size_t stream_compare(uint64_t key, uint64_t at, const unsigned char *bytes, size_t size);  /* right ones */
int64_t stream_find(uint64_t key, uint64_t total, const unsigned char *bytes, size_t size); /* -1: nowhere */

/* ---- what a connection is to do ---- */

enum side {
	SIDE_CLIENT,
	SIDE_SERVER,
	SIDES,
};

enum {
	PLAN_BIG = 1 << 0,   /* messages of up to MESSAGE_MOST */
	PLAN_TURNS = 1 << 1, /* never both ways at once */
	PLAN_SMALL = 1 << 2, /* small socket buffers at both ends */
	PLAN_LONG = 1 << 3,  /* MESSAGES_MOST short messages */
};

/* The first bytes of the client: all that the server has to know. */
struct head {
	uint64_t magic;
	uint64_t seed;
	uint32_t number;
	uint32_t flags;
};

enum ending {
	ENDING_HALVES, /* each end shuts its direction, and reads to the end of the other */
	ENDING_CLIENT, /* it closes when it has had all */
	ENDING_SERVER,
	ENDINGS,
};

struct plan {
	bool turns;
	enum ending ending;
	uint32_t count[SIDES];
	uint64_t ends[SIDES][MESSAGES_MOST]; /* of each message, as a place in the stream */
	uint64_t total[SIDES];
};

void plan_make(uint64_t seed, uint32_t flags, struct plan *ret);

/* How an end goes about it. */
struct manner {
	bool edge, peek; /* edge-triggered; looks before it reads */
	uint32_t read_most;
	uint32_t pause_us;		 /* after each read; 0: none */
	uint32_t delay_us;		 /* before each message, at most */
	uint32_t pieces;		 /* that a message is sent in by one call */
	int receive_buffer, send_buffer; /* 0: the kernel's choice */
};

void manner_make(struct random *random, uint32_t flags, struct manner *ret);

/* ---- an end of a connection ---- */

struct end {
	int fd;
	bool listens; /* nothing else of it is used then */
	bool connecting, readable, writable, ended, shut, done, planned;
	bool registered;
	enum side side;
	struct head head;
	uint64_t key[SIDES];
	struct plan plan;
	struct manner manner;
	struct random random;
	uint64_t sent, got;
	uint32_t message; /* that is being sent */
	uint32_t delayed; /* so many of them were waited with */
	uint32_t pauses;
	uint32_t blocks_from; /* the message; of an end in a thread of its own */
	bool opened_fast;     /* its first bytes went with the SYN */
	bool waits_for_all;   /* by MSG_WAITALL, when it blocks */
	uint32_t interest;    /* what epoll is asked for */
	uint64_t send_at_ns, read_at_ns, deadline_ns, begin_ns;
	size_t place; /* among those that live */
};

enum step {
	STEP_MOVED,
	STEP_WAITS, /* EAGAIN */
	STEP_OVER,  /* nothing to do, or a fault */
};

void end_plan(struct end *end);	      /* from its head */
void end_tune(const struct end *end); /* buffers of the socket */
bool end_may_send(struct end *end, uint64_t now_ns);
enum step end_send(struct end *end, int flags, const void *to, uint32_t to_length);
enum step end_receive(struct end *end, int flags);
bool end_finish(struct end *end); /* shuts what is to be shut; true: it is over */

/* ---- what came of it; for several threads ---- */

enum fault {
	FAULT_WRONG,   /* another byte than the one that was sent */
	FAULT_SHORT,   /* the end of the stream before its last byte */
	FAULT_LONG,    /* more than was sent */
	FAULT_HANG,    /* the deadline */
	FAULT_CONNECT, /* an error of connect() */
	FAULT_ERROR,   /* of another call */
	FAULT_HEAD,    /* not a client of ours */
	FAULTS,
};

struct report {
	uint64_t connections, messages, sends, sent, received, spurious, slowest_ns;
	uint64_t faults[FAULTS];
};

extern struct report report;
extern uint64_t slow_ns; /* 0: no word about connections that take long */
extern bool tolerant;	 /* a recv() that blocks may say EAGAIN */

void report_add(uint64_t *number, uint64_t more);
void report_fault(struct end *end, enum fault fault, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void report_done(const struct end *end);
int report_print(void); /* the exit status */
uint64_t now_ns(void);

/* ---- many of them in one thread ---- */

void loop_begin(void (*accepts)(struct end *listener), void (*over)(void));
void loop_add(struct end *end);
void loop_once(int most_ms);
void loop_check_deadlines(void);
size_t loop_live(void);
struct end *end_new(int fd, enum side side);

/* ---- one in a thread of its own, that waits in send() and recv() ---- */

void block_begin(struct end *end);
size_t block_live(void);

int serve(int argc, char **argv);
int talk(int argc, char **argv);
