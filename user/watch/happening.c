/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Words for what happened. */
#include "watch/happening.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <yyjson.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/text.h"
#include "watch/health.h"

enum {
	DETAILS_SIZE = 512,
	FAILURES_SIZE = 128,
};

static const char *const names[HAPPENING_KINDS] = {
	[HAPPENED_REFUSED] = "refused",
	[HAPPENED_EJECTED] = "ejected",
	[HAPPENED_READMITTED] = "readmitted",
	[HAPPENED_SPARED] = "spared",
	[HAPPENED_RESCUED] = "rescued",
	[HAPPENED_HEALED] = "healed",
	[HAPPENED_DRAINED] = "drained",
	[HAPPENED_UNDRAINED] = "undrained",
	[HAPPENED_SERVICE_ADDED] = "service_added",
	[HAPPENED_SERVICE_CHANGED] = "service_changed",
	[HAPPENED_SERVICE_REMOVED] = "service_removed",
	[HAPPENED_ENDPOINT_ADDED] = "endpoint_added",
	[HAPPENED_ENDPOINT_CHANGED] = "endpoint_changed",
	[HAPPENED_ENDPOINT_REMOVED] = "endpoint_removed",
	[HAPPENED_LOST] = "lost",
};

/* ---- which ---- */

/* The kinds of that name, or of that group; zero: there are none. */
static uint32_t kinds_named(const char *text, size_t length)
{
	uint32_t kinds = 0;

	for (int kind = 0; kind < HAPPENED_LOST; kind++) {
		if (strncmp(names[kind], text, length))
			continue;
		if (!names[kind][length])
			return 1u << kind;
		if (length == strlen("service") && names[kind][length] == '_')
			kinds |= 1u << kind;
		if (length == strlen("endpoint") && names[kind][length] == '_')
			kinds |= 1u << kind;
	}
	return kinds;
}

static int refuse_kind(const char *text, size_t length, struct why *why)
{
	char list[DETAILS_SIZE] = "";
	size_t end = 0;

	for (int kind = 0; kind < HAPPENED_LOST; kind++)
		end += snprintf(list + end, sizeof(list) - end, "%s, ", names[kind]);
	return why_set(
		why, -EINVAL,
		"nothing of kind '%.*s' can happen; there are %sand service and endpoint for all changes "
		"of those",
		(int)length, text, list);
}

int happening_parse_kinds(const char *text, uint32_t *ret, struct why *why)
{
	uint32_t kinds = 0;

	do {
		size_t length = strcspn(text, ",");
		uint32_t some = length ? kinds_named(text, length) : 0;

		if (!some)
			return refuse_kind(text, length, why);
		kinds |= some;
		text += length;
	} while (*text++ == ',');
	*ret = kinds;
	return 0;
}

static bool is_service(const struct happening_filter *filter, const char *full)
{
	const char *slash = strchr(full, '/');
	size_t length = slash ? (size_t)(slash - full) : 0;

	if (filter->namespace &&
	    (strlen(filter->namespace) != length || strncmp(filter->namespace, full, length)))
		return false;
	return !filter->service || !strcmp(filter->service, full) ||
	       (slash && !strcmp(filter->service, slash + 1));
}

static bool is_spot(const struct spot *wanted, const struct spot *spot)
{
	return spot->port && !addr_compare(&wanted->address, &spot->address) &&
	       (!wanted->port || wanted->port == spot->port);
}

bool happening_passes(const struct happening_filter *filter, const struct happening *h)
{
	if (h->kind == HAPPENED_LOST)
		return true;
	if (!(filter->kinds & 1u << h->kind) || !is_service(filter, h->service))
		return false;
	return !filter->has_endpoint || is_spot(&filter->endpoint, &h->endpoint) ||
	       is_spot(&filter->endpoint, &h->target);
}

/* ---- lines ---- */

/* "" if it is not known. */
static const char *spot_text(const struct spot *spot, char text[ADDR_PORT_TEXT])
{
	*text = '\0';
	return spot->port ? addr_print_port(&spot->address, spot->port, text) : text;
}

static void failures_text(const struct happening *h, char text[FAILURES_SIZE])
{
	if (h->failures)
		snprintf(text, FAILURES_SIZE, "%u failure%s in a row, the last: %s", h->failures,
			 h->failures == 1 ? "" : "s", failure_name(h->cause));
	else
		snprintf(text, FAILURES_SIZE, "the probing connection: %s", failure_name(h->cause));
}

static void moved_text(const struct happening *h, char text[DETAILS_SIZE])
{
	char target[ADDR_PORT_TEXT], client[ADDR_PORT_TEXT];
	int length = snprintf(text, DETAILS_SIZE, "to %s, client %s",
			      h->target.port ? spot_text(&h->target, target) : "an endpoint that is gone",
			      spot_text(&h->client, client));

	if (h->kind != HAPPENED_RESCUED)
		return;
	length += snprintf(text + length, DETAILS_SIZE - length, ": %s", failure_name(h->cause));
	if (h->failures > 1)
		snprintf(text + length, DETAILS_SIZE - length, ", %u endpoints failed", h->failures);
}

