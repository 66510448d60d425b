/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two readings to rates, and rates to lines. */
#include <string.h>

#include <criterion/criterion.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/clock.h"
#include "watch/rates.h"
#include "watch/top_view.h"

/*
 * Two services. The first has two ports, 80 and 81, with the same two endpoints behind both; the second one has one of its own.
 */
enum { SERVICES = 3, ENDPOINTS = 5 };

struct reading {
	struct service_key keys[SERVICES];
	struct service_row service_rows[SERVICES];
	struct endpoint_row rows[3];
	struct member_row members[ENDPOINTS];
	struct listed_service services[SERVICES];
	struct listed_endpoint endpoints[ENDPOINTS];
	struct listing listing;
};

static void fill(struct reading *r)
{
	static const char *const names[SERVICES] = { "shop/cart", "shop/cart", "shop/web" };
	static const struct {
		int service, endpoint;
	} members[ENDPOINTS] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 }, { 2, 2 } };

	memset(r, 0, sizeof(*r));
	for (int i = 0; i < SERVICES; i++) {
		r->keys[i] = (struct service_key){ .port = 80 + i, .protocol = 6 };
		r->service_rows[i].id = i + 1;
		r->services[i] = (struct listed_service){ names[i], &r->keys[i], &r->service_rows[i] };
	}
	for (int i = 0; i < 3; i++) {
		char address[ADDR_TEXT];

		snprintf(address, sizeof(address), "10.0.0.%d", i + 1);
		cr_assert(!addr_parse(address, &r->rows[i].address));
		r->rows[i].port = 8080;
		r->rows[i].protocol = 6;
	}
	for (int i = 0; i < ENDPOINTS; i++) {
		int service = members[i].service, endpoint = members[i].endpoint;

		r->members[i].weight = 1;
		r->endpoints[i] = (struct listed_endpoint){
			.name = names[service],
			.service = &r->keys[service],
			.service_id = service + 1,
			.row = &r->rows[endpoint],
			.member = &r->members[i],
			.node = "",
			.zone = "",
			.id = endpoint + 1,
		};
	}
	r->listing = (struct listing){ .services = r->services,
				       .n_services = SERVICES,
				       .endpoints = r->endpoints,
				       .n_endpoints = ENDPOINTS };
}

static void count(struct reading *r, uint64_t id, uint64_t started, uint64_t refused, uint64_t live)
{
	for (int i = 0; i < ENDPOINTS; i++) {
		if (r->endpoints[i].id != id)
			continue;
		r->endpoints[i].state.started = started;
		r->endpoints[i].state.refused = refused;
		r->endpoints[i].state.live = live;
	}
}

static struct rate_span span_of(const struct reading *before, const struct reading *now)
{
	return (struct rate_span){
		.before = before ? &before->listing : NULL,
		.now = &now->listing,
		.before_ns = 10 * NS_PER_S,
		.now_ns = 12 * NS_PER_S,
	};
}

Test(rates, an_endpoint_behind_two_ports_counts_once)
{
	static struct reading before, now;
	struct rate_span span = span_of(&before, &now);
	struct rate_table table;

	fill(&before);
	fill(&now);
	count(&before, 1, 100, 7, 3);
	count(&now, 1, 140, 9, 4);
	count(&now, 2, 20, 0, 1);
	count(&now, 3, 1, 0, 0);
	cr_assert(!rates_of_services(&span, &table));
	cr_assert_eq(table.count, 2);
	cr_assert_str_eq(table.rows[0].name, "shop/cart");
	cr_assert(table.rows[0].known);
	cr_assert_float_eq(table.rows[0].started_s, 30, 1e-9);
	cr_assert_float_eq(table.rows[0].failed_s, 1, 1e-9);
	cr_assert_eq(table.rows[0].live, 5);
	cr_assert_eq(table.rows[0].failed, 9);
	cr_assert_eq(table.rows[0].endpoints, 2);
	cr_assert_eq(table.rows[0].active, 2);
	cr_assert_float_eq(table.rows[1].started_s, 0.5, 1e-9);
	rate_table_done(&table);
}

Test(rates, the_first_reading_has_no_rates_but_all_times)
{
	static struct reading now;
	struct rate_span span = span_of(NULL, &now);
	struct rate_table table;

	fill(&now);
	count(&now, 1, 140, 9, 4);
	now.endpoints[0].response.histogram[10] = 4;
	cr_assert(!rates_of_services(&span, &table));
	cr_assert_not(table.rows[0].known);
	cr_assert_eq(table.rows[0].live, 4);
	cr_assert_eq(table.rows[0].p50_us, 768);
	rate_table_done(&table);
}

