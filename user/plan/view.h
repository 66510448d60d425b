/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From objects to what the kernel should hold: one want for every (cluster IP, port) of a service. The one place
 * where the model meets the shapes of the kernel. Pure.
 */
#pragma once

#include "model/model.h"
#include "weft/service.h"

struct want_endpoint {
	struct addr address;
	uint16_t port;
	uint64_t pod;	  /* hash of the pod's uid; zero without one */
	const char *node; /* borrowed from the model, as all strings here */
	const char *zone;
	uint32_t weight;
	enum member_state state;
	bool chosen;  /* takes new connections */
	bool serving; /* keeps what it has */
	bool local;   /* on this node */
};

struct want {
	struct service_key key;
	enum algorithm algorithm;
	uint32_t flags; /* enum service_flag */
	uint32_t affinity_s;
	uint32_t decay_ms;
	struct health_knobs health;
	struct want_endpoint *endpoints; /* each address and port once, sorted by them */
	size_t n_endpoints;
};

struct wants {
	struct want *items;
	size_t count;
};

void wants_done(struct wants *wants);

/*
 * Where we are: endpoints are chosen for the clients of this node. An empty string is "not known".
 */
struct vantage {
	const char *node;
	const char *zone;
};

/*
 * What one service wants; nothing at all if it is gone or ignored. Returns 0 or -ENOMEM. The result borrows
 * strings from the model.
 */
int view_build(const struct model_service *service, const struct vantage *vantage, struct wants *ret);
