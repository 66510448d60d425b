/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* discovery.k8s.io/v1 EndpointSlice, and v1beta1, to struct slice. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/addr.h"
#include "source/parse_object.h"

static int parse_port(const struct field *field, struct slice *slice)
{
	struct slice_port port = { 0 };
	struct port_fields fields;
	struct field name_field;
	const char *name;
	int error = parse_port_fields(field, 0, &fields);

	if (error)
		return error;
	/* A Service that has an SCTP port tells of it. */
	if (!fields.protocol)
		return 0;
	name_field = field_member(field, "name");
	name = fields.name ? fields.name : "";
	for (size_t i = 0; i < slice->n_ports; i++) {
		if (!strcmp(slice->ports[i].name, name))
			return field_refuse(&name_field, "another port is named \"%s\" already", name);
	}
	port.port = (uint16_t)fields.number;
	port.protocol = fields.protocol;
	error = field_copy(field, fields.name, &port.name);
	if (!error)
		slice->ports[slice->n_ports++] = port;
	return error;
}

static int parse_ports(struct parsing *p)
{
	struct slice *slice = &p->object->slice;
	struct field ports = field_member(&p->self, "ports");
	yyjson_arr_iter items;
	yyjson_val *value;
	int error = parse_ports_begin(&ports, &items);

	if (error)
		return error;
	slice->ports = calloc(yyjson_arr_size(ports.value) + 1, sizeof(*slice->ports));
	if (!slice->ports)
		return field_out_of_memory(&ports);
	for (size_t i = 0; !error && (value = yyjson_arr_iter_next(&items)); i++) {
		struct field port = field_item(&ports, i, value);

		error = parse_port(&port, slice);
	}
	return error;
}

/* hints.forZones or hints.forNodes: a list of objects with a name each. */
static int parse_hint_names(const struct field *list, enum name_rule rule, char ***ret, size_t *ret_count)
{
	yyjson_arr_iter items = { 0 };
	yyjson_val *value;
	int error = field_is_list(list);

	if (error || !yyjson_arr_size(list->value))
		return error;
	/* What is read so far belongs to the object and is freed with it. */
	*ret = calloc(yyjson_arr_size(list->value), sizeof(**ret));
	if (!*ret)
		return field_out_of_memory(list);
	yyjson_arr_iter_init(list->value, &items);
	for (size_t i = 0; (value = yyjson_arr_iter_next(&items)); i++) {
		struct field item = field_item(list, i, value);
		struct field name_field = field_member(&item, "name");
		const char *name = NULL;

		error = field_is_object(&item);
		if (!error)
			error = field_name(&name_field, rule, &name);
		if (!error && (!name || !*name))
			error = field_refuse(&name_field, "is missing");
		if (!error)
			error = field_copy(&item, name, &(*ret)[*ret_count]);
		if (error)
			return error;
		(*ret_count)++;
	}
	return 0;
}

static int parse_hints(const struct field *field, struct endpoint *endpoint)
{
	struct field zones = field_member(field, "forZones"), nodes = field_member(field, "forNodes");
	int error = field_is_object(field);

	if (error || !field->value)
		return error;
	endpoint->hints = calloc(1, sizeof(*endpoint->hints));
	if (!endpoint->hints)
		return field_out_of_memory(field);
	error = parse_hint_names(&zones, NAME_VALUE, &endpoint->hints->zones, &endpoint->hints->n_zones);
	if (!error)
		error = parse_hint_names(&nodes, NAME_SUBDOMAIN, &endpoint->hints->nodes,
					 &endpoint->hints->n_nodes);
	return error;
}

/* What v1beta1 says in a map, and only it: labels of the node. */
static int parse_old_topology(const struct field *field, const char **node, const char **zone)
{
	struct field topology = field_member(field, "topology");
	struct field node_field = field_member(&topology, "kubernetes.io/hostname");
	struct field zone_field = field_member(&topology, "topology.kubernetes.io/zone");
	int error = field_is_object(&topology);

	if (!error && !*node)
		error = field_name(&node_field, NAME_SUBDOMAIN, node);
	if (!error && !*zone)
		error = field_name(&zone_field, NAME_VALUE, zone);
	return error;
}

static int parse_topology(const struct field *field, struct endpoint *endpoint)
{
	struct field node_field = field_member(field, "nodeName");
	struct field zone_field = field_member(field, "zone");
	struct field hints = field_member(field, "hints");
	const char *node = NULL, *zone = NULL;
	int error = field_name(&node_field, NAME_SUBDOMAIN, &node);

	if (!error)
		error = field_name(&zone_field, NAME_VALUE, &zone);
	if (!error)
		error = parse_old_topology(field, &node, &zone);
	if (!error)
		error = field_intern(field, node, &endpoint->node);
	if (!error)
		error = field_intern(field, zone, &endpoint->zone);
	return error ? error : parse_hints(&hints, endpoint);
}

static int parse_conditions(const struct field *field, struct endpoint *endpoint)
{
	struct field conditions = field_member(field, "conditions");
	struct field ready = field_member(&conditions, "ready");
	struct field serving = field_member(&conditions, "serving");
	struct field terminating = field_member(&conditions, "terminating");
	int error = field_is_object(&conditions);

	if (!error)
		error = field_bool(&ready, true, &endpoint->ready);
	if (!error)
		error = field_bool(&serving, endpoint->ready, &endpoint->serving);
	if (!error)
		error = field_bool(&terminating, false, &endpoint->terminating);
	return error;
}

