/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* v1 Service to struct service. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "source/parse_object.h"

enum {
	AFFINITY_DEFAULT_S = 10800,
	AFFINITY_MAX_S = 86400,
};

/* What a string field may be; the first is the default. */
struct choice {
	const char *const *words;
	size_t count;
	const char *text;
};

static int parse_choice(const struct field *field, const struct choice *choice, size_t *ret)
{
	const char *text = NULL;
	int error = field_string(field, &text);

	if (error)
		return error;
	*ret = 0;
	if (!text)
		return 0;
	for (size_t i = 0; i < choice->count; i++) {
		if (!strcmp(text, choice->words[i])) {
			*ret = i;
			return 0;
		}
	}
	return field_refuse_value(field, "is not known (%s)", choice->text);
}

static int parse_affinity(const struct field *spec, struct service *service)
{
	static const char *const words[] = { "None", "ClientIP" };
	static const struct choice choice = { words, ARRAY_LEN(words), "None or ClientIP" };
	struct field field = field_member(spec, "sessionAffinity");
	struct field config = field_member(spec, "sessionAffinityConfig");
	struct field client, timeout;
	size_t chosen = 0;
	int error = parse_choice(&field, &choice, &chosen);

	if (!error)
		error = field_is_object(&config);
	if (error)
		return error;
	client = field_member(&config, "clientIP");
	error = field_is_object(&client);
	if (error)
		return error;
	service->affinity = chosen == 1;
	service->affinity_s = AFFINITY_DEFAULT_S;
	timeout = field_member(&client, "timeoutSeconds");
	return field_number(&timeout, 1, AFFINITY_MAX_S, "a time-out in seconds", &service->affinity_s);
}

static int parse_policies(const struct field *spec, struct service *service)
{
	static const char *const words[] = { "Cluster", "Local" };
	static const struct choice choice = { words, ARRAY_LEN(words), "Cluster or Local" };
	struct field traffic = field_member(spec, "internalTrafficPolicy");
	struct field publish = field_member(spec, "publishNotReadyAddresses");
	size_t chosen = 0;
	int error = parse_choice(&traffic, &choice, &chosen);

	service->local_only = chosen == 1;
	return error ? error : field_bool(&publish, false, &service->publish_not_ready);
}

/* A name that may be missing where there is no other port, and no two alike. */
static int check_port(const struct field *field, const struct service *service,
		      const struct service_port *port, size_t total)
{
	struct field name = field_member(field, "name");
	struct field number = field_member(field, "port");

	if (!*port->name && total > 1)
		return field_refuse(&name, "is missing, though there are several ports");
	for (size_t i = 0; i < service->n_ports; i++) {
		const struct service_port *other = &service->ports[i];

		if (!strcmp(other->name, port->name))
			return field_refuse(&name, "another port is named \"%s\" already", port->name);
		if (other->port == port->port && other->protocol == port->protocol)
			return field_refuse(&number, "another port is %u/%s already", port->port,
					    protocol_name(port->protocol));
	}
	return 0;
}

static int parse_port(struct parsing *p, const struct field *field, size_t total)
{
	struct service *service = &p->object->service;
	struct service_port port = { 0 };
	struct port_fields fields;
	struct field number_field;
	int error = parse_port_fields(field, 1, &fields);

	if (error)
		return error;
	number_field = field_member(field, "port");
	if (!fields.number)
		return field_refuse(&number_field, "is missing");
	if (!fields.protocol)
		return parse_notice(p, "Service %s/%s: port %u is passed over: SCTP", p->object->namespace,
				    p->object->name, fields.number);
	port.protocol = fields.protocol;
	port.port = (uint16_t)fields.number;
	error = field_copy(field, fields.name, &port.name);
	if (!error)
		error = check_port(field, service, &port, total);
	if (error) {
		free(port.name);
		return error;
	}
	service->ports[service->n_ports++] = port;
	return 0;
}

static int parse_ports(struct parsing *p, const struct field *spec)
{
	struct service *service = &p->object->service;
	struct field ports = field_member(spec, "ports");
	size_t total = yyjson_arr_size(ports.value);
	yyjson_arr_iter items;
	yyjson_val *value;
	int error = parse_ports_begin(&ports, &items);

	if (error)
		return error;
	if (!total && !service->ignored)
		return field_refuse(&ports, "is missing");
	service->ports = calloc(total ? total : 1, sizeof(*service->ports));
	if (!service->ports)
		return field_out_of_memory(&ports);
	for (size_t i = 0; !error && (value = yyjson_arr_iter_next(&items)); i++) {
		struct field port = field_item(&ports, i, value);

		error = parse_port(p, &port, total);
	}
	return error;
}

