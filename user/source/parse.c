/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files to objects: documents, lists, metadata, nodes. */
#include "source/parse.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/vec.h"
#include "source/parse_object.h"

static int parse_node(struct parsing *p);

struct kind {
	const char *name;
	const char *const *apis;	 /* the versions that are read; ends with NULL */
	int (*parse)(struct parsing *p); /* NULL: a list */
	const char *item;		 /* of a list: the kind of items that name none */
	enum object_kind kind;
	/* Does this annotation under weft.dev/ mean something? NULL: none does. */
	bool (*knows)(const char *annotation);
};

static const char *const core_apis[] = { "v1", NULL };
static const char *const discovery_apis[] = { "discovery.k8s.io/v1", "discovery.k8s.io/v1beta1", NULL };
static const char *const route_apis[] = { "gateway.networking.k8s.io/v1",
					  "gateway.networking.k8s.io/v1alpha2", NULL };
static const char *const grant_apis[] = { "gateway.networking.k8s.io/v1", "gateway.networking.k8s.io/v1beta1",
					  "gateway.networking.k8s.io/v1alpha2", NULL };
static const char annotation_prefix[] = "weft.dev/";

static const struct kind kinds[] = {
	{ "Service", core_apis, parse_service, NULL, OBJECT_SERVICE, balance_knows },
	{ "EndpointSlice", discovery_apis, parse_slice, NULL, OBJECT_SLICE, slice_knows },
	{ "Node", core_apis, parse_node, NULL, OBJECT_NODE, NULL },
	{ "TCPRoute", route_apis, parse_route, NULL, OBJECT_ROUTE, NULL },
	{ "ReferenceGrant", grant_apis, parse_grant, NULL, OBJECT_GRANT, NULL },
	{ "List", core_apis, NULL, NULL, 0, NULL },
	{ "ServiceList", core_apis, NULL, "Service", 0, NULL },
	{ "EndpointSliceList", discovery_apis, NULL, "EndpointSlice", 0, NULL },
	{ "NodeList", core_apis, NULL, "Node", 0, NULL },
	{ "TCPRouteList", route_apis, NULL, "TCPRoute", 0, NULL },
	{ "ReferenceGrantList", grant_apis, NULL, "ReferenceGrant", 0, NULL },
};

void notices_done(struct notices *notices)
{
	for (size_t i = 0; i < notices->count; i++)
		free(notices->items[i].text);
	free(notices->items);
	*notices = (struct notices){ 0 };
}

void parsed_done(struct parsed *parsed)
{
	objects_done(&parsed->objects);
	notices_done(&parsed->notices);
}

int parse_notice(struct parsing *p, const char *format, ...)
{
	struct notices *notices = p->notices;
	va_list args;
	char *text;

	va_start(args, format);
	text = text_vformat(format, args);
	va_end(args);
	if (!text)
		return field_out_of_memory(&p->self);
	if (vec_reserve(&notices->items, notices->count + 1, &notices->room, sizeof(*notices->items))) {
		free(text);
		return field_out_of_memory(&p->self);
	}
	notices->items[notices->count++] = (struct notice){ field_line(&p->self), text };
	return 0;
}

int parse_label(const struct parsing *p, const char *key, const char **ret)
{
	struct field label = field_member(&p->labels, key);

	return field_name(&label, NAME_VALUE, ret);
}

int parse_annotation(const struct parsing *p, const char *key, const char **ret)
{
	struct field annotation = field_member(&p->annotations, key);

	return field_string(&annotation, ret);
}

static int parse_protocol(const struct field *port, uint8_t *ret)
{
	struct field field = field_member(port, "protocol");
	const char *text = NULL;
	int error = field_string(&field, &text);

	if (error)
		return error;
	if (!text || !strcmp(text, "TCP"))
		*ret = IPPROTO_TCP;
	else if (!strcmp(text, "UDP"))
		*ret = IPPROTO_UDP;
	else if (!strcmp(text, "SCTP"))
		*ret = 0;
	else
		return field_refuse_value(&field, "is not a protocol (TCP, UDP or SCTP)");
	return 0;
}

