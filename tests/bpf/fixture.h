/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The shim programs with maps of their own, and rows for them by hand. */
#pragma once

#include "shim.h"
#include "weft/reason.h"

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
void fixture_close(struct fixture *f);

struct service_key fixture_key(const char *address, unsigned port);

void put_service(struct fixture *f, const struct service_key *key, struct service_row row);
void put_slot(struct fixture *f, uint32_t service, uint32_t generation, uint32_t slot, struct slot_row row);
void put_endpoint(struct fixture *f, uint64_t id, const char *address, unsigned port);
void put_member(struct fixture *f, uint32_t service, uint64_t endpoint, uint32_t flags);

/* A service 1, generation 1, of endpoints 1 to `count` with equal weights: 10.0.0.<id>:80. */
struct service_key put_simple(struct fixture *f, uint32_t count, struct service_row row);

void run(struct bpf_program *program, void *context, size_t size);

/* One routing for `client`. */
struct shim_route route(struct fixture *f, const struct service_key *key, uint64_t client);

uint64_t counted(struct fixture *f, enum reason reason);
