/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two sorted lists, side by side. */
#include "watch/changes.h"

#include <stdarg.h>
#include <string.h>

enum {
	CHANGE_SIZE = 256,
};

struct finder {
	uint64_t time_ms;
	changes_fn *call;
	void *arg;
};

/* Adds to what is new, after a comma. */
static void add(char text[CHANGE_SIZE], const char *format, ...) _printf_(2, 3);
static void add(char text[CHANGE_SIZE], const char *format, ...)
{
	size_t length = strlen(text);
	va_list args;

	length += snprintf(text + length, CHANGE_SIZE - length, "%s", length ? ", " : "");
	va_start(args, format);
	vsnprintf(text + length, CHANGE_SIZE - length, format, args);
	va_end(args);
}

static const char *plural(uint32_t count)
{
	return count == 1 ? "" : "s";
}

/* ---- services ---- */

static void tell_service(const struct finder *f, enum happening_kind kind,
			 const struct listed_service *service, const char *change)
{
	const struct happening h = {
		.time_ms = f->time_ms,
		.kind = kind,
		.service = service->name,
		.protocol = service->key->protocol,
		.dialled = { service->key->address, service->key->port },
		.change = change,
	};

	f->call(f->arg, &h);
}

static void service_words(const struct service_row *row, char text[CHANGE_SIZE])
{
	*text = '\0';
	add(text, "%s", algorithm_name(row->algorithm));
	add(text, "%u endpoint%s", row->endpoint_count, plural(row->endpoint_count));
}

/* Not how many endpoints there are, which changes of those tell. */
static void compare_service(const struct finder *f, const struct listed_service *before,
			    const struct listed_service *now)
{
	const struct service_row *a = before->row, *b = now->row;
	char text[CHANGE_SIZE] = "";

	if (a->id != b->id)
		add(text, "made anew");
	if (a->algorithm != b->algorithm)
		add(text, "%s -> %s", algorithm_name(a->algorithm), algorithm_name(b->algorithm));
	if (a->affinity_s != b->affinity_s || (a->flags ^ b->flags) & SERVICE_AFFINITY)
		add(text, "affinity %u s -> %u s", a->affinity_s, b->affinity_s);
	if ((a->flags ^ b->flags) & (SERVICE_SPLICE | SERVICE_SPLICE_FORCED))
		add(text, "splice %s", b->flags & (SERVICE_SPLICE | SERVICE_SPLICE_FORCED) ? "on" : "off");
	if ((a->flags ^ b->flags) & SERVICE_MEASURED)
		add(text, "%s", b->flags & SERVICE_MEASURED ? "measured" : "not measured");
	if (a->decay_ms != b->decay_ms || a->connect_timeout_ms != b->connect_timeout_ms)
		add(text, "times");
	if (a->eject_failures != b->eject_failures || a->eject_base_ms != b->eject_base_ms ||
	    a->eject_max_ms != b->eject_max_ms || a->eject_percent != b->eject_percent ||
	    a->panic_percent != b->panic_percent || a->syn_retransmits != b->syn_retransmits ||
	    a->data_retransmits != b->data_retransmits)
		add(text, "rules of ejection");
	if (*text)
		tell_service(f, HAPPENED_SERVICE_CHANGED, now, text);
}

static void find_services(const struct finder *f, const struct listing *before, const struct listing *now)
{
	size_t i = 0, j = 0;
	char text[CHANGE_SIZE];
	int order;

	while (i < before->n_services || j < now->n_services) {
		if (i == before->n_services)
			order = 1;
		else if (j == now->n_services)
			order = -1;
		else
			order = listed_service_compare(&before->services[i], &now->services[j]);
		if (order < 0) {
			tell_service(f, HAPPENED_SERVICE_REMOVED, &before->services[i++], NULL);
		} else if (order > 0) {
			service_words(now->services[j].row, text);
			tell_service(f, HAPPENED_SERVICE_ADDED, &now->services[j++], text);
		} else {
			compare_service(f, &before->services[i++], &now->services[j++]);
		}
	}
}

/* ---- endpoints ---- */

static void tell_endpoint(const struct finder *f, enum happening_kind kind,
			  const struct listed_endpoint *endpoint, const char *change)
{
	const struct happening h = {
		.time_ms = f->time_ms,
		.kind = kind,
		.service = endpoint->name,
		.protocol = endpoint->row->protocol,
		.dialled = { endpoint->service->address, endpoint->service->port },
		.endpoint = { endpoint->row->address, endpoint->row->port },
		.change = change,
	};

	f->call(f->arg, &h);
}

static void endpoint_words(const struct listed_endpoint *endpoint, char text[CHANGE_SIZE])
{
	*text = '\0';
	add(text, "%s", member_state_name(endpoint->member->state));
	add(text, "weight %u", endpoint->member->weight);
	if (*endpoint->node)
		add(text, "on %s", endpoint->node);
	if (endpoint->drained)
		add(text, "drained");
}

static void compare_endpoint(const struct finder *f, const struct listed_endpoint *before,
			     const struct listed_endpoint *now)
{
	const struct member_row *a = before->member, *b = now->member;
	char text[CHANGE_SIZE] = "";

	if (a->state != b->state)
		add(text, "%s -> %s", member_state_name(a->state), member_state_name(b->state));
	if (a->weight != b->weight)
		add(text, "weight %u -> %u", a->weight, b->weight);
	if ((a->flags ^ b->flags) & MEMBER_CHOSEN)
		add(text, "takes %s connections", b->flags & MEMBER_CHOSEN ? "new" : "no new");
	if (*text)
		tell_endpoint(f, HAPPENED_ENDPOINT_CHANGED, now, text);
	if (before->drained != now->drained)
		tell_endpoint(f, now->drained ? HAPPENED_DRAINED : HAPPENED_UNDRAINED, now, "by hand");
}

static void find_endpoints(const struct finder *f, const struct listing *before, const struct listing *now)
{
	size_t i = 0, j = 0;
	char text[CHANGE_SIZE];
	int order;

	while (i < before->n_endpoints || j < now->n_endpoints) {
		if (i == before->n_endpoints)
			order = 1;
		else if (j == now->n_endpoints)
			order = -1;
		else
			order = listed_endpoint_compare(&before->endpoints[i], &now->endpoints[j]);
		if (order < 0) {
			tell_endpoint(f, HAPPENED_ENDPOINT_REMOVED, &before->endpoints[i++], NULL);
		} else if (order > 0) {
			endpoint_words(&now->endpoints[j], text);
			tell_endpoint(f, HAPPENED_ENDPOINT_ADDED, &now->endpoints[j++], text);
		} else {
			compare_endpoint(f, &before->endpoints[i++], &now->endpoints[j++]);
		}
	}
}

void changes_find(const struct listing *before, const struct listing *now, uint64_t time_ms, changes_fn *call,
		  void *arg)
{
	const struct finder f = { time_ms, call, arg };

	find_services(&f, before, now);
	find_endpoints(&f, before, now);
}
