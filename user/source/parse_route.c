/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* gateway.networking.k8s.io TCPRoute to struct route, ReferenceGrant to struct grant. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "source/parse_object.h"

enum {
	MAX_PARENTS = 32, /* as the Gateway API has it */
	MAX_ROUTE_WEIGHT = 1000000,
	MAX_GRANT_ITEMS = 16,
};

static const char gateway_group[] = "gateway.networking.k8s.io";

/* What refers to another object. Texts are borrowed from the tree. */
struct reference {
	const char *group, *kind, *namespace, *name;
};

/* `group` and `kind` are what stands for those that are absent. */
static int parse_reference(const struct field *field, const char *group, const char *kind,
			   struct reference *ret)
{
	struct field group_field = field_member(field, "group");
	struct field kind_field = field_member(field, "kind");
	struct field namespace_field = field_member(field, "namespace");
	struct field name_field = field_member(field, "name");
	int error = field_is_object(field);

	if (!error && !field->value)
		error = field_refuse(field, "is missing");
	if (!error)
		error = field_string(&group_field, &ret->group);
	if (!error)
		error = field_string(&kind_field, &ret->kind);
	if (!error)
		error = field_name(&namespace_field, NAME_LABEL, &ret->namespace);
	if (!error)
		error = field_name(&name_field, NAME_SUBDOMAIN, &ret->name);
	if (error)
		return error;
	if (!ret->group)
		ret->group = group;
	if (!ret->kind || !*ret->kind)
		ret->kind = kind;
	if (ret->namespace && !*ret->namespace)
		ret->namespace = NULL;
	return 0;
}

static int require_name(const struct field *field, const struct reference *reference)
{
	struct field name = field_member(field, "name");

	return reference->name && *reference->name ? 0 : field_refuse(&name, "is missing");
}

/* The core group has no name; some write one. */
static bool is_service(const struct reference *reference)
{
	return (!*reference->group || !strcmp(reference->group, "core")) &&
	       !strcmp(reference->kind, "Service");
}

static int begin_list(const struct field *list, size_t most, const char *what, yyjson_arr_iter *ret)
{
	int error = field_is_list(list);

	*ret = (yyjson_arr_iter){ 0 };
	if (error)
		return error;
	if (yyjson_arr_size(list->value) > most)
		return field_refuse(list, "more than %zu %s", most, what);
	yyjson_arr_iter_init(list->value, ret);
	return 0;
}

static int fill_parent(struct parsing *p, const struct field *field, const struct reference *reference,
		       struct route_parent *parent)
{
	struct field section_field = field_member(field, "sectionName");
	struct field port_field = field_member(field, "port");
	const char *section = NULL;
	uint32_t port = 0;
	int error = require_name(field, reference);

	if (!error)
		error = field_name(&section_field, NAME_SUBDOMAIN, &section);
	if (!error)
		error = field_number(&port_field, 1, UINT16_MAX, "a port", &port);
	parent->port = (uint16_t)port;
	if (!error)
		error = field_copy(field, reference->namespace ? reference->namespace : p->object->namespace,
				   &parent->namespace);
	if (!error)
		error = field_copy(field, reference->name, &parent->name);
	return error ? error : field_copy(field, section, &parent->section);
}

static int parse_parent(struct parsing *p, const struct field *field)
{
	struct route *route = &p->object->route;
	struct reference reference = { 0 };
	int error = parse_reference(field, gateway_group, "Gateway", &reference);

	if (error)
		return error;
	if (is_service(&reference))
		return fill_parent(p, field, &reference, &route->parents[route->n_parents++]);
	if (!strcmp(reference.kind, "Service"))
		return parse_notice(p,
				    "TCPRoute %s/%s: parentRefs[%zu] is passed over: a Service is of group "
				    "\"\", not \"%.64s\"",
				    p->object->namespace, p->object->name, field->index, reference.group);
	return 0;
}

static int parse_parents(struct parsing *p, const struct field *spec)
{
	struct route *route = &p->object->route;
	struct field parents = field_member(spec, "parentRefs");
	yyjson_arr_iter items;
	yyjson_val *value;
	int error = begin_list(&parents, MAX_PARENTS, "parents", &items);

	if (error)
		return error;
	route->parents = calloc(yyjson_arr_size(parents.value) + 1, sizeof(*route->parents));
	if (!route->parents)
		return field_out_of_memory(&parents);
	for (size_t i = 0; !error && (value = yyjson_arr_iter_next(&items)); i++) {
		struct field parent = field_item(&parents, i, value);

		error = parse_parent(p, &parent);
	}
	return error;
}

static int fill_target(struct parsing *p, const struct field *field, const struct reference *reference,
		       struct route_target *target)
{
	struct field port_field = field_member(field, "port");
	struct field weight_field = field_member(field, "weight");
	uint32_t port = 0;
	int error = require_name(field, reference);

