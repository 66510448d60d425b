/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What happened, as lines, as JSON, and by filters; changes of rows. */
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/addr.h"
#include "base/attr.h"
#include "watch/changes.h"
#include "watch/happening.h"

static struct spot spot(const char *address, uint16_t port)
{
	struct spot ret = { .port = port };

	cr_assert(!addr_parse(address, &ret.address));
	return ret;
}

static struct happening event(enum happening_kind kind)
{
	return (struct happening){
		.time_ms = 1700000000123,
		.kind = kind,
		.protocol = 6,
		.service = "shop/web",
		.endpoint = spot("10.0.0.1", 80),
	};
}

static void assert_line(const struct happening *h, const char *expected)
{
	_cleanup_(freep) char *line = happening_line(h);

	cr_assert_str_eq(line, expected, "%s", line);
}

static void assert_json(const struct happening *h, const char *expected)
{
	_cleanup_(freep) char *json = happening_json(h);

	cr_assert_str_eq(json, expected, "%s", json);
}

#define TIME "2023-11-14T22:13:20.123Z"

Test(happening, lines)
{
	struct happening h = event(HAPPENED_EJECTED);

	h.cause = FAILURE_TIMED_OUT;
	h.failures = 5;
	h.out_ms = 1500;
	assert_line(&h,
		    TIME " ejected          shop/web 10.0.0.1:80 for 1.5 s: 5 failures in a row, the last: "
			 "timed_out\n");
	h.failures = 0;
	assert_line(&h, TIME " ejected          shop/web 10.0.0.1:80 for 1.5 s: the probing connection: "
			     "timed_out\n");
	h = event(HAPPENED_READMITTED);
	assert_line(&h, TIME " readmitted       shop/web 10.0.0.1:80 the probing connection was answered\n");
	h = event(HAPPENED_RESCUED);
	h.target = spot("fd00::2", 80);
	h.client = spot("10.9.9.9", 5000);
	h.cause = FAILURE_REFUSED;
	h.failures = 2;
	assert_line(&h, TIME " rescued          shop/web 10.0.0.1:80 to [fd00::2]:80, client 10.9.9.9:5000: "
			     "refused, 2 endpoints failed\n");
	h = (struct happening){ .kind = HAPPENED_REFUSED,
				.time_ms = 1700000000123,
				.service = "shop/web",
				.dialled = spot("10.96.0.1", 443),
				.program = "curl",
				.pid = 7 };
	assert_line(&h, TIME
		    " refused          shop/web 10.96.0.1:443 no endpoint takes connections; client curl "
		    "(process 7)\n");
	h = (struct happening){ .kind = HAPPENED_LOST, .time_ms = 1700000000123, .service = "", .count = 1 };
	assert_line(&h, TIME " lost             - - 1 event: they came faster than they were read\n");
}

Test(happening, json_has_what_is_known)
{
	struct happening h = event(HAPPENED_HEALED);

	h.protocol = 17;
	h.target = spot("10.0.0.2", 81);
	h.client = spot("10.9.9.9", 5000);
	assert_json(&h,
		    "{\"time\":\"" TIME "\",\"kind\":\"healed\",\"namespace\":\"shop\",\"service\":\"web\","
		    "\"protocol\":\"UDP\",\"address\":\"10.0.0.1\",\"port\":80,\"to_address\":\"10.0.0.2\","
		    "\"to_port\":81,\"client_address\":\"10.9.9.9\",\"client_port\":5000}\n");
	h = (struct happening){ .kind = HAPPENED_LOST, .time_ms = 1700000000123, .service = "", .count = 9 };
	assert_json(&h, "{\"time\":\"" TIME "\",\"kind\":\"lost\",\"lost\":9}\n");
}

Test(happening, kinds_are_read)
{
	struct why why = { "" };
	uint32_t kinds;

	cr_assert(!happening_parse_kinds("ejected", &kinds, &why));
	cr_assert_eq(kinds, 1u << HAPPENED_EJECTED);
	cr_assert(!happening_parse_kinds("rescued,service", &kinds, &why));
	cr_assert_eq(kinds, 1u << HAPPENED_RESCUED | 1u << HAPPENED_SERVICE_ADDED |
				    1u << HAPPENED_SERVICE_CHANGED | 1u << HAPPENED_SERVICE_REMOVED);
	cr_assert(!happening_parse_kinds("endpoint", &kinds, &why));
	cr_assert_eq(kinds, 1u << HAPPENED_ENDPOINT_ADDED | 1u << HAPPENED_ENDPOINT_CHANGED |
				    1u << HAPPENED_ENDPOINT_REMOVED);
	kinds = 77;
	for (const char *const *wrong = (const char *const[]){ "", "eject", "ejected,", ",ejected", "lost",
							       "end", "ejected,nothing", NULL };
	     *wrong; wrong++)
		cr_assert_eq(happening_parse_kinds(*wrong, &kinds, &why), -EINVAL, "'%s'", *wrong);
	cr_assert_eq(kinds, 77);
	cr_assert(strstr(why.text, "'nothing'") && strstr(why.text, "readmitted"), "%s", why.text);
}

