/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From objects to what the kernel should hold: one want for every (cluster IP, port) of a service. The one place
 * where the model meets the shapes of the kernel. Pure.
 */
#pragma once

#include "model/model.h"
#include "plan/route.h"
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
	uint32_t flags;	 /* enum service_flag */
	uint32_t refuse; /* of 2^32 connections: the share of backends that a route names in vain */
	bool doubtful;	 /* a backend is not there, perhaps because not everything is known yet */
	uint32_t affinity_s;
	uint32_t decay_ms;
	struct health_knobs health;
	struct want_endpoint *endpoints; /* each address and port once, sorted by them */
	size_t n_endpoints;
};

struct wants {
	struct want *items;
	size_t count;
	struct want_route *routes; /* those that name the service, in force or not */
	size_t n_routes;
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
 * What one service wants; of addresses nothing at all if it is gone or ignored. A port that a route of the Gateway API
 * decides of has the endpoints of the route's backends instead of its own. Returns 0 or -ENOMEM. The result borrows
 * from the model, which may be NULL for a service without routes.
 */
int view_build(const struct model *model, const struct model_service *service, const struct vantage *vantage,
	       struct wants *ret);
