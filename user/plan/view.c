/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Objects to wants. */
#include "plan/view.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/attr.h"
#include "plan/choose.h"
#include "plan/split.h"

/* A candidate with what its slice says of it. */
struct found {
	struct candidate candidate;
	uint16_t port;
	uint32_t weight;
};

struct found_list {
	struct found *items;
	size_t count;
};

static void found_list_done(struct found_list *list)
{
	free(list->items);
}

static bool is_v6(const struct addr *address)
{
	return !addr_is_v4(address);
}

/* An endpoint that stands in several slices counts once: the local copy first, then one that is ready. */
static bool found_before(const struct found *a, const struct found *b, const char *node)
{
	const struct endpoint *left = a->candidate.endpoint;
	const struct endpoint *right = b->candidate.endpoint;
	bool left_local = *node && !strcmp(left->node, node);
	bool right_local = *node && !strcmp(right->node, node);

	if (left_local != right_local)
		return left_local;
	return endpoint_is_ready(left, false) && !endpoint_is_ready(right, false);
}

static int found_compare(const void *left, const void *right)
{
	const struct found *a = left;
	const struct found *b = right;
	int order = addr_compare(&a->candidate.endpoint->address, &b->candidate.endpoint->address);

	if (order)
		return order;
	return (int)a->port - (int)b->port;
}

static void drop_duplicates(struct found_list *list, const char *node)
{
	size_t kept = 0;

	if (!list->count)
		return;
	qsort(list->items, list->count, sizeof(*list->items), found_compare);
	for (size_t i = 1; i < list->count; i++) {
		if (found_compare(&list->items[kept], &list->items[i]))
			list->items[++kept] = list->items[i];
		else if (found_before(&list->items[i], &list->items[kept], node))
			list->items[kept] = list->items[i];
	}
	list->count = kept + 1;
}

/* The number this slice gives to a port of the service; zero if it has none of that name. */
static uint16_t slice_port(const struct slice *slice, const struct service_port *port)
{
	for (size_t i = 0; i < slice->n_ports; i++) {
		if (slice->ports[i].protocol == port->protocol && !strcmp(slice->ports[i].name, port->name))
			return slice->ports[i].port;
	}
	return 0;
}

/* All endpoints behind a port of the service, of one family. */
static int find_endpoints(const struct model_service *service, const struct service_port *port, bool v6,
			  const char *node, struct found_list *ret)
{
	_cleanup_(found_list_done) struct found_list list = { 0 };
	size_t room = 0;

	for (size_t i = 0; i < service->n_slices; i++)
		room += service->slices[i]->slice.n_endpoints;
	list.items = calloc(room ? room : 1, sizeof(*list.items));
	if (!list.items)
		return -ENOMEM;
	for (size_t i = 0; i < service->n_slices; i++) {
		const struct slice *slice = &service->slices[i]->slice;
		uint16_t number = slice_port(slice, port);

		if (!number || slice->v6 != v6)
			continue;
		for (size_t j = 0; j < slice->n_endpoints; j++)
			list.items[list.count++] = (struct found){
				.candidate.endpoint = &slice->endpoints[j],
				.port = number,
				.weight = slice->weight,
			};
	}
	drop_duplicates(&list, node);
	*ret = list;
	list.items = NULL;
	return 0;
}

static enum member_state state_of(const struct endpoint *endpoint, bool publish_not_ready)
{
	if (endpoint_is_ready(endpoint, publish_not_ready))
		return MEMBER_READY;
	if (endpoint->terminating && endpoint->serving)
		return MEMBER_TERMINATING;
	return MEMBER_NOT_READY;
}

static void fill_endpoints(const struct found_list *list, const struct service *service, const char *node,
			   struct want_endpoint *ret)
{
	bool weighted = false;

