/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Readiness, topology and locality. */
#include "plan/choose.h"

#include <string.h>

bool endpoint_is_ready(const struct endpoint *endpoint, bool publish_not_ready)
{
	return publish_not_ready || (endpoint->ready && !endpoint->terminating);
}

static bool has(char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

static bool is_for_node(const struct hints *hints, const char *node)
{
	return hints && has(hints->nodes, hints->n_nodes, node);
}

static bool is_for_zone(const struct hints *hints, const char *zone)
{
	return hints && has(hints->zones, hints->n_zones, zone);
}

enum narrowing {
	NARROW_NOT,
	NARROW_TO_NODE,
	NARROW_TO_ZONE,
};

/* Hints count only if every ready endpoint has one: else a slice is half written. */
static enum narrowing narrowing_of(const struct choose_policy *policy, const struct candidate *candidates,
				   size_t count)
{
	bool all_nodes = true, all_zones = true, our_node = false, our_zone = false;

	for (size_t i = 0; i < count; i++) {
		const struct endpoint *e = candidates[i].endpoint;

		if (!endpoint_is_ready(e, policy->publish_not_ready))
			continue;
		all_nodes = all_nodes && e->hints && e->hints->n_nodes;
		all_zones = all_zones && e->hints && e->hints->n_zones;
		our_node = our_node || is_for_node(e->hints, policy->node);
		our_zone = our_zone || is_for_zone(e->hints, policy->zone);
	}
	if (*policy->node && all_nodes && our_node)
		return NARROW_TO_NODE;
	return *policy->zone && all_zones && our_zone ? NARROW_TO_ZONE : NARROW_NOT;
}

static bool is_near(const struct choose_policy *policy, enum narrowing narrowing, const struct endpoint *e)
{
	switch (narrowing) {
	case NARROW_TO_NODE:
		return is_for_node(e->hints, policy->node);
	case NARROW_TO_ZONE:
		return is_for_zone(e->hints, policy->zone);
	case NARROW_NOT:
		break;
	}
	return true;
}

static bool is_local(const struct choose_policy *policy, const struct endpoint *e)
{
	return *policy->node && !strcmp(e->node, policy->node);
}

/* Step one: the ready ones. */
static size_t choose_ready(const struct choose_policy *policy, struct candidate *candidates, size_t count)
{
	enum narrowing narrowing = policy->local_only ? NARROW_NOT : narrowing_of(policy, candidates, count);
	size_t chosen = 0;

	for (size_t i = 0; i < count; i++) {
		const struct endpoint *e = candidates[i].endpoint;

		candidates[i].chosen = endpoint_is_ready(e, policy->publish_not_ready) &&
				       (!policy->local_only || is_local(policy, e)) &&
				       is_near(policy, narrowing, e);
		chosen += candidates[i].chosen;
	}
	return chosen;
}

/* Step two: the ones on their way out that still serve. */
static size_t choose_terminating(const struct choose_policy *policy, struct candidate *candidates,
				 size_t count)
{
	size_t chosen = 0;

	for (size_t i = 0; i < count; i++) {
		const struct endpoint *e = candidates[i].endpoint;

		candidates[i].chosen =
			e->terminating && e->serving && (!policy->local_only || is_local(policy, e));
		chosen += candidates[i].chosen;
	}
	return chosen;
}

enum chosen choose_endpoints(const struct choose_policy *policy, struct candidate *candidates, size_t count)
{
	if (choose_ready(policy, candidates, count) || choose_terminating(policy, candidates, count))
		return CHOSEN_SOME;
	for (size_t i = 0; i < count; i++) {
		const struct endpoint *e = candidates[i].endpoint;

		if (endpoint_is_ready(e, policy->publish_not_ready) || (e->terminating && e->serving))
			return CHOSEN_NONE_LOCAL;
	}
	return CHOSEN_NONE;
}