static int parse_pod(const struct field *field, struct endpoint *endpoint)
{
	struct field target = field_member(field, "targetRef");
	struct field uid_field = field_member(&target, "uid");
	struct field name_field = field_member(&target, "name");
	const char *uid = NULL, *name = NULL;
	int error = field_is_object(&target);

	if (!error)
		error = field_string(&uid_field, &uid);
	if (!error)
		error = field_string(&name_field, &name);
	if (!error && uid && *uid)
		endpoint->pod = XXH3_64bits(uid, strlen(uid));
	else if (!error && name && *name)
		endpoint->pod = XXH3_64bits(name, strlen(name));
	return error;
}

static int parse_addresses(const struct field *field, bool v6, struct endpoint *endpoint)
{
	struct field addresses = field_member(field, "addresses");
	yyjson_arr_iter items = { 0 };
	yyjson_val *value;
	int error = field_is_list(&addresses);

	if (error)
		return error;
	if (!yyjson_arr_size(addresses.value))
		return field_refuse(&addresses, "is missing");
	yyjson_arr_iter_init(addresses.value, &items);
	for (size_t i = 0; (value = yyjson_arr_iter_next(&items)); i++) {
		struct field item = field_item(&addresses, i, value);
		struct addr address;

		error = field_address(&item, &address);
		if (error)
			return error;
		if (addr_is_v4(&address) == v6)
			return field_refuse_value(&item, "is not an %s address", v6 ? "IPv6" : "IPv4");
		if (!i)
			endpoint->address = address;
	}
	return 0;
}

static int parse_endpoint(const struct field *field, bool v6, struct endpoint *endpoint)
{
	int error = field_is_object(field);

	if (error)
		return error;
	if (!field->value)
		return field_refuse(field, "is missing");
	error = parse_addresses(field, v6, endpoint);
	if (!error)
		error = parse_conditions(field, endpoint);
	if (!error)
		error = parse_topology(field, endpoint);
	return error ? error : parse_pod(field, endpoint);
}

static int parse_endpoints(struct parsing *p)
{
	struct slice *slice = &p->object->slice;
	struct field endpoints = field_member(&p->self, "endpoints");
	yyjson_arr_iter items = { 0 };
	yyjson_val *value;
	int error = field_is_list(&endpoints);

	if (error)
		return error;
	if (!yyjson_arr_size(endpoints.value))
		return 0;
	slice->endpoints = calloc(yyjson_arr_size(endpoints.value), sizeof(*slice->endpoints));
	if (!slice->endpoints)
		return field_out_of_memory(&endpoints);
	yyjson_arr_iter_init(endpoints.value, &items);
	for (size_t i = 0; !error && (value = yyjson_arr_iter_next(&items)); i++) {
		struct field item = field_item(&endpoints, i, value);

		/* Counted at once, so that a half-read one is freed with the object. */
		error = parse_endpoint(&item, slice->v6, &slice->endpoints[slice->n_endpoints++]);
	}
	return error;
}

static const char weight_annotation[] = "weft.dev/weight";

bool slice_knows(const char *annotation)
{
	return !strcmp(annotation, weight_annotation);
}

static int parse_weight(const struct parsing *p, uint32_t *ret)
{
	struct field annotation = field_member(&p->annotations, weight_annotation);
	const char *text = NULL;
	unsigned long weight = 1;
	int error = field_string(&annotation, &text);

	if (error)
		return error;
	if (text) {
		size_t length = strspn(text, "0123456789");

		weight = strtoul(text, NULL, 10);
		if (!length || length > 5 || text[length] || weight > MAX_WEIGHT)
			return field_refuse(
				&annotation,
				"EndpointSlice %s/%s: \"%.64s\" is not a weight (\"0\" to \"%d\")",
				p->object->namespace, p->object->name, text, MAX_WEIGHT);
	}
	*ret = (uint32_t)weight;
	return 0;
}

static int parse_address_type(struct parsing *p)
{
	struct field field = field_member(&p->self, "addressType");
	const char *text = NULL;
	int error = field_string(&field, &text);

	if (error)
		return error;
	if (text && !strcmp(text, "FQDN")) {
		p->skip = true;
		return parse_notice(p, "EndpointSlice %s/%s is ignored: addressType FQDN",
				    p->object->namespace, p->object->name);
	}
	if (!text || (strcmp(text, "IPv4") && strcmp(text, "IPv6")))
		return field_refuse_value(&field, "is not known (IPv4, IPv6 or FQDN)");
	p->object->slice.v6 = !strcmp(text, "IPv6");
	return 0;
}

int parse_slice(struct parsing *p)
{
	struct slice *slice = &p->object->slice;
	const char *service = NULL, *proxy = NULL, *headless = NULL;
	int error = parse_label(p, "kubernetes.io/service-name", &service);

	if (!error)
		error = parse_label(p, "service.kubernetes.io/service-proxy-name", &proxy);
	if (!error)
		error = parse_label(p, "service.kubernetes.io/headless", &headless);
	if (error)
		return error;
	if (proxy || headless) {
		p->skip = true;
		return 0;
	}
	error = parse_address_type(p);
	if (error || p->skip)
		return error;
	error = field_copy(&p->self, service, &slice->service);
	if (!error)
		error = parse_weight(p, &slice->weight);
	if (!error)
		error = parse_ports(p);
	return error ? error : parse_endpoints(p);
}