	for (size_t i = 0; i < list->count; i++)
		weighted = weighted || (list->items[i].candidate.chosen && list->items[i].weight);
	for (size_t i = 0; i < list->count; i++) {
		const struct found *found = &list->items[i];
		const struct endpoint *endpoint = found->candidate.endpoint;

		ret[i] = (struct want_endpoint){
			.address = endpoint->address,
			.port = found->port,
			.pod = endpoint->pod,
			.node = endpoint->node,
			.zone = endpoint->zone,
			.weight = found->weight,
			.state = state_of(endpoint, service->publish_not_ready),
			/* Weight zero takes nothing new, unless that is all there is. */
			.chosen = found->candidate.chosen && (found->weight || !weighted),
			.serving = endpoint->serving || service->publish_not_ready,
			.local = *node && !strcmp(endpoint->node, node),
		};
	}
}

static uint32_t flags_of(const struct service *service, uint8_t protocol)
{
	bool measured = service->measured || service->algorithm == ALGORITHM_EWMA;
	uint32_t flags = (service->affinity ? SERVICE_AFFINITY : 0) | (measured ? SERVICE_MEASURED : 0);

	if (protocol != IPPROTO_TCP || service->splice == SPLICE_MODE_OFF)
		return flags;
	return flags | (service->splice == SPLICE_MODE_ON ? SERVICE_SPLICE_FORCED : SERVICE_SPLICE);
}

/* Those behind a port of the service, of one family, and which of them this node's clients are sent to. */
static int build_endpoints(const struct model_service *model, const struct service_port *port, bool v6,
			   const struct vantage *vantage, struct split_part *ret, enum chosen *ret_chosen)
{
	_cleanup_(found_list_done) struct found_list list = { 0 };
	_cleanup_(freep) struct candidate *candidates = NULL;
	const struct service *service = &model->service->service;
	struct choose_policy policy = {
		.local_only = service->local_only,
		.publish_not_ready = service->publish_not_ready,
		.node = vantage->node,
		.zone = vantage->zone,
	};
	int error = find_endpoints(model, port, v6, vantage->node, &list);

	if (error)
		return error;
	candidates = calloc(list.count + 1, sizeof(*candidates));
	ret->endpoints = calloc(list.count + 1, sizeof(*ret->endpoints));
	if (!candidates || !ret->endpoints)
		return -ENOMEM;
	for (size_t i = 0; i < list.count; i++)
		candidates[i] = list.items[i].candidate;
	*ret_chosen = choose_endpoints(&policy, candidates, list.count);
	for (size_t i = 0; i < list.count; i++)
		list.items[i].candidate.chosen = candidates[i].chosen;
	fill_endpoints(&list, service, vantage->node, ret->endpoints);
	ret->n_endpoints = list.count;
	return 0;
}

static void parts_done(struct split_part (*parts)[MAX_BACKENDS])
{
	for (size_t i = 0; i < MAX_BACKENDS; i++)
		free((*parts)[i].endpoints);
}

/* The endpoints of all backends. *ret_chosen is CHOSEN_NONE_LOCAL if one of them has some, but none here. */
static int build_parts(const struct want_route *route, bool v6, const struct vantage *vantage,
		       struct split_part parts[MAX_BACKENDS], enum chosen *ret_chosen)
{
	*ret_chosen = CHOSEN_NONE;
	for (size_t i = 0; i < route->n_backends; i++) {
		const struct want_backend *backend = &route->backends[i];
		enum chosen chosen = CHOSEN_NONE;
		int error = 0;

		parts[i].weight = backend->target->weight;
		if (backend->resolved == BACKEND_RESOLVED)
			error = build_endpoints(&backend->service, backend->port, v6, vantage, &parts[i],
						&chosen);
		if (error)
			return error;
		if (chosen == CHOSEN_NONE_LOCAL)
			*ret_chosen = chosen;
	}
	return 0;
}

static bool any_chosen(const struct want *want)
{
	for (size_t i = 0; i < want->n_endpoints; i++) {
		if (want->endpoints[i].chosen)
			return true;
	}
	return false;
}