Test(rates, times_are_those_between_the_readings)
{
	static struct reading before, now;
	struct rate_span span = span_of(&before, &now);
	struct rate_table table;

	fill(&before);
	fill(&now);
	before.endpoints[0].response.histogram[20] = 1000;
	now.endpoints[0].response.histogram[20] = 1000;
	now.endpoints[0].response.histogram[10] = 2; /* through one port */
	now.endpoints[2].response.histogram[10] = 2; /* through the other */
	cr_assert(!rates_of_services(&span, &table));
	cr_assert_eq(table.rows[0].p50_us, 768);
	cr_assert_eq(table.rows[1].p50_us, 0, "nothing was measured there");
	rate_table_done(&table);
	span.all_times = true;
	cr_assert(!rates_of_services(&span, &table));
	cr_assert_gt(table.rows[0].p50_us, 524288);
	rate_table_done(&table);
}

Test(rates, endpoints_that_come_and_go)
{
	static struct reading before, now;
	struct rate_span span = span_of(&before, &now);
	struct rate_table table;

	fill(&before);
	fill(&now);
	count(&before, 3, 50, 0, 0);
	count(&now, 3, 10, 0, 0);
	now.endpoints[4].id = 9; /* another pod has its address */
	cr_assert(!rates_of_endpoints(&span, "shop/web", &table));
	cr_assert_eq(table.count, 1);
	cr_assert_float_eq(table.rows[0].started_s, 5, 1e-9, "all that it has is new");
	rate_table_done(&table);
	/* The endpoints that were there before it are gone. */
	now.listing.endpoints += 4;
	now.listing.n_endpoints = 1;
	now.endpoints[4].id = 3;
	count(&now, 3, 60, 0, 0);
	cr_assert(!rates_of_endpoints(&span, "shop/web", &table));
	cr_assert_float_eq(table.rows[0].started_s, 5, 1e-9);
	rate_table_done(&table);
	now.endpoints[4].state.started = 40;
	cr_assert(!rates_of_endpoints(&span, "shop/web", &table));
	cr_assert_eq(table.rows[0].started_s, 0, "a counter never falls");
	rate_table_done(&table);
}

Test(rates, states_of_endpoints)
{
	static struct reading now;
	struct rate_span span = span_of(NULL, &now);
	struct rate_table table;

	fill(&now);
	now.endpoints[0].state.ejected_until_ns = now.endpoints[2].state.ejected_until_ns = 13 * NS_PER_S;
	now.endpoints[0].state.ejections = 2;
	now.endpoints[1].drained = now.endpoints[3].drained = true;
	cr_assert(!rates_of_services(&span, &table));
	cr_assert_eq(table.rows[0].endpoints, 2);
	cr_assert_eq(table.rows[0].active, 0);
	cr_assert_eq(table.rows[0].ejected, 1);
	rate_table_done(&table);
	cr_assert(!rates_of_endpoints(&span, "shop/cart", &table));
	cr_assert_eq(table.count, 4);
	cr_assert_eq(table.rows[0].health, HEALTH_EJECTED);
	cr_assert_eq(table.rows[0].ejected, 2);
	cr_assert_eq(table.rows[1].health, HEALTH_DRAINING);
	rate_table_done(&table);
}

/* ---- lines ---- */

static struct rate_row rows[] = {
	{ .name = "b/web", .known = true, .started_s = 5, .live = 1, .p50_us = 10, .p99_us = 90 },
	{ .name = "a/web", .known = true, .started_s = 5, .live = 3, .failed = 2 },
	{ .name = "a/CART", .known = true, .started_s = 7, .failed_s = 1, .ejected = 1 },
};

static void assert_order(struct top_view view, const char *expected)
{
	struct rate_row copy[ARRAY_LEN(rows)];
	struct rate_table table = { .rows = copy, .count = ARRAY_LEN(rows) };
	char names[64] = "";

	memcpy(copy, rows, sizeof(rows));
	if (!view.filter)
		view.filter = "";
	top_arrange(&view, &table);
	for (size_t i = 0; i < table.count; i++)
		strcat(strcat(names, i ? " " : ""), copy[i].name);
	cr_assert_str_eq(names, expected);
}

