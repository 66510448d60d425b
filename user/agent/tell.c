/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ids to names, times to seconds. */
#include "agent/tell.h"

#include <stdio.h>

#include "base/addr.h"

#define NS_PER_S 1000000000.0

static const char *failure_text(enum failure failure)
{
	switch (failure) {
	case FAILURE_NONE:
		break;
	case FAILURE_REFUSED:
		return "refused";
	case FAILURE_TIMED_OUT:
		return "timed out";
	case FAILURE_RESET:
		return "reset before an answer";
	case FAILURE_STALLED:
		return "stalled";
	}
	return "unknown";
}

static const char *service_text(const struct present *present, uint32_t id)
{
	struct service_entry *service = NULL;
	struct name_entry *name = NULL;

	HASH_FIND(by_id, present->services_by_id, &id, sizeof(id), service);
	if (service)
		HASH_FIND(by_id, present->names_by_id, &service->row.name, sizeof(service->row.name), name);
	return name ? name->text : "a service that is gone";
}

static void endpoint_text(const struct present *present, uint64_t id, char ret[ADDR_PORT_TEXT])
{
	struct endpoint_entry *endpoint = NULL;

	HASH_FIND(by_id, present->endpoints_by_id, &id, sizeof(id), endpoint);
	if (!endpoint) {
		snprintf(ret, ADDR_PORT_TEXT, "an endpoint that is gone");
		return;
	}
	addr_print_port(&endpoint->row.address, endpoint->row.port, ret);
}

void tell_event(const struct present *present, const struct event *event, char ret[TELL_SIZE])
{
	const char *service = service_text(present, event->service);
	const char *failure = failure_text(event->cause);
	char endpoint[ADDR_PORT_TEXT];

	endpoint_text(present, event->endpoint, endpoint);
	switch (event->kind) {
	case EVENT_EJECTED:
		if (event->failures)
			snprintf(ret, TELL_SIZE,
				 "%s: %s ejected for %g s: %u failures in a row, the last: %s", service,
				 endpoint, (double)(event->until_ns - event->time_ns) / NS_PER_S,
				 event->failures, failure);
		else
			snprintf(ret, TELL_SIZE, "%s: %s stays ejected, for %g s: the probing connection: %s",
				 service, endpoint, (double)(event->until_ns - event->time_ns) / NS_PER_S,
				 failure);
		return;
	case EVENT_READMITTED:
		snprintf(ret, TELL_SIZE, "%s: %s readmitted: the probing connection was answered", service,
			 endpoint);
		return;
	case EVENT_SPARED:
		snprintf(ret, TELL_SIZE,
			 "%s: %s spared, as too many of the service are ejected already: %u failures in a "
			 "row, the last: %s",
			 service, endpoint, event->failures, failure);
		return;
	}
	snprintf(ret, TELL_SIZE, "%s: %s: event %d is not known", service, endpoint, (int)event->kind);
}
