/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A mirror and the kernel that it stands for, kept in step through diffs: for tests of plan/diff. */
#pragma once

#include "fake_kernel.h"
#include "plan/diff.h"

/* How many rows of each table a plan touches. */
struct counts {
	size_t names;
	size_t endpoints; /* each with its state; one that goes takes its drain along too */
	size_t index, state, responses, splices, members, slots, services, routes;
	size_t lone_states, lone_drains; /* without their endpoint */
};

/* What one service wants: endpoints by the last number of 10.0.0.x, ended by zero. */
struct wish {
	const char *vip;
	const uint8_t *endpoints;
	enum algorithm algorithm;
	uint64_t pod;	   /* of all endpoints */
	uint32_t weight;   /* of the first; others have 1; zero: 1 too */
	uint8_t not_ready; /* the endpoint that is not */
	bool measured;
	uint32_t splice; /* of enum service_flag */
	uint32_t decay_ms;
	struct health_knobs health;
};

struct world {
	struct fake_kernel kernel;
	struct present *present;
	const char *holder;
	bool keep;
};

#define LIST(...) ((const uint8_t[]){ __VA_ARGS__, 0 })
#define NO_ENDPOINTS ((const uint8_t[]){ 0 })
#define NOTHING ((struct counts){ 0 })

struct world world_new(void);
void world_done(struct world *world);

/* The agent starts anew. */
void restart(struct world *world);

void assert_puts(const struct plan *plan, struct counts expected);
void assert_deletes(const struct plan *plan, struct counts expected);

/* Diffs and applies; wish NULL: the service is gone. The caller looks at the plan and ends it. */
struct plan change(struct world *world, const char *name, const struct wish *wish);
/* The same, of which nothing is looked at. */
void change_only(struct world *world, const char *name, const struct wish *wish);
struct plan reap(struct world *world);

/* One change and what it and the reaping after the grace period must do. */
void expect(struct world *world, const char *name, const struct wish *wish, struct counts puts,
	    struct counts deletes, struct counts reaped);

/* default/web at 10.96.0.1, the first of the world. */
void begin(struct world *world, const uint8_t *endpoints);

/* NULL if there is none. */
const struct service_row *row_of(const struct world *world, const char *vip);
