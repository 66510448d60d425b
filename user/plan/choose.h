/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which endpoints take new connections: readiness, termination, topology hints and internalTrafficPolicy,
 * as kube-proxy's CategorizeEndpoints means them (Kubernetes, pkg/proxy/topology.go). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/object.h"

/* One candidate of one service port: an endpoint of a slice and what was decided of it. */
struct candidate {
	const struct endpoint *endpoint;
	bool chosen; /* takes new connections */
};

struct choose_policy {
	bool local_only;	/* internalTrafficPolicy: Local */
	bool publish_not_ready; /* publishNotReadyAddresses: everyone counts as ready */
	const char *node;	/* ours; "" if not known */
	const char *zone;	/* ours; "" if not known */
};

enum chosen {
	CHOSEN_SOME = 0,
	CHOSEN_NONE = 1,       /* there is no endpoint anywhere: refuse */
	CHOSEN_NONE_LOCAL = 2, /* there are, but none on this node, and the policy wants those */
};

/*
 * Sets `chosen` of every candidate:
 *   1. ready ones, narrowed by topology: to the node if every ready endpoint has a node hint and one of them
 *      names ours, else to the zone if every one has a zone hint and one names ours;
 *   2. if there are none, those that are serving and terminating, without topology.
 * With local_only both steps look at the endpoints of our node only, without topology.
 */
enum chosen choose_endpoints(const struct choose_policy *policy, struct candidate *candidates, size_t count);

/* ready, as the service means it: not terminating and ready, or publish_not_ready. */
bool endpoint_is_ready(const struct endpoint *endpoint, bool publish_not_ready);
