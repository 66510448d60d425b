/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Choosing by load: the comparisons by table, then whole choices. */
#include <criterion/criterion.h>

#include "fixture.h"

#define MS 1000000ull

static struct shim_weigh weigh(struct fixture *f, struct shim_weigh c)
{
	if (!c.weight[0])
		c.weight[0] = c.weight[1] = 1;
	run(f->shim->progs.shim_weigh, &c, sizeof(c));
	return c;
}

Test(load, live_connections_are_seen_by_weight)
{
	static const struct {
		uint64_t live[2];
		uint32_t weight[2];
		bool second;
	} cases[] = {
		{ { 0, 0 }, { 1, 1 }, false },	       { { 1, 0 }, { 1, 1 }, true },
		{ { 0, 1 }, { 1, 1 }, false },	       { { 3, 1 }, { 3, 1 }, false },
		{ { 4, 1 }, { 3, 1 }, true },	       { { 1, 3 }, { 1, 3 }, false },
		{ { 1, 2 }, { 1, 3 }, true },	       { { 0, 0 }, { 1, 65535 }, false },
		{ { 1ull << 30, 1 }, { 1, 1 }, true },
	};
	struct fixture f = fixture_open();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct shim_weigh c = { 0 };

		memcpy(c.live, cases[i].live, sizeof(c.live));
		memcpy(c.weight, cases[i].weight, sizeof(c.weight));
		cr_assert_eq(weigh(&f, c).less_loaded, cases[i].second, "case %zu", i);
	}
	fixture_close(&f);
}

Test(load, cost_is_time_by_connections_by_weight)
{
	static const struct {
		uint64_t response_ms[2], live[2], connect_ms[2];
		uint32_t weight[2];
		bool second;
	} cases[] = {
		{ { 10, 2 }, { 0, 0 }, { 0, 0 }, { 1, 1 }, true },
		{ { 2, 10 }, { 0, 0 }, { 0, 0 }, { 1, 1 }, false },
		{ { 2, 10 }, { 9, 0 }, { 0, 0 }, { 1, 1 }, true },  /* 20 against 10 */
		{ { 2, 10 }, { 3, 0 }, { 0, 0 }, { 1, 1 }, false }, /* 8 against 10 */
		{ { 10, 10 }, { 0, 0 }, { 0, 0 }, { 1, 3 }, true },
		{ { 10, 10 }, { 0, 3 }, { 0, 0 }, { 1, 3 }, false },
		/* One that has not answered yet is neither cheap nor dear. */
		{ { 10, 0 }, { 0, 0 }, { 0, 0 }, { 1, 1 }, false },
		{ { 10, 0 }, { 1, 0 }, { 0, 0 }, { 1, 1 }, true },
		{ { 0, 10 }, { 0, 1 }, { 0, 0 }, { 1, 1 }, false },
		/* Until then what connecting took decides, if it is known of both. */
		{ { 10, 0 }, { 0, 0 }, { 2, 1 }, { 1, 1 }, true },
		{ { 1, 0 }, { 0, 0 }, { 1, 2 }, { 1, 1 }, false },
		{ { 10, 0 }, { 0, 0 }, { 0, 1 }, { 1, 1 }, false },
		/* The largest of numbers do not turn around. */
		{ { 1ull << 40, 1 }, { 1ull << 30, 0 }, { 0, 0 }, { 65535, 65535 }, true },
		{ { 1, 1ull << 40 }, { 0, 1ull << 30 }, { 0, 0 }, { 65535, 65535 }, false },
	};
	struct fixture f = fixture_open();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct shim_weigh c = { 0 };

		for (int j = 0; j < 2; j++) {
			c.response_ns[j] = cases[i].response_ms[j] * MS;
			c.connect_ns[j] = cases[i].connect_ms[j] * MS;
			c.live[j] = cases[i].live[j];
			c.weight[j] = cases[i].weight[j];
		}
		cr_assert_eq(weigh(&f, c).cheaper, cases[i].second, "case %zu", i);
	}
	fixture_close(&f);
}

static struct service_key put_pair(struct fixture *f, enum algorithm algorithm)
{
	return put_simple(f, 2, (struct service_row){ .algorithm = algorithm, .decay_ms = 10000 });
}

