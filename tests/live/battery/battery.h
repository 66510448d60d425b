/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the cases of the battery have in common: a connection, and words for what is seen of it. */
#pragma once

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 1000, /* for what should come */
	QUIET_MS = 60,	    /* so long nothing: nothing comes */
};

/* Both ends are in this process. In the one direction the client sends, in the other the server does. */
struct pair {
	int tx, rx;
	int client, server, listener; /* server is -1 until accept_late() where the case is LATE */
	const struct place *dial;
	bool reverse;
};

enum {
	LATE = 1 << 0,	  /* the case accepts by itself */
	FORWARD = 1 << 1, /* makes sense in one direction only */
	PASSES = 1 << 2,  /* what it sends must not be spliced, or it sends nothing */
	LEAVES = 1 << 3,  /* its sender blocks: a client is not spliced then, a server is */
};

struct test {
	const char *name; /* NULL behind the last one */
	void (*run)(struct pair *pair);
	unsigned int flags;
	void (*prepare)(int listener, int client); /* before listen() and connect() */
};

extern const struct test close_tests[], kill_tests[], poll_tests[], receive_tests[], block_tests[],
	send_tests[], flow_tests[], option_tests[], ring_tests[];

/* ---- what is seen: WHAT=VALUE, one behind the other ---- */

void told(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));
void saw(const char *what, long result);	       /* of a system call that has just been made */
void saw_mask(const char *what, int fd, short wanted); /* once all of wanted are set, or do not come */
void saw_bytes(const char *what, int fd, size_t size); /* one recv(), once there is something to say */
void saw_rest(const char *what, int fd);	       /* all bytes, and how it ends: "hello+EOF" */
void saw_content(const char *what, long result, const char *bytes);
void saw_state(const char *what, int fd); /* of TCP */

/* ---- the doing ---- */

void settle(void); /* long enough for what is on its way, where nothing says that it came */
bool await(int fd, short events);
long put(int fd, const char *text);
void set_blocking(int fd, bool blocking);
long set_option(int fd, int level, int name, int value);
int get_option(int fd, int level, int name);
void reset_close(int fd); /* by RST */
int accept_late(struct pair *pair);
pid_t hostage(void); /* a process that has all descriptors that are open now */
void kill_hostage(pid_t pid);

/* A recv() in a thread of its own, which sleeps when block_recv() returns, or has something already. */
struct sleeper {
	pthread_t thread;
	volatile int tid;
	volatile bool done;
	int fd, flags, error;
	size_t size;
	long result;
	char bytes[64];
};

void block_recv(struct sleeper *sleeper, int fd, size_t size, int flags);
void saw_wake(const char *what, struct sleeper *sleeper);

/* ---- many bytes, each of which is known by its place ---- */

struct flow {
	int from, to;
	size_t total, sent, read, wrong;
	bool ended;
};

void flow_fill(unsigned char *bytes, size_t at, size_t size);
size_t flow_compare(const unsigned char *bytes, size_t at, size_t size); /* how many are wrong */
size_t flow_stuff(struct flow *flow, size_t piece);			 /* until nothing more is taken */
bool flow_send(struct flow *flow, size_t piece);
bool flow_receive(struct flow *flow, size_t piece);
void flow_drain(struct flow *flow, size_t piece); /* until all that was sent has come, and the end */
void flow_pump(struct flow *flows, size_t count, size_t piece);
