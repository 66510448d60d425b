/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Objects: to free and to compare. */
#include "model/object.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/intern.h"
#include "base/vec.h"

static void strings_done(char **strings, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(strings[i]);
	free(strings);
}

static void service_done(struct service *service)
{
	free(service->ignored);
	for (size_t i = 0; i < service->n_ports; i++)
		free(service->ports[i].name);
	free(service->ports);
}

static void endpoint_done(struct endpoint *endpoint)
{
	intern_release(endpoint->node);
	intern_release(endpoint->zone);
	if (!endpoint->hints)
		return;
	strings_done(endpoint->hints->zones, endpoint->hints->n_zones);
	strings_done(endpoint->hints->nodes, endpoint->hints->n_nodes);
	free(endpoint->hints);
}

static void slice_done(struct slice *slice)
{
	free(slice->service);
	for (size_t i = 0; i < slice->n_ports; i++)
		free(slice->ports[i].name);
	free(slice->ports);
	for (size_t i = 0; i < slice->n_endpoints; i++)
		endpoint_done(&slice->endpoints[i]);
	free(slice->endpoints);
}

static void route_done(struct route *route)
{
	free(route->created);
	for (size_t i = 0; i < route->n_parents; i++) {
		free(route->parents[i].namespace);
		free(route->parents[i].name);
		free(route->parents[i].section);
	}
	for (size_t i = 0; i < route->n_targets; i++) {
		free(route->targets[i].kind);
		free(route->targets[i].namespace);
		free(route->targets[i].name);
	}
	free(route->parents);
	free(route->targets);
}

static void grant_done(struct grant *grant)
{
	strings_done(grant->from, grant->n_from);
	strings_done(grant->to, grant->n_to);
}

void object_done(struct object *object)
{
	switch (object->kind) {
	case OBJECT_SERVICE:
		service_done(&object->service);
		break;
	case OBJECT_SLICE:
		slice_done(&object->slice);
		break;
	case OBJECT_NODE:
		free(object->node.zone);
		break;
	case OBJECT_ROUTE:
		route_done(&object->route);
		break;
	case OBJECT_GRANT:
		grant_done(&object->grant);
		break;
	}
	free(object->namespace);
	free(object->name);
	free(object->place);
	*object = (struct object){ 0 };
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool strings_equal(char *const *a, size_t n_a, char *const *b, size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++) {
		if (!same(a[i], b[i]))
			return false;
	}
	return true;
}

static bool health_equal(const struct health_knobs *a, const struct health_knobs *b)
{
	return a->eject_failures == b->eject_failures && a->eject_base_ms == b->eject_base_ms &&
	       a->eject_max_ms == b->eject_max_ms && a->eject_percent == b->eject_percent &&
	       a->panic_percent == b->panic_percent && a->syn_retransmits == b->syn_retransmits &&
	       a->data_retransmits == b->data_retransmits && a->connect_timeout_ms == b->connect_timeout_ms;
}

static bool service_equal(const struct service *a, const struct service *b)
{
	if (!same(a->ignored, b->ignored) || a->n_cluster_ips != b->n_cluster_ips ||
	    a->n_ports != b->n_ports || a->algorithm != b->algorithm || a->measured != b->measured ||
	    a->splice != b->splice || a->decay_ms != b->decay_ms || !health_equal(&a->health, &b->health) ||
	    a->affinity != b->affinity || a->affinity_s != b->affinity_s || a->local_only != b->local_only ||
	    a->publish_not_ready != b->publish_not_ready)
		return false;
	for (size_t i = 0; i < a->n_cluster_ips; i++) {
		if (addr_compare(&a->cluster_ips[i], &b->cluster_ips[i]))
			return false;
	}
	for (size_t i = 0; i < a->n_ports; i++) {
		if (!same(a->ports[i].name, b->ports[i].name) || a->ports[i].port != b->ports[i].port ||
		    a->ports[i].protocol != b->ports[i].protocol)
			return false;
	}
	return true;
}

static bool hints_equal(const struct hints *a, const struct hints *b)
{
	if (!a || !b)
		return a == b;
	return strings_equal(a->zones, a->n_zones, b->zones, b->n_zones) &&
	       strings_equal(a->nodes, a->n_nodes, b->nodes, b->n_nodes);
}

static bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return !addr_compare(&a->address, &b->address) && a->ready == b->ready && a->serving == b->serving &&
	       a->terminating == b->terminating && same(a->node, b->node) && same(a->zone, b->zone) &&
	       a->pod == b->pod && hints_equal(a->hints, b->hints);
}

static bool slice_equal(const struct slice *a, const struct slice *b)
{
	if (!same(a->service, b->service) || a->v6 != b->v6 || a->weight != b->weight ||
	    a->n_ports != b->n_ports || a->n_endpoints != b->n_endpoints)
		return false;
	for (size_t i = 0; i < a->n_ports; i++) {
		if (!same(a->ports[i].name, b->ports[i].name) || a->ports[i].port != b->ports[i].port ||
		    a->ports[i].protocol != b->ports[i].protocol)
			return false;
	}
	for (size_t i = 0; i < a->n_endpoints; i++) {
		if (!endpoint_equal(&a->endpoints[i], &b->endpoints[i]))
			return false;
	}
	return true;
}

static bool parent_equal(const struct route_parent *a, const struct route_parent *b)
{
	return same(a->namespace, b->namespace) && same(a->name, b->name) && same(a->section, b->section) &&
	       a->port == b->port;
}

static bool target_equal(const struct route_target *a, const struct route_target *b)
{
	return same(a->kind, b->kind) && same(a->namespace, b->namespace) && same(a->name, b->name) &&
	       a->port == b->port && a->weight == b->weight;
}

static bool route_equal(const struct route *a, const struct route *b)
{
	if (!same(a->created, b->created) || a->n_rules != b->n_rules || a->n_parents != b->n_parents ||
	    a->n_targets != b->n_targets)
		return false;
	for (size_t i = 0; i < a->n_parents; i++) {
		if (!parent_equal(&a->parents[i], &b->parents[i]))
			return false;
	}
	for (size_t i = 0; i < a->n_targets; i++) {
		if (!target_equal(&a->targets[i], &b->targets[i]))
			return false;
	}
	return true;
}

static bool grant_equal(const struct grant *a, const struct grant *b)
{
	return strings_equal(a->from, a->n_from, b->from, b->n_from) &&
	       strings_equal(a->to, a->n_to, b->to, b->n_to);
}

bool object_equal(const struct object *a, const struct object *b)
{
	if (a->kind != b->kind || !same(a->namespace, b->namespace) || !same(a->name, b->name))
		return false;
	switch (a->kind) {
	case OBJECT_SERVICE:
		return service_equal(&a->service, &b->service);
	case OBJECT_SLICE:
		return slice_equal(&a->slice, &b->slice);
	case OBJECT_NODE:
		return same(a->node.zone, b->node.zone);
	case OBJECT_ROUTE:
		return route_equal(&a->route, &b->route);
	case OBJECT_GRANT:
		return grant_equal(&a->grant, &b->grant);
	}
	return false;
}

void objects_done(struct objects *list)
{
	for (size_t i = 0; i < list->count; i++)
		object_done(&list->items[i]);
	free(list->items);
	*list = (struct objects){ 0 };
}

struct object *objects_add(struct objects *list)
{
	struct object *object;

	if (vec_reserve(&list->items, list->count + 1, &list->room, sizeof(*list->items)))
		return NULL;
	object = &list->items[list->count++];
	*object = (struct object){ 0 };
	return object;
}
