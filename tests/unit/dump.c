/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What was parsed, as text. */
#include "dump.h"

#include <inttypes.h>

#include <criterion/criterion.h>

#include "base/addr.h"

static void dump_service(const struct service *service, FILE *out)
{
	char text[ADDR_TEXT];

	if (service->ignored)
		fprintf(out, "  ignored: %s\n", service->ignored);
	for (size_t i = 0; i < service->n_cluster_ips; i++)
		fprintf(out, "  address %s\n", addr_print(&service->cluster_ips[i], text));
	for (size_t i = 0; i < service->n_ports; i++)
		fprintf(out, "  port \"%s\" %u/%s\n", service->ports[i].name, service->ports[i].port,
			protocol_name(service->ports[i].protocol));
	fprintf(out, "  algorithm %d affinity %d for %u s local %d not_ready %d\n", service->algorithm,
		service->affinity, service->affinity_s, service->local_only, service->publish_not_ready);
}

static void dump_slice(const struct slice *slice, FILE *out)
{
	char text[ADDR_TEXT];

	fprintf(out, "  of \"%s\" %s weight %u\n", slice->service, slice->v6 ? "IPv6" : "IPv4",
		slice->weight);
	for (size_t i = 0; i < slice->n_ports; i++)
		fprintf(out, "  port \"%s\" %u/%s\n", slice->ports[i].name, slice->ports[i].port,
			protocol_name(slice->ports[i].protocol));
	for (size_t i = 0; i < slice->n_endpoints; i++) {
		const struct endpoint *endpoint = &slice->endpoints[i];

		fprintf(out, "  endpoint %s ready %d serving %d terminating %d",
			addr_print(&endpoint->address, text), endpoint->ready, endpoint->serving,
			endpoint->terminating);
		fprintf(out, " node \"%s\" zone \"%s\" pod %016" PRIx64 "\n", endpoint->node, endpoint->zone,
			endpoint->pod);
		for (size_t j = 0; endpoint->hints && j < endpoint->hints->n_zones; j++)
			fprintf(out, "    for zone %s\n", endpoint->hints->zones[j]);
		for (size_t j = 0; endpoint->hints && j < endpoint->hints->n_nodes; j++)
			fprintf(out, "    for node %s\n", endpoint->hints->nodes[j]);
	}
}

static void dump_route(const struct route *route, FILE *out)
{
	fprintf(out, "  created \"%s\" rules %zu\n", route->created, route->n_rules);
	for (size_t i = 0; i < route->n_parents; i++)
		fprintf(out, "  parent %s/%s port %u section \"%s\"\n", route->parents[i].namespace,
			route->parents[i].name, route->parents[i].port, route->parents[i].section);
	for (size_t i = 0; i < route->n_targets; i++)
		fprintf(out, "  target \"%s\" %s/%s port %u weight %u\n", route->targets[i].kind,
			route->targets[i].namespace, route->targets[i].name, route->targets[i].port,
			route->targets[i].weight);
}

static void dump_grant(const struct grant *grant, FILE *out)
{
	for (size_t i = 0; i < grant->n_from; i++)
		fprintf(out, "  from \"%s\"\n", grant->from[i]);
	for (size_t i = 0; i < grant->n_to; i++)
		fprintf(out, "  to \"%s\"\n", grant->to[i]);
}

static void dump_object(const struct object *object, FILE *out)
{
	switch (object->kind) {
	case OBJECT_SERVICE:
		fprintf(out, "service %s/%s at %s\n", object->namespace, object->name, object->place);
		dump_service(&object->service, out);
		break;
	case OBJECT_SLICE:
		fprintf(out, "slice %s/%s at %s\n", object->namespace, object->name, object->place);
		dump_slice(&object->slice, out);
		break;
	case OBJECT_NODE:
		fprintf(out, "node %s%s at %s\n  zone \"%s\"\n", object->namespace, object->name,
			object->place, object->node.zone);
		break;
	case OBJECT_ROUTE:
		fprintf(out, "route %s/%s at %s\n", object->namespace, object->name, object->place);
		dump_route(&object->route, out);
		break;
	case OBJECT_GRANT:
		fprintf(out, "grant %s/%s at %s\n", object->namespace, object->name, object->place);
		dump_grant(&object->grant, out);
		break;
	}
}

void dump_parsed(const struct parsed *parsed, FILE *out)
{
	for (size_t i = 0; i < parsed->objects.count; i++)
		dump_object(&parsed->objects.items[i], out);
	for (size_t i = 0; i < parsed->notices.count; i++)
		fprintf(out, "notice at %u: %s\n", parsed->notices.items[i].line,
			parsed->notices.items[i].text);
}

char *load_file(const char *path, size_t *ret_size)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;
	ssize_t size;

	cr_assert_not_null(file, "%s is missing", path);
	size = getdelim(&text, &room, -1, file);
	/* An empty file is no error here. */
	if (size < 0) {
		free(text);
		text = calloc(1, 1);
		size = 0;
	}
	fclose(file);
	if (ret_size)
		*ret_size = (size_t)size;
	return text;
}