	target->weight = 1;
	if (!error)
		error = field_number(&port_field, 1, UINT16_MAX, "a port", &port);
	if (!error && !port && is_service(reference))
		error = field_refuse(&port_field, "is missing; a Service needs one");
	target->port = (uint16_t)port;
	if (!error)
		error = field_number(&weight_field, 0, MAX_ROUTE_WEIGHT, "a weight", &target->weight);
	if (!error)
		error = field_copy(field, reference->namespace ? reference->namespace : p->object->namespace,
				   &target->namespace);
	if (!error)
		error = field_copy(field, reference->name, &target->name);
	if (error)
		return error;
	if (is_service(reference))
		return field_copy(field, "", &target->kind);
	target->kind = text_format("%s%s%s", reference->kind, *reference->group ? "." : "", reference->group);
	return target->kind ? 0 : field_out_of_memory(field);
}

static int parse_targets(struct parsing *p, const struct field *rule)
{
	struct route *route = &p->object->route;
	struct field list = field_member(rule, "backendRefs");
	yyjson_arr_iter items;
	yyjson_val *value;
	int error = begin_list(&list, MAX_BACKENDS, "backends", &items);

	if (error)
		return error;
	route->targets = calloc(yyjson_arr_size(list.value) + 1, sizeof(*route->targets));
	if (!route->targets)
		return field_out_of_memory(&list);
	for (size_t i = 0; !error && (value = yyjson_arr_iter_next(&items)); i++) {
		struct field target = field_item(&list, i, value);
		struct reference reference = { 0 };

		error = parse_reference(&target, "", "Service", &reference);
		if (!error)
			error = fill_target(p, &target, &reference, &route->targets[route->n_targets++]);
	}
	return error;
}

/* Rules of a TCPRoute match nothing, so that the first is all that can be followed. */
static int parse_rules(struct parsing *p, const struct field *spec)
{
	struct field rules = field_member(spec, "rules");
	struct field first;
	int error = field_is_list(&rules);

	if (error)
		return error;
	p->object->route.n_rules = yyjson_arr_size(rules.value);
	if (!p->object->route.n_rules)
		return field_refuse(&rules, "is missing");
	first = field_item(&rules, 0, yyjson_arr_get_first(rules.value));
	error = field_is_object(&first);
	return error ? error : parse_targets(p, &first);
}

/* Times of Kubernetes are of one zone and one length, so that they sort as text. */
static int parse_created(struct parsing *p)
{
	static const char shape[] = "0000-00-00T00:00:00Z";
	struct field field = field_member(&p->metadata, "creationTimestamp");
	const char *text = NULL;
	int error = field_string(&field, &text);
	bool fits = text && strlen(text) == strlen(shape);

	if (error)
		return error;
	for (size_t i = 0; fits && shape[i]; i++)
		fits = shape[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == shape[i];
	if (text && *text && !fits)
		return field_refuse_value(&field, "is not a time as \"2024-05-01T12:00:00Z\"");
	return field_copy(&p->self, text, &p->object->route.created);
}

int parse_route(struct parsing *p)
{
	struct field spec = field_member(&p->self, "spec");
	int error = field_is_object(&spec);

	if (!error && !spec.value)
		error = field_refuse(&spec, "is missing");
	if (!error)
		error = parse_created(p);
	if (!error)
		error = parse_parents(p, &spec);
	if (error)
		return error;
	/* One that is attached to gateways alone is for others. */
	p->skip = !p->object->route.n_parents;
	return p->skip ? 0 : parse_rules(p, &spec);
}

/* Of the list those that are about TCPRoutes, or Services; `ret` gets a text of each. */
static int parse_grant_list(const struct field *spec, const char *key, bool from, char ***ret,
			    size_t *ret_count)
{
	struct field list = field_member(spec, key);
	yyjson_arr_iter items;
	yyjson_val *value;
	int error = begin_list(&list, MAX_GRANT_ITEMS, "items", &items);

	if (error)
		return error;
	*ret = calloc(yyjson_arr_size(list.value) + 1, sizeof(**ret));
	if (!*ret)
		return field_out_of_memory(&list);
	for (size_t i = 0; !error && (value = yyjson_arr_iter_next(&items)); i++) {
		struct field item = field_item(&list, i, value);
		struct reference reference = { 0 };
		bool meant;

		error = parse_reference(&item, "", "", &reference);
		if (error)
			break;
		meant = from ? !strcmp(reference.group, gateway_group) &&
					!strcmp(reference.kind, "TCPRoute") && reference.namespace
			     : is_service(&reference);
		if (!meant)
			continue;
		error = field_copy(&item, from ? reference.namespace : reference.name, &(*ret)[*ret_count]);
		*ret_count += !error;
	}
	return error;
}

int parse_grant(struct parsing *p)
{
	struct grant *grant = &p->object->grant;
	struct field spec = field_member(&p->self, "spec");
	int error = field_is_object(&spec);

	if (!error)
		error = parse_grant_list(&spec, "from", true, &grant->from, &grant->n_from);
	return error ? error : parse_grant_list(&spec, "to", false, &grant->to, &grant->n_to);
}