static int fill_routed(struct want *want, const struct want_route *route, const struct vantage *vantage)
{
	_cleanup_(parts_done) struct split_part parts[MAX_BACKENDS] = { 0 };
	/* What a choice multiplies must fit into its integers. */
	uint32_t most = want->algorithm == ALGORITHM_EWMA ? MAX_WEIGHT : INT32_MAX;
	enum chosen chosen;
	struct split split;
	int error = build_parts(route, is_v6(&want->key.address), vantage, parts, &chosen);

	if (!error)
		error = split_combine(parts, route->n_backends, most, &split);
	if (error)
		return error;
	want->endpoints = split.endpoints;
	want->n_endpoints = split.n_endpoints;
	want->refuse = split.refuse;
	for (size_t i = 0; i < route->n_backends; i++)
		want->doubtful = want->doubtful || route->backends[i].resolved != BACKEND_RESOLVED;
	if (chosen == CHOSEN_NONE_LOCAL && !any_chosen(want))
		want->flags |= SERVICE_NO_LOCAL;
	return 0;
}

static int fill_own(struct want *want, const struct model_service *model, const struct service_port *port,
		    const struct vantage *vantage)
{
	struct split_part part = { 0 };
	enum chosen chosen = CHOSEN_NONE;
	int error = build_endpoints(model, port, is_v6(&want->key.address), vantage, &part, &chosen);

	want->endpoints = part.endpoints;
	want->n_endpoints = part.n_endpoints;
	if (chosen == CHOSEN_NONE_LOCAL)
		want->flags |= SERVICE_NO_LOCAL;
	return error;
}

static void want_init(const struct service *service, const struct addr *address,
		      const struct service_port *port, struct want *ret)
{
	*ret = (struct want){
		.key = { .address = *address, .port = port->port, .protocol = port->protocol },
		.algorithm = service->algorithm,
		.flags = flags_of(service, port->protocol),
		.affinity_s = service->affinity ? service->affinity_s : 0,
		.decay_ms = service->decay_ms,
		.health = service->health,
	};
}

void wants_done(struct wants *wants)
{
	for (size_t i = 0; i < wants->count; i++)
		free(wants->items[i].endpoints);
	free(wants->items);
	free(wants->routes);
	*wants = (struct wants){ 0 };
}

/* Of this backend, for people to read. */
static int count_endpoints(struct want_backend *backend, const struct vantage *vantage)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct split_part part = { 0 };
		uint32_t count = 0;
		enum chosen chosen;
		int error = build_endpoints(&backend->service, backend->port, v6, vantage, &part, &chosen);

		for (size_t i = 0; i < part.n_endpoints; i++)
			count += part.endpoints[i].chosen;
		free(part.endpoints);
		if (error)
			return error;
		if (count > backend->endpoints)
			backend->endpoints = count;
	}
	return 0;
}

static int build_routes(const struct model *model, const struct model_service *service,
			const struct vantage *vantage, struct wants *wants)
{
	int error = routes_build(model, service, &wants->routes, &wants->n_routes);

	for (size_t i = 0; !error && i < wants->n_routes; i++) {
		struct want_route *route = &wants->routes[i];

		for (size_t j = 0; !error && j < route->n_backends; j++) {
			if (route->backends[j].resolved == BACKEND_RESOLVED)
				error = count_endpoints(&route->backends[j], vantage);
		}
	}
	return error;
}

static int build_wants(const struct model_service *model, const struct vantage *vantage, struct wants *wants)
{
	const struct service *service = &model->service->service;
	int error = 0;

	wants->items = calloc(service->n_cluster_ips * service->n_ports + 1, sizeof(*wants->items));
	if (!wants->items)
		return -ENOMEM;
	for (size_t i = 0; i < service->n_cluster_ips; i++) {
		for (size_t j = 0; !error && j < service->n_ports; j++) {
			const struct service_port *port = &service->ports[j];
			const struct want_route *route = routes_find(wants->routes, wants->n_routes, port);
			struct want *want = &wants->items[wants->count++];

			want_init(service, &service->cluster_ips[i], port, want);
			error = route ? fill_routed(want, route, vantage)
				      : fill_own(want, model, port, vantage);
		}
	}
	return error;
}

int view_build(const struct model *model, const struct model_service *service, const struct vantage *vantage,
	       struct wants *ret)
{
	_cleanup_(wants_done) struct wants wants = { 0 };
	int error = build_routes(model, service, vantage, &wants);

	if (!error && service->service && !service->service->service.ignored)
		error = build_wants(service, vantage, &wants);
	if (error)
		return error;
	*ret = wants;
	wants = (struct wants){ 0 };
	return 0;
}
