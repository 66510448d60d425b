/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Routes at a service. */
#include "plan/route.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* Is the port one that the route is attached to? */
static bool covers(const struct want_route *route, const struct service_port *port)
{
	const struct route_parent *parent = route->parent;

	return port->protocol == IPPROTO_TCP && (!parent->port || parent->port == port->port) &&
	       (!*parent->section || !strcmp(parent->section, port->name));
}

static bool covers_any(const struct want_route *route, const struct service *service)
{
	for (size_t i = 0; i < service->n_ports; i++) {
		if (covers(route, &service->ports[i]))
			return true;
	}
	return false;
}

struct want_route *routes_find(struct want_route *routes, size_t count, const struct service_port *port)
{
	for (size_t i = 0; i < count; i++) {
		if (routes[i].accepted == ROUTE_ACCEPTED && covers(&routes[i], port))
			return &routes[i];
	}
	return NULL;
}

/* Without regard to other routes. */
static enum route_accepted accept_route(const struct model_service *service, const struct want_route *route)
{
	if (!service->service)
		return ROUTE_NO_PARENT;
	if (service->service->service.ignored)
		return ROUTE_LEFT_ALONE;
	if (!covers_any(route, &service->service->service))
		return ROUTE_NO_PORT;
	if (strcmp(route->route->namespace, service->namespace))
		return ROUTE_CONSUMER;
	return route->route->route.n_rules == 1 ? ROUTE_ACCEPTED : ROUTE_MANY_RULES;
}

/* The younger ones yield: those before `index` are older, and what they have is decided. */
static void yield(struct want_route *routes, size_t index, const struct service *service)
{
	struct want_route *route = &routes[index];
	bool has_port = false;

	if (route->accepted != ROUTE_ACCEPTED)
		return;
	for (size_t i = 0; i < service->n_ports; i++) {
		const struct want_route *older;

		if (!covers(route, &service->ports[i]))
			continue;
		older = routes_find(routes, index, &service->ports[i]);
		if (older && older->route != route->route)
			route->winner = older->route;
		else
			has_port = true;
	}
	if (!has_port)
		route->accepted = ROUTE_CONFLICTED;
}

static enum backend_resolved resolve(const struct model *model, const struct object *route,
				     struct want_backend *backend)
{
	const struct route_target *target = backend->target;
	const struct service *service;

	if (*target->kind)
		return BACKEND_INVALID_KIND;
	if (strcmp(target->namespace, route->namespace) &&
	    !model_grants(model, route->namespace, target->namespace, target->name))
		return BACKEND_NOT_PERMITTED;
	if (!model_find(model, target->namespace, target->name, &backend->service) ||
	    !backend->service.service)
		return BACKEND_NO_SERVICE;
	service = &backend->service.service->service;
	if (service->ignored)
		return BACKEND_LEFT_ALONE;
	for (size_t i = 0; i < service->n_ports; i++) {
		if (service->ports[i].port == target->port && service->ports[i].protocol == IPPROTO_TCP)
			backend->port = &service->ports[i];
	}
	return backend->port ? BACKEND_RESOLVED : BACKEND_NO_PORT;
}

static void resolve_all(const struct model *model, struct want_route *route)
{
	const struct route *object = &route->route->route;

	for (size_t i = 0; i < object->n_targets; i++) {
		struct want_backend *backend = &route->backends[route->n_backends++];

		backend->target = &object->targets[i];
		backend->resolved = resolve(model, route->route, backend);
	}
}

static bool names_service(const struct route_parent *parent, const struct model_service *service)
{
	return !strcmp(parent->name, service->name) && !strcmp(parent->namespace, service->namespace);
}

int routes_build(const struct model *model, const struct model_service *service, struct want_route **ret,
		 size_t *ret_count)
{
	struct want_route *routes;
	size_t room = 0, count = 0;

	for (size_t i = 0; i < service->n_routes; i++)
		room += service->routes[i]->route.n_parents;
	routes = calloc(room + 1, sizeof(*routes));
	if (!routes)
		return -ENOMEM;
	for (size_t i = 0; i < service->n_routes; i++) {
		const struct route *route = &service->routes[i]->route;

		for (size_t place = 0; place < route->n_parents; place++) {
			struct want_route *want = &routes[count];

			if (!names_service(&route->parents[place], service))
				continue;
			want->route = service->routes[i];
			want->parent = &route->parents[place];
			want->place = place;
			want->accepted = accept_route(service, want);
			resolve_all(model, want);
			if (service->service)
				yield(routes, count, &service->service->service);
			count++;
		}
	}
	*ret = routes;
	*ret_count = count;
	return 0;
}