static void details_text(const struct happening *h, char text[DETAILS_SIZE])
{
	char failures[FAILURES_SIZE];

	*text = '\0';
	switch (h->kind) {
	case HAPPENED_REFUSED:
		snprintf(text, DETAILS_SIZE, "no endpoint takes connections; client %s (process %u)",
			 h->program, h->pid);
		break;
	case HAPPENED_EJECTED:
		failures_text(h, failures);
		snprintf(text, DETAILS_SIZE, "for %g s: %s", (double)h->out_ms / 1000, failures);
		break;
	case HAPPENED_READMITTED:
		snprintf(text, DETAILS_SIZE, "the probing connection was answered");
		break;
	case HAPPENED_SPARED:
		failures_text(h, failures);
		snprintf(text, DETAILS_SIZE, "too many of the service are out: %s", failures);
		break;
	case HAPPENED_RESCUED:
	case HAPPENED_HEALED:
		moved_text(h, text);
		break;
	case HAPPENED_LOST:
		snprintf(text, DETAILS_SIZE, "%llu event%s: they came faster than they were read",
			 (unsigned long long)h->count, h->count == 1 ? "" : "s");
		break;
	case HAPPENED_DRAINED:
	case HAPPENED_UNDRAINED:
	case HAPPENED_SERVICE_ADDED:
	case HAPPENED_SERVICE_CHANGED:
	case HAPPENED_SERVICE_REMOVED:
	case HAPPENED_ENDPOINT_ADDED:
	case HAPPENED_ENDPOINT_CHANGED:
	case HAPPENED_ENDPOINT_REMOVED:
	case HAPPENING_KINDS:
		snprintf(text, DETAILS_SIZE, "%s", h->change ? h->change : "");
		break;
	}
}

char *happening_line(const struct happening *h)
{
	char time[CLOCK_TEXT], at[ADDR_PORT_TEXT], details[DETAILS_SIZE];
	const char *place = spot_text(h->endpoint.port ? &h->endpoint : &h->dialled, at);

	details_text(h, details);
	return text_format("%s %-16s %s %s%s%s\n", clock_print(h->time_ms, time), names[h->kind],
			   *h->service ? h->service : "-", *place ? place : "-", *details ? " " : "",
			   details);
}

/* ---- JSON ---- */

struct object {
	yyjson_mut_doc *doc;
	yyjson_mut_val *root;
};

static void add_text(const struct object *o, const char *key, const char *text)
{
	if (text && *text)
		yyjson_mut_obj_add_strcpy(o->doc, o->root, key, text);
}

static void add_known(const struct object *o, const char *key, uint64_t number)
{
	if (number)
		yyjson_mut_obj_add_uint(o->doc, o->root, key, number);
}

static void add_spot(const struct object *o, const char *address_key, const char *port_key,
		     const struct spot *spot)
{
	char text[ADDR_TEXT];

	if (spot->port)
		add_text(o, address_key, addr_print(&spot->address, text));
	add_known(o, port_key, spot->port);
}

static void add_service(const struct object *o, const char *full)
{
	const char *slash = strchr(full, '/');

	if (slash)
		yyjson_mut_obj_add_strncpy(o->doc, o->root, "namespace", full, slash - full);
	add_text(o, "service", slash ? slash + 1 : full);
}

static void add_all(const struct object *o, const struct happening *h)
{
	char time[CLOCK_TEXT];

	add_text(o, "time", clock_print(h->time_ms, time));
	add_text(o, "kind", names[h->kind]);
	add_service(o, h->service);
	add_spot(o, "service_address", "service_port", &h->dialled);
	add_text(o, "protocol", h->protocol ? protocol_name(h->protocol) : NULL);
	add_spot(o, "address", "port", &h->endpoint);
	add_spot(o, "to_address", "to_port", &h->target);
	add_spot(o, "client_address", "client_port", &h->client);
	add_text(o, "cause", failure_name(h->cause));
	add_known(o, "failures", h->failures);
	add_known(o, "ejected_ms", h->out_ms);
	add_known(o, "pid", h->pid);
	add_text(o, "program", h->program);
	add_text(o, "change", h->change);
	add_known(o, "lost", h->count);
}

char *happening_json(const struct happening *h)
{
	struct object o = { .doc = yyjson_mut_doc_new(NULL) };
	char *text = NULL;

	o.root = yyjson_mut_obj(o.doc);
	if (o.root) {
		yyjson_mut_doc_set_root(o.doc, o.root);
		add_all(&o, h);
		text = yyjson_mut_write(o.doc, YYJSON_WRITE_NEWLINE_AT_END, NULL);
	}
	yyjson_mut_doc_free(o.doc);
	return text;
}