static int add_cluster_ip(const struct field *field, struct service *service)
{
	struct addr address;
	int error = field_address(field, &address);

	if (error)
		return error;
	if (service->n_cluster_ips == ARRAY_LEN(service->cluster_ips))
		return field_refuse(field, "more than one address of each family");
	if (service->n_cluster_ips && addr_is_v4(&service->cluster_ips[0]) == addr_is_v4(&address))
		return field_refuse_value(field, "is of the same family as the one before");
	service->cluster_ips[service->n_cluster_ips++] = address;
	return 0;
}

/* Sets cluster_ips, or *ret_ignored to why there are none. */
static int parse_cluster_ips(const struct field *spec, struct service *service, const char **ret_ignored)
{
	struct field single = field_member(spec, "clusterIP");
	struct field list = field_member(spec, "clusterIPs");
	struct field first = field_item(&list, 0, yyjson_arr_get_first(list.value));
	const char *text = NULL, *first_text = NULL;
	yyjson_arr_iter items = { 0 };
	yyjson_val *value;
	int error = field_string(&single, &text);

	if (!error)
		error = field_is_list(&list);
	if (!error)
		error = field_string(&first, &first_text);
	if (error)
		return error;
	if (text && *text && first_text && strcmp(text, first_text))
		return field_refuse_value(&first, "differs from spec.clusterIP, which is \"%.64s\"", text);
	if ((text && !strcmp(text, "None")) || (first_text && !strcmp(first_text, "None"))) {
		*ret_ignored = "headless";
		return 0;
	}
	if (!first.value) {
		if (text && *text)
			return add_cluster_ip(&single, service);
		*ret_ignored = "no cluster IP yet";
		return 0;
	}
	yyjson_arr_iter_init(list.value, &items);
	for (size_t i = 0; !error && (value = yyjson_arr_iter_next(&items)); i++) {
		struct field item = field_item(&list, i, value);

		error = add_cluster_ip(&item, service);
	}
	return error;
}

/* Why this service is not ours; NULL if it is. */
static int find_ignored(struct parsing *p, const struct field *spec, const char **ret)
{
	static const char *const words[] = { "ClusterIP", "NodePort", "LoadBalancer", "ExternalName" };
	static const struct choice choice = { words, ARRAY_LEN(words),
					      "ClusterIP, NodePort, LoadBalancer or ExternalName" };
	struct field type = field_member(spec, "type");
	const char *proxy = NULL, *headless = NULL;
	size_t chosen = 0;
	int error = parse_choice(&type, &choice, &chosen);

	if (!error)
		error = parse_label(p, "service.kubernetes.io/service-proxy-name", &proxy);
	if (!error)
		error = parse_label(p, "service.kubernetes.io/headless", &headless);
	if (error)
		return error;
	*ret = NULL;
	if (proxy)
		*ret = "another proxy's (label service.kubernetes.io/service-proxy-name)";
	else if (headless)
		*ret = "headless";
	else if (chosen == 3)
		*ret = "ExternalName";
	else
		return parse_cluster_ips(spec, &p->object->service, ret);
	return 0;
}

int parse_service(struct parsing *p)
{
	struct service *service = &p->object->service;
	struct field spec = field_member(&p->self, "spec");
	const char *ignored = NULL;
	int error = field_is_object(&spec);

	if (!error && !spec.value)
		return field_refuse(&spec, "is missing");
	if (!error)
		error = find_ignored(p, &spec, &ignored);
	if (!error && ignored)
		error = field_copy(&spec, ignored, &service->ignored);
	if (!error)
		error = parse_ports(p, &spec);
	if (!error)
		error = parse_affinity(&spec, service);
	if (!error)
		error = parse_policies(&spec, service);
	if (!error)
		error = parse_balance(p);
	if (!error && ignored)
		error = parse_notice(p, "Service %s/%s is ignored: %s", p->object->namespace, p->object->name,
				     ignored);
	return error;
}