Test(top_view, rows_are_sorted)
{
	assert_order((struct top_view){ .sort = TOP_NEW }, "a/CART a/web b/web");
	assert_order((struct top_view){ .sort = TOP_NEW, .reverse = true }, "a/web b/web a/CART");
	assert_order((struct top_view){ .sort = TOP_LIVE }, "a/web b/web a/CART");
	assert_order((struct top_view){ .sort = TOP_P50 }, "b/web a/CART a/web");
	assert_order((struct top_view){ .sort = TOP_P99 }, "b/web a/CART a/web");
	assert_order((struct top_view){ .sort = TOP_FAILING }, "a/CART a/web b/web");
	assert_order((struct top_view){ .sort = TOP_FAILED }, "a/web a/CART b/web");
	assert_order((struct top_view){ .sort = TOP_EJECTED }, "a/CART a/web b/web");
	assert_order((struct top_view){ .sort = TOP_NAME }, "a/CART a/web b/web");
	assert_order((struct top_view){ .sort = TOP_NAME, .reverse = true }, "b/web a/web a/CART");
}

Test(top_view, rows_are_chosen)
{
	assert_order((struct top_view){ .sort = TOP_NAME, .filter = "cart" }, "a/CART");
	assert_order((struct top_view){ .sort = TOP_NAME, .filter = "web", .namespace = "b" }, "b/web");
	assert_order((struct top_view){ .sort = TOP_NAME, .namespace = "b/" }, "");
}

Test(top_view, every_sort_has_a_name_and_a_key)
{
	enum top_sort found;

	for (int sort = 0; sort < TOP_SORTS; sort++) {
		cr_assert(!top_sort_by_name(top_sort_name(sort), &found));
		cr_assert_eq(found, sort);
		cr_assert(!top_sort_by_key(top_sort_key(sort), &found));
		cr_assert_eq(found, sort);
	}
	cr_assert(top_sort_by_name("", &found));
	cr_assert(top_sort_by_key('q', &found));
}

static size_t columns_of(const char *text)
{
	size_t columns = 0;

	for (; *text; text++)
		columns += (*text & 0xc0) != 0x80;
	return columns;
}

Test(top_view, lines_have_the_width_of_the_terminal)
{
	static const struct endpoint_row address = { .port = 65535, .protocol = 6 };
	static const struct listed_endpoint endpoint = { .row = &address };
	struct rate_row row = { .name = "a-namespace-with-a-long-name/and-a-service-with-one",
				.known = true,
				.started_s = 1e12,
				.failed_s = 1e12,
				.live = UINT64_MAX,
				.failed = UINT64_MAX,
				.p50_us = UINT64_MAX,
				.p99_us = UINT64_MAX,
				.endpoints = UINT32_MAX,
				.active = UINT32_MAX,
				.ejected = UINT32_MAX,
				.health = HEALTH_NOT_READY };

	for (int endpoints = 0; endpoints < 2; endpoints++) {
		struct top_view view = { .endpoints = endpoints, .filter = "", .mark = "…" };
		char line[FIT_TEXT], heading[FIT_TEXT];

		row.endpoint = endpoints ? &endpoint : NULL;
		for (size_t width = 1; width <= FIT_WIDTH; width++) {
			top_line(&view, &row, width, line);
			top_heading(&view, width, heading);
			cr_assert_eq(columns_of(line), width, "%zu: '%s'", width, line);
			cr_assert_eq(columns_of(heading), width, "%zu: '%s'", width, heading);
		}
	}
}

Test(top_view, a_line)
{
	struct rate_row row = { .name = "shop/web",
				.known = true,
				.started_s = 1234,
				.live = 12,
				.p50_us = 340,
				.p99_us = 1200,
				.failed_s = 0.5,
				.failed = 31000,
				.endpoints = 4,
				.active = 3,
				.ejected = 1 };
	struct top_view view = { .filter = "", .mark = "~" };
	char line[FIT_TEXT];

	top_heading(&view, 80, line);
	cr_assert_str_eq(line,
			 "SERVICE                        READY NEW/S  LIVE   P50   P99 FAIL/S FAILED   OUT");
	top_line(&view, &row, 80, line);
	cr_assert_str_eq(line,
			 "shop/web                         3/4  1234    12 340us 1.2ms    0.5  31.0k     1");
	row.endpoints = row.active = 12345;
	row.known = true;
	top_line(&view, &row, 80, line);
	cr_assert_str_eq(line,
			 "shop/web                     12k/12k  1234    12 340us 1.2ms    0.5  31.0k     1");
	row.endpoints = 4;
	row.active = 3;
	/* In a narrow terminal columns are left out, whole ones, from the right. */
	top_line(&view, &row, 50, line);
	cr_assert_str_eq(line, "shop/web               3/4  1234    12 340us 1.2ms");
	top_line(&view, &row, 20, line);
	cr_assert_str_eq(line, "shop/web            ");
	row.known = false;
	row.p50_us = 0;
	top_line(&view, &row, 80, line);
	cr_assert_str_eq(line,
			 "shop/web                         3/4     -    12     -     -      -  31.0k     1");
}