int parse_port_fields(const struct field *port, uint32_t lowest, struct port_fields *ret)
{
	struct port_fields fields = { 0 };
	struct field name, number;
	int error = field_is_object(port);

	if (error)
		return error;
	if (!port->value)
		return field_refuse(port, "is missing");
	name = field_member(port, "name");
	number = field_member(port, "port");
	error = field_name(&name, NAME_LABEL, &fields.name);
	if (!error)
		error = field_number(&number, lowest, UINT16_MAX, "a port", &fields.number);
	if (!error)
		error = parse_protocol(port, &fields.protocol);
	if (!error)
		*ret = fields;
	return error;
}

int parse_ports_begin(const struct field *ports, yyjson_arr_iter *ret)
{
	int error = field_is_list(ports);

	if (error)
		return error;
	if (yyjson_arr_size(ports->value) > MAX_PORTS)
		return field_refuse(ports, "more than %d ports", MAX_PORTS);
	*ret = (yyjson_arr_iter){ 0 };
	yyjson_arr_iter_init(ports->value, ret);
	return 0;
}

static int parse_node(struct parsing *p)
{
	const char *zone = NULL;
	int error = parse_label(p, "topology.kubernetes.io/zone", &zone);

	return error ? error : field_copy(&p->self, zone, &p->object->node.zone);
}

static int parse_metadata(struct parsing *p)
{
	bool cluster_wide = p->object->kind == OBJECT_NODE;
	struct field name_field, namespace_field;
	const char *name = NULL, *space = NULL;
	int error;

	p->metadata = field_member(&p->self, "metadata");
	error = field_is_object(&p->metadata);
	if (error)
		return error;
	p->labels = field_member(&p->metadata, "labels");
	p->annotations = field_member(&p->metadata, "annotations");
	error = field_is_object(&p->labels);
	if (!error)
		error = field_is_object(&p->annotations);
	if (error)
		return error;
	name_field = field_member(&p->metadata, "name");
	namespace_field = field_member(&p->metadata, "namespace");
	error = field_name(&name_field, p->object->kind == OBJECT_SERVICE ? NAME_LABEL : NAME_SUBDOMAIN,
			   &name);
	if (!error)
		error = field_name(&namespace_field, NAME_LABEL, &space);
	if (error)
		return error;
	if (!name || !*name)
		return field_refuse(&name_field, "is missing");
	if (cluster_wide)
		space = "";
	else if (!space || !*space)
		space = "default";
	error = field_copy(&p->self, name, &p->object->name);
	return error ? error : field_copy(&p->self, space, &p->object->namespace);
}

/* A misspelt annotation must not pass in silence, and must not stop the service either. */
static int note_annotations(struct parsing *p, const struct kind *kind)
{
	yyjson_obj_iter members = { 0 };
	yyjson_val *key;
	int error = 0;

	yyjson_obj_iter_init(p->annotations.value, &members);
	while (!error && (key = yyjson_obj_iter_next(&members))) {
		const char *text = yyjson_get_str(key);

		if (strncmp(text, annotation_prefix, strlen(annotation_prefix)) ||
		    (kind->knows && kind->knows(text)))
			continue;
		error = parse_notice(p, "%s %s%s%s: the annotation %.128s is not known", kind->name,
				     p->object->namespace, *p->object->namespace ? "/" : "", p->object->name,
				     text);
	}
	return error;
}

static int fill_object(struct parsing *p, const struct kind *kind)
{
	int error = parse_metadata(p);

	p->object->place = p->self.file->document
				   ? text_format("%s:%u", p->self.file->name, field_line(&p->self))
				   : strdup(p->self.file->name);
	if (!p->object->place && !error)
		error = field_out_of_memory(&p->self);
	if (!error)
		error = kind->parse(p);
	if (!error && !p->skip)
		error = note_annotations(p, kind);
	return error;
}

static int parse_object(const struct field *self, const struct kind *kind, struct parsed *parsed)
{
	struct object *object = objects_add(&parsed->objects);
	struct parsing p = { .self = *self, .notices = &parsed->notices, .object = object };
	int error;

	if (!object)
		return field_out_of_memory(self);
	object->kind = kind->kind;
	error = fill_object(&p, kind);
	if (p.skip || error) {
		object_done(object);
		parsed->objects.count--;
	}
	return error;
}

/* Is this a version of the same API? Other groups may have kinds of the same name. */
static bool same_group(const char *api)
{
	const char *slash = strchr(api, '/');
	static const char own[] = ".k8s.io";
	size_t length = slash ? (size_t)(slash - api) : 0;

	return !memchr(api, '.', length) ||
	       (length > strlen(own) && !strncmp(slash - strlen(own), own, strlen(own)));
}