Test(happening, filters)
{
	struct happening h = event(HAPPENED_RESCUED);
	struct happening lost = { .kind = HAPPENED_LOST, .service = "" };
	const uint32_t all = KINDS_OF_KERNEL | KINDS_OF_ROWS;
	const struct {
		struct happening_filter filter;
		bool passes;
	} cases[] = {
		{ { .kinds = all }, true },
		{ { .kinds = all & ~(1u << HAPPENED_RESCUED) }, false },
		{ { .kinds = all, .service = "web" }, true },
		{ { .kinds = all, .service = "shop/web" }, true },
		{ { .kinds = all, .service = "we" }, false },
		{ { .kinds = all, .service = "other/web" }, false },
		{ { .kinds = all, .namespace = "shop" }, true },
		{ { .kinds = all, .namespace = "sho" }, false },
		{ { .kinds = all, .has_endpoint = true, .endpoint = spot("10.0.0.1", 0) }, true },
		{ { .kinds = all, .has_endpoint = true, .endpoint = spot("10.0.0.1", 80) }, true },
		{ { .kinds = all, .has_endpoint = true, .endpoint = spot("10.0.0.1", 81) }, false },
		{ { .kinds = all, .has_endpoint = true, .endpoint = spot("10.0.0.2", 81) }, true },
		{ { .kinds = all, .has_endpoint = true, .endpoint = spot("10.0.0.3", 0) }, false },
	};

	h.target = spot("10.0.0.2", 81);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cr_assert_eq(happening_passes(&cases[i].filter, &h), cases[i].passes, "case %zu", i);
		cr_assert(happening_passes(&cases[i].filter, &lost), "case %zu: what was lost is told", i);
	}
}

/* ---- changes ---- */

/* A service with two endpoints. */
struct scene {
	struct service_key key;
	struct service_row row;
	struct listed_service service;
	struct endpoint_row addresses[2];
	struct member_row members[2];
	struct listed_endpoint endpoints[2];
	struct listing listing;
};

static void fill(struct scene *r)
{
	*r = (struct scene){ .key = { .port = 80, .protocol = 6 }, .row = { .id = 1, .endpoint_count = 2 } };
	r->service = (struct listed_service){ "shop/web", &r->key, &r->row };
	for (int i = 0; i < 2; i++) {
		r->addresses[i].address = spot(i ? "10.0.0.2" : "10.0.0.1", 80).address;
		r->addresses[i].port = 80;
		r->members[i] = (struct member_row){ .weight = 1, .flags = MEMBER_CHOSEN };
		r->endpoints[i] = (struct listed_endpoint){ .name = "shop/web",
							    .service = &r->key,
							    .row = &r->addresses[i],
							    .member = &r->members[i],
							    .node = "",
							    .id = i + 1 };
	}
	r->listing = (struct listing){
		.services = &r->service, .n_services = 1, .endpoints = r->endpoints, .n_endpoints = 2
	};
}

static void note(void *arg, const struct happening *h)
{
	char *text = arg;
	_cleanup_(freep) char *line = happening_line(h);

	/* Without the time. */
	strcat(text, strchr(line, ' ') + 1);
}

static void assert_changes(const struct scene *before, const struct scene *now, const char *expected)
{
	char text[2048] = "";

	changes_find(&before->listing, &now->listing, 0, note, text);
	cr_assert_str_eq(text, expected, "%s", text);
}

Test(changes, nothing_changes)
{
	struct scene before, now;

	fill(&before);
	fill(&now);
	now.row.generation = 9;
	now.row.endpoint_count = 1;
	assert_changes(&before, &now, "");
}

Test(changes, rows_come_and_go)
{
	struct scene none = { 0 }, rows, less;

	fill(&rows);
	fill(&less);
	rows.endpoints[1].drained = true;
	assert_changes(&none, &rows,
		       "service_added    shop/web [::]:80 random, 2 endpoints\n"
		       "endpoint_added   shop/web 10.0.0.1:80 ready, weight 1\n"
		       "endpoint_added   shop/web 10.0.0.2:80 ready, weight 1, drained\n");
	assert_changes(&rows, &none,
		       "service_removed  shop/web [::]:80\n"
		       "endpoint_removed shop/web 10.0.0.1:80\n"
		       "endpoint_removed shop/web 10.0.0.2:80\n");
	less.listing.endpoints++;
	less.listing.n_endpoints = 1;
	rows.endpoints[1].drained = false;
	assert_changes(&rows, &less, "endpoint_removed shop/web 10.0.0.1:80\n");
	/* Another pod with the same address is another endpoint. */
	less.endpoints[1].id = 7;
	rows.listing.endpoints++;
	rows.listing.n_endpoints = 1;
	assert_changes(&rows, &less,
		       "endpoint_removed shop/web 10.0.0.2:80\n"
		       "endpoint_added   shop/web 10.0.0.2:80 ready, weight 1\n");
}

Test(changes, rows_change)
{
	struct scene before, now;

	fill(&before);
	fill(&now);
	now.row.algorithm = ALGORITHM_EWMA;
	now.row.eject_failures = 3;
	now.members[0] = (struct member_row){ .state = MEMBER_TERMINATING, .weight = 5 };
	now.endpoints[1].drained = true;
	assert_changes(
		&before, &now,
		"service_changed  shop/web [::]:80 random -> ewma, rules of ejection\n"
		"endpoint_changed shop/web 10.0.0.1:80 ready -> terminating, weight 1 -> 5, takes no new "
		"connections\n"
		"drained          shop/web 10.0.0.2:80 by hand\n");
	now.row = before.row;
	now.members[0] = before.members[0];
	assert_changes(&now, &before, "undrained        shop/web 10.0.0.2:80 by hand\n");
}
