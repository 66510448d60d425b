/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The shim programs with maps of their own, and rows for them by hand. */
#pragma once

#include "shim.h"
#include "weft/reason.h"
#include "wire.h"

/* After the types that it uses. */
#include "shim.skel.h"

/* As enum verdict in bpf/lib/route.h, which only the BPF compiler can read. */
enum {
	LEAVE = 0,
	SEND = 1,
	REFUSE = 2,
};

struct fixture {
	struct shim *shim;
};

/* Loads; fails the test if it cannot. */
struct fixture fixture_open(void);
/* The same with the shim's programs for packets instead, and with weft's own ones at tc. */
struct fixture fixture_open_packets(void);
struct fixture fixture_open_tc(void);
void fixture_close(struct fixture *f);

struct service_key fixture_key(const char *address, unsigned port);

void put_service(struct fixture *f, const struct service_key *key, struct service_row row);
void put_slot(struct fixture *f, uint32_t service, uint32_t generation, uint32_t slot, struct slot_row row);
void put_endpoint(struct fixture *f, uint64_t id, const char *address, unsigned port);
void put_member(struct fixture *f, uint32_t service, uint64_t endpoint, uint32_t flags);

void put_state(struct fixture *f, uint64_t endpoint, struct endpoint_state row);
struct endpoint_state get_state(struct fixture *f, uint64_t endpoint);
/* Of service 1. */
void put_response(struct fixture *f, uint64_t endpoint, struct response_state row);
struct response_state get_response(struct fixture *f, uint64_t endpoint);
void put_drain(struct fixture *f, uint64_t endpoint);

/* CLOCK_MONOTONIC, as the kernel's programs read it. */
uint64_t now_ns(void);

/* A service 1, generation 1, of endpoints 1 to `count` with equal weights and with states: 10.0.0.<id>:80. */
struct service_key put_simple(struct fixture *f, uint32_t count, struct service_row row);

void run(struct bpf_program *program, void *context, size_t size);

/* Sends the packet through a program at tc; returns what that returns. `out`, which may be `in`, is what it has become. */
int run_packet(struct bpf_program *program, const struct wire *in, struct wire *out);
/*
 * The same to a packet that comes with the sum that a device has taken (CHECKSUM_COMPLETE): it must be right then. One
 * whose size changes loses it.
 */
int run_summed(struct bpf_program *program, const struct wire *in, struct wire *out);

/* One routing for `client`. */
struct shim_route route(struct fixture *f, const struct service_key *key, uint64_t client);

/* `count` routings: how many were sent to each endpoint, by id below `size`. */
void route_many(struct fixture *f, const struct service_key *key, unsigned count, unsigned *shares,
		unsigned size);

/* A connection to `endpoint` of the service at `key` fails so, or is answered (FAILURE_NONE). */
void tell(struct fixture *f, const struct service_key *key, uint64_t endpoint, enum failure failure,
	  uint32_t sock_flags);

/* The events so far, at the most `size`; returns how many. */
unsigned events_read(struct fixture *f, struct event *ret, unsigned size);

uint64_t counted(struct fixture *f, enum reason reason);