static bool reads(const struct kind *kind, const char *api)
{
	for (size_t i = 0; kind->apis[i]; i++) {
		if (!strcmp(api, kind->apis[i]))
			return true;
	}
	return false;
}

static int refuse_api(const struct field *api, const struct kind *kind)
{
	char text[256] = "";
	size_t length = 0;

	for (size_t i = 0; kind->apis[i]; i++)
		length += snprintf(text + length, sizeof(text) - length, "%s%s",
				   !i		       ? ""
				   : kind->apis[i + 1] ? ", "
						       : " and ",
				   kind->apis[i]);
	return field_refuse_value(api, "is not supported for %s (only %s)", kind->name, text);
}

/* The kind of an object, NULL for one that is passed over. `list` may name the kind in its stead. */
static int find_kind(const struct field *self, const struct kind *list, const struct kind **ret)
{
	struct field kind_field = field_member(self, "kind");
	struct field api_field = field_member(self, "apiVersion");
	const char *name = NULL, *api = NULL;
	int error = field_string(&kind_field, &name);

	if (!error)
		error = field_string(&api_field, &api);
	if (error)
		return error;
	if (!name && list)
		name = list->item;
	if (!name)
		return field_refuse(&kind_field, "is missing");
	if (!api && list && list->item && !strcmp(name, list->item))
		api = list->apis[0];
	*ret = NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(name, kinds[i].name))
			continue;
		if (api && reads(&kinds[i], api))
			*ret = &kinds[i];
		else if (!api || same_group(api))
			return refuse_api(&api_field, &kinds[i]);
	}
	return 0;
}

static int parse_value(const struct field *self, const struct kind *list, struct parsed *parsed);

static int parse_list(const struct field *self, const struct kind *kind, struct parsed *parsed)
{
	struct field items = field_member(self, "items");
	yyjson_arr_iter iter = { 0 };
	yyjson_val *value;
	int error = field_is_list(&items);

	if (error)
		return error;
	yyjson_arr_iter_init(items.value, &iter);
	for (size_t i = 0; !error && (value = yyjson_arr_iter_next(&iter)); i++) {
		struct field item = field_item(&items, i, value);

		error = parse_value(&item, kind, parsed);
	}
	return error;
}

static int parse_value(const struct field *self, const struct kind *list, struct parsed *parsed)
{
	const struct kind *kind = NULL;
	int error;

	if (!self->value || !yyjson_is_obj(self->value))
		return field_refuse(self, "this is not an object");
	error = find_kind(self, list, &kind);
	if (error || !kind)
		return error;
	if (kind->parse)
		return parse_object(self, kind, parsed);
	if (list)
		return field_refuse(self, "a list stands inside a list");
	return parse_list(self, kind, parsed);
}

int parse_item(const char *name, const char *list, yyjson_val *value, struct why *why, struct parsed *ret)
{
	_cleanup_(parsed_done) struct parsed parsed = { 0 };
	struct field_file file = { .name = name, .why = why };
	struct field self = { .file = &file, .value = value };
	const struct kind *kind = NULL;
	int error;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!strcmp(kinds[i].name, list))
			kind = &kinds[i];
	}
	error = parse_value(&self, kind, &parsed);
	if (error)
		return error;
	*ret = parsed;
	parsed = (struct parsed){ 0 };
	return 0;
}

int parse_text(const char *name, enum tree_format format, const char *text, size_t size, struct why *why,
	       struct parsed *ret)
{
	_cleanup_(tree_done) struct tree tree = { 0 };
	_cleanup_(parsed_done) struct parsed parsed = { 0 };
	int error = tree_parse(name, format, text, size, why, &tree);

	for (size_t i = 0; !error && i < tree.count; i++) {
		struct field_file file = { .name = name, .document = &tree.documents[i], .why = why };
		struct field root = { .file = &file, .value = yyjson_doc_get_root(tree.documents[i].json) };

		/* "---" with nothing after it is no object. */
		if (!yyjson_is_null(root.value))
			error = parse_value(&root, NULL, &parsed);
	}
	if (error)
		return error;
	*ret = parsed;
	parsed = (struct parsed){ 0 };
	return 0;
}
