/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Events in words. */
#include <criterion/criterion.h>

#include "agent/tell.h"
#include "base/addr.h"
#include "plan/present.h"

static struct present *made(const char *address)
{
	struct service_row service = { .id = 7, .name = 3 };
	struct endpoint_row endpoint = { .port = 80, .protocol = 6 };
	struct service_key key = { .port = 80, .protocol = 6 };
	struct name_row name = { "shop/web" };
	struct present *present;
	uint32_t name_id = 3;
	uint64_t id = 9;

	cr_assert(!addr_parse(address, &endpoint.address));
	cr_assert(!present_new(&present));
	cr_assert(!present_read(present, TABLE_NAMES, &name_id, &name));
	cr_assert(!present_read(present, TABLE_SERVICES, &key, &service));
	cr_assert(!present_read(present, TABLE_ENDPOINTS, &id, &endpoint));
	return present;
}

static void assert_told(const char *address, struct event event, const char *expected)
{
	struct present *present = made(address);
	char text[TELL_SIZE];

	tell_event(present, &event, text);
	cr_assert_str_eq(text, expected);
	present_free(present);
}

Test(tell, ejected)
{
	struct event event = { .kind = EVENT_EJECTED,
			       .service = 7,
			       .endpoint = 9,
			       .failures = 5,
			       .cause = FAILURE_TIMED_OUT,
			       .time_ns = 1000,
			       .until_ns = 1000 + 1500000000ull };

	assert_told("10.0.0.1", event,
		    "shop/web: 10.0.0.1:80 ejected for 1.5 s: 5 failures in a row, the last: timed out");
	assert_told("fd00::1", event,
		    "shop/web: [fd00::1]:80 ejected for 1.5 s: 5 failures in a row, the last: timed out");
	event.failures = 0;
	assert_told("10.0.0.1", event,
		    "shop/web: 10.0.0.1:80 stays ejected, for 1.5 s: the probing connection: timed out");
}

Test(tell, others)
{
	struct event event = { .kind = EVENT_READMITTED, .service = 7, .endpoint = 9 };

	assert_told("10.0.0.1", event,
		    "shop/web: 10.0.0.1:80 readmitted: the probing connection was answered");
	event.kind = EVENT_SPARED;
	event.cause = FAILURE_REFUSED;
	event.failures = 5;
	assert_told("10.0.0.1", event,
		    "shop/web: 10.0.0.1:80 spared, as too many of the service are ejected already: 5 "
		    "failures in a row, "
		    "the last: refused");
}

Test(tell, what_is_gone_has_no_name)
{
	struct event event = { .kind = EVENT_READMITTED, .service = 8, .endpoint = 10 };

	assert_told("10.0.0.1", event,
		    "a service that is gone: an endpoint that is gone readmitted: the probing connection was "
		    "answered");
	event.kind = 99;
	assert_told("10.0.0.1", event,
		    "a service that is gone: an endpoint that is gone: event 99 is not known");
}
