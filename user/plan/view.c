/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Objects to wants. */
#include "plan/view.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/addr.h"
#include "base/attr.h"
#include "plan/choose.h"

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

static void want_fill(struct want *want, const struct found_list *list, const struct service *service,
		      const char *node)
{
	bool weighted = false;

	for (size_t i = 0; i < list->count; i++)
		weighted = weighted || (list->items[i].candidate.chosen && list->items[i].weight);
	for (size_t i = 0; i < list->count; i++) {
		const struct found *found = &list->items[i];
		const struct endpoint *endpoint = found->candidate.endpoint;

		want->endpoints[i] = (struct want_endpoint){
			.address = endpoint->address,
			.port = found->port,
			.pod = *endpoint->pod ? XXH3_64bits(endpoint->pod, strlen(endpoint->pod)) : 0,
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
	want->n_endpoints = list->count;
}

static uint32_t flags_of(const struct service *service, uint8_t protocol)
{
	bool measured = service->measured || service->algorithm == ALGORITHM_EWMA;
	uint32_t flags = (service->affinity ? SERVICE_AFFINITY : 0) | (measured ? SERVICE_MEASURED : 0);

	if (protocol != IPPROTO_TCP || service->splice == SPLICE_MODE_OFF)
		return flags;
	return flags | (service->splice == SPLICE_MODE_ON ? SERVICE_SPLICE_FORCED : SERVICE_SPLICE);
}

static int want_build(const struct model_service *model, const struct addr *address,
		      const struct service_port *port, const struct vantage *vantage, struct want *ret)
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
	struct want want = {
		.key = { .address = *address, .port = port->port, .protocol = port->protocol },
		.algorithm = service->algorithm,
		.flags = flags_of(service, port->protocol),
		.affinity_s = service->affinity ? service->affinity_s : 0,
		.decay_ms = service->decay_ms,
		.health = service->health,
	};
	int error = find_endpoints(model, port, is_v6(address), vantage->node, &list);

	if (error)
		return error;
	candidates = calloc(list.count ? list.count : 1, sizeof(*candidates));
	want.endpoints = calloc(list.count ? list.count : 1, sizeof(*want.endpoints));
	if (!candidates || !want.endpoints) {
		free(want.endpoints);
		return -ENOMEM;
	}
	for (size_t i = 0; i < list.count; i++)
		candidates[i] = list.items[i].candidate;
	if (choose_endpoints(&policy, candidates, list.count) == CHOSEN_NONE_LOCAL)
		want.flags |= SERVICE_NO_LOCAL;
	for (size_t i = 0; i < list.count; i++)
		list.items[i].candidate.chosen = candidates[i].chosen;
	want_fill(&want, &list, service, vantage->node);
	*ret = want;
	return 0;
}

void wants_done(struct wants *wants)
{
	for (size_t i = 0; i < wants->count; i++)
		free(wants->items[i].endpoints);
	free(wants->items);
	*wants = (struct wants){ 0 };
}

int view_build(const struct model_service *model, const struct vantage *vantage, struct wants *ret)
{
	_cleanup_(wants_done) struct wants wants = { 0 };
	const struct service *service;

	if (!model->service || model->service->service.ignored) {
		*ret = wants;
		return 0;
	}
	service = &model->service->service;
	wants.items = calloc(service->n_cluster_ips * service->n_ports + 1, sizeof(*wants.items));
	if (!wants.items)
		return -ENOMEM;
	for (size_t i = 0; i < service->n_cluster_ips; i++) {
		for (size_t j = 0; j < service->n_ports; j++) {
			int error = want_build(model, &service->cluster_ips[i], &service->ports[j], vantage,
					       &wants.items[wants.count]);

			if (error)
				return error;
			wants.count++;
		}
	}
	*ret = wants;
	wants = (struct wants){ 0 };
	return 0;
}
