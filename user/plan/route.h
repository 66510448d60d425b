/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which routes are in force at a service, and what became of their backends, as the Gateway API means it for a Service
 * as a parent. Pure.
 */
#pragma once

#include "model/model.h"
#include "weft/route.h"

struct want_backend {
	const struct route_target *target; /* borrowed from the model, as all here */
	enum backend_resolved resolved;
	struct model_service service;	 /* if it is resolved */
	const struct service_port *port; /* if it is resolved */
	uint32_t endpoints;		 /* that take new connections, of the family that has more */
};

/* A route at one of its parents. */
struct want_route {
	const struct object *route;
	const struct route_parent *parent;
	size_t place; /* of the parent among the route's */
	enum route_accepted accepted;
	const struct object *winner; /* the older route at one of the ports; NULL: none */
	struct want_backend backends[MAX_BACKENDS];
	size_t n_backends;
};

/* All routes that name the service, the oldest first. Returns 0, with an array to free(), or -ENOMEM. */
int routes_build(const struct model *model, const struct model_service *service, struct want_route **ret,
		 size_t *ret_count);

/* The one that decides of a port; NULL: the service has its own endpoints there. */
struct want_route *routes_find(struct want_route *routes, size_t count, const struct service_port *port);