Test(load, least_conn_takes_the_one_with_fewer)
{
	struct fixture f = fixture_open();
	struct service_key key = put_pair(&f, ALGORITHM_LEAST_CONN);
	unsigned shares[3];

	put_state(&f, 1, (struct endpoint_state){ .live = 5 });
	put_state(&f, 2, (struct endpoint_state){ .live = 4 });
	route_many(&f, &key, 200, shares, 3);
	cr_assert_eq(shares[2], 200);
	fixture_close(&f);
}

Test(load, least_conn_at_rest_is_spread_by_weight)
{
	struct fixture f = fixture_open();
	struct service_key key = put_pair(&f, ALGORITHM_LEAST_CONN);
	unsigned shares[3];

	/* 1 : 3 */
	put_slot(&f, 1, 1, 0, (struct slot_row){ 1, 2, UINT32_MAX / 2, 1 });
	put_slot(&f, 1, 1, 1, (struct slot_row){ 2, 2, UINT32_MAX, 3 });
	route_many(&f, &key, 4000, shares, 3);
	cr_assert_float_eq((double)shares[1], 1000, 150, "%u", shares[1]);
	fixture_close(&f);
}

Test(load, best_of_two_is_never_the_worst_of_three)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 3, (struct service_row){ .algorithm = ALGORITHM_LEAST_CONN });
	unsigned shares[4];

	for (uint64_t i = 1; i <= 3; i++)
		put_state(&f, i, (struct endpoint_state){ .live = i });
	route_many(&f, &key, 3000, shares, 4);
	cr_assert_float_eq((double)shares[1], 2000, 150, "%u %u %u", shares[1], shares[2], shares[3]);
	cr_assert_float_eq((double)shares[2], 1000, 150);
	cr_assert_eq(shares[3], 0);
	fixture_close(&f);
}

Test(load, ewma_takes_the_faster)
{
	struct fixture f = fixture_open();
	struct service_key key = put_pair(&f, ALGORITHM_EWMA);
	unsigned shares[3];
	uint64_t now = now_ns();

	put_response(&f, 1, (struct response_state){ .response_ns = 20 * MS, .sampled_ns = now });
	put_response(&f, 2, (struct response_state){ .response_ns = 2 * MS, .sampled_ns = now });
	route_many(&f, &key, 200, shares, 3);
	cr_assert_eq(shares[2], 200);
	cr_assert_geq(get_response(&f, 2).chosen_ns, now);
	cr_assert_eq(get_response(&f, 1).chosen_ns, 0);
	fixture_close(&f);
}

Test(load, ewma_sends_one_to_an_endpoint_that_was_left_alone)
{
	struct fixture f = fixture_open();
	struct service_key key = put_pair(&f, ALGORITHM_EWMA);
	unsigned shares[3];
	uint64_t now = now_ns();

	put_response(&f, 1,
		     (struct response_state){ .response_ns = 20 * MS, .sampled_ns = now - 40000 * MS });
	put_response(&f, 2, (struct response_state){ .response_ns = 2 * MS, .sampled_ns = now });
	route_many(&f, &key, 200, shares, 3);
	cr_assert_eq(shares[1], 1);
	fixture_close(&f);
}

Test(load, single_endpoint_needs_no_second_choice)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 1, (struct service_row){ .algorithm = ALGORITHM_EWMA });
	unsigned shares[2];

	route_many(&f, &key, 10, shares, 2);
	cr_assert_eq(shares[1], 10);
	fixture_close(&f);
}

Test(load, exchange_is_added_up)
{
	struct fixture f = fixture_open();
	struct shim_exchange c = {
		.sock = { .endpoint = 1, .service = 1, .decay_ms = 10000 },
		.now_ns = 1000000 * MS,
		.response_ns = 3 * MS,
	};
	struct response_state state;

	put_response(&f, 1, (struct response_state){ 0 });
	run(f.shim->progs.shim_exchange, &c, sizeof(c));
	c.response_ns = MS;
	c.now_ns += MS;
	run(f.shim->progs.shim_exchange, &c, sizeof(c));
	state = get_response(&f, 1);
	cr_assert_eq(state.exchanges, 2);
	cr_assert_eq(state.total_ns, 4 * MS);
	cr_assert_eq(state.sampled_ns, c.now_ns);
	cr_assert_eq(state.histogram[12], 1);
	cr_assert_eq(state.histogram[10], 1);
	cr_assert_gt(state.response_ns, 2 * MS);
	cr_assert_leq(state.response_ns, 3 * MS);
	cr_assert_eq(counted(&f, REASON_EXCHANGE), 2);
	fixture_close(&f);
}
