/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From failures to ejection, from a probe to the return, and what routing makes of it. */
#include <criterion/criterion.h>

#include "fixture.h"

static const struct service_row knobs = {
	.eject_failures = 3,
	.eject_base_ms = 1000000,
	.eject_max_ms = 10000000,
	.eject_percent = 10,
	.panic_percent = 50,
	.syn_retransmits = 1,
	.data_retransmits = 3,
};

static void fail_times(struct fixture *f, const struct service_key *key, uint64_t endpoint, int times)
{
	for (int i = 0; i < times; i++)
		tell(f, key, endpoint, FAILURE_REFUSED, 0);
}

static bool is_ejected(struct fixture *f, uint64_t endpoint)
{
	return get_state(f, endpoint).ejected_until_ns;
}

static struct service_key put_algorithm(struct fixture *f, uint32_t count, enum algorithm algorithm)
{
	struct service_row row = knobs;

	row.algorithm = algorithm;
	return put_simple(f, count, row);
}

static void check_avoided(enum algorithm algorithm)
{
	struct fixture f = fixture_open();
	struct service_key key = put_algorithm(&f, 4, algorithm);
	unsigned shares[5];
	uint64_t avoided;

	fail_times(&f, &key, 2, 3);
	cr_assert(is_ejected(&f, 2));
	route_many(&f, &key, 2000, shares, 5);
	cr_assert_eq(shares[2], 0);
	cr_assert_gt(shares[1], 100);
	cr_assert_gt(shares[3], 100);
	cr_assert_gt(shares[4], 100);
	/* A quarter of the draws of one, half of those of two; drawn again, not again and again. */
	avoided = counted(&f, REASON_EJECTED_AVOIDED);
	cr_assert(avoided > 400 && avoided < 1300, "%llu avoided", (unsigned long long)avoided);
	cr_assert_eq(counted(&f, REASON_PANIC), 0);
	fixture_close(&f);
}

Test(health, ejected_is_avoided_by_random)
{
	check_avoided(ALGORITHM_RANDOM);
}

Test(health, ejected_is_avoided_by_round_robin)
{
	check_avoided(ALGORITHM_ROUND_ROBIN);
}

Test(health, ejected_is_avoided_by_least_conn)
{
	check_avoided(ALGORITHM_LEAST_CONN);
}

Test(health, ejected_is_avoided_by_ewma)
{
	check_avoided(ALGORITHM_EWMA);
}

Test(health, ejection_is_counted_and_told)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 4, knobs);
	struct event events[4];

	fail_times(&f, &key, 2, 2);
	cr_assert_eq(events_read(&f, events, 4), 0);
	fail_times(&f, &key, 2, 1);
	cr_assert_eq(events_read(&f, events, 4), 1);
	cr_assert_eq(events[0].kind, EVENT_EJECTED);
	cr_assert_eq(events[0].endpoint, 2);
	cr_assert_eq(events[0].service, 1);
	cr_assert_eq(events[0].cause, FAILURE_REFUSED);
	cr_assert_eq(events[0].failures, 3);
	cr_assert_eq(events[0].ejections, 1);
	cr_assert_eq(events[0].until_ns, events[0].time_ns + 1000ull * 1000000000);
	cr_assert_eq(counted(&f, REASON_EJECTED), 1);
	cr_assert_eq(counted(&f, REASON_CONNECT_REFUSED), 3);
	cr_assert_eq(get_state(&f, 2).refused, 3);
	fixture_close(&f);
}

Test(health, answer_in_between_keeps_it_in)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 4, knobs);

	for (int i = 0; i < 5; i++) {
		fail_times(&f, &key, 2, 2);
		tell(&f, &key, 2, FAILURE_NONE, 0);
	}
	cr_assert(!is_ejected(&f, 2));
	fixture_close(&f);
}

Test(health, nothing_is_ejected_where_that_is_switched_off)
{
	struct fixture f = fixture_open();
	struct service_row row = knobs;
	struct service_key key;

	row.eject_failures = 0;
	key = put_simple(&f, 4, row);
	fail_times(&f, &key, 2, 100);
	cr_assert(!is_ejected(&f, 2));
	cr_assert_eq(counted(&f, REASON_CONNECT_REFUSED), 100);
	fixture_close(&f);
}

Test(health, share_of_the_service_is_a_limit)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 20, knobs);
	struct event events[8];

	fail_times(&f, &key, 1, 3);
	fail_times(&f, &key, 2, 3);
	fail_times(&f, &key, 3, 3);
	cr_assert(is_ejected(&f, 1));
	cr_assert(is_ejected(&f, 2));
	cr_assert(!is_ejected(&f, 3));
	cr_assert_eq(counted(&f, REASON_EJECTION_SPARED), 1);
	cr_assert_eq(events_read(&f, events, 8), 3);
	cr_assert_eq(events[2].kind, EVENT_SPARED);
	cr_assert_eq(events[2].endpoint, 3);
	/* The question is asked again only after as many failures. */
	fail_times(&f, &key, 3, 2);
	cr_assert_eq(counted(&f, REASON_EJECTION_SPARED), 1);
	fail_times(&f, &key, 3, 1);
	cr_assert_eq(counted(&f, REASON_EJECTION_SPARED), 2);
	fixture_close(&f);
}

Test(health, weighted_round_robin_counts_endpoints_not_slots)
{
	struct fixture f = fixture_open();
	struct service_row row = knobs;
	struct service_key key;

	/* Endpoint 1 has 4 of 7 slots, but is one of 4 endpoints: it and one more are half, which may be out. */
	row.eject_percent = 50;
	row.algorithm = ALGORITHM_ROUND_ROBIN;
	key = put_simple(&f, 4, row);
	row.id = row.generation = 1;
	row.slot_count = 7;
	row.endpoint_count = 4;
	for (uint32_t i = 0; i < 7; i++)
		put_slot(&f, 1, 1, i,
			 (struct slot_row){ i < 4 ? 1 : i - 2, i < 4 ? i + 1 : i - 2, UINT32_MAX, 1 });
	put_service(&f, &key, row);
	fail_times(&f, &key, 1, 3);
	fail_times(&f, &key, 2, 3);
	fail_times(&f, &key, 3, 3);
	cr_assert(is_ejected(&f, 1));
	cr_assert(is_ejected(&f, 2));
	cr_assert(!is_ejected(&f, 3));
	fixture_close(&f);
}

Test(health, too_few_left_and_all_are_used)
{
	struct fixture f = fixture_open();
	struct service_row row = knobs;
	struct service_key key;
	unsigned shares[5];

	row.eject_percent = 100;
	key = put_simple(&f, 4, row);
	fail_times(&f, &key, 1, 3);
	fail_times(&f, &key, 2, 3);
	route_many(&f, &key, 1000, shares, 5);
	cr_assert_eq(shares[1] + shares[2], 0);
	cr_assert_eq(counted(&f, REASON_PANIC), 0);
	fail_times(&f, &key, 3, 3);
	route_many(&f, &key, 1000, shares, 5);
	cr_assert_gt(shares[1], 150);
	cr_assert_gt(shares[2], 150);
	cr_assert_gt(shares[3], 150);
	cr_assert_gt(shares[4], 150);
	cr_assert_gt(counted(&f, REASON_PANIC), 500);
	fixture_close(&f);
}

static void check_panic(enum algorithm algorithm)
{
	struct fixture f = fixture_open();
	struct service_row row = knobs;
	struct service_key key;
	unsigned shares[5];

	row.eject_percent = 100;
	row.algorithm = algorithm;
	key = put_simple(&f, 4, row);
	for (uint64_t id = 1; id <= 3; id++)
		fail_times(&f, &key, id, 3);
	route_many(&f, &key, 4000, shares, 5);
	for (uint64_t id = 1; id <= 4; id++)
		cr_assert_float_eq((double)shares[id], 1000, 150, "endpoint %u: %u", (unsigned)id,
				   shares[id]);
	cr_assert_eq(counted(&f, REASON_PANIC), 4000 - shares[4]);
	cr_assert_eq(counted(&f, REASON_EJECTED_AVOIDED), 0);
	fixture_close(&f);
}

Test(health, in_panic_random_is_even)
{
	check_panic(ALGORITHM_RANDOM);
}

Test(health, in_panic_round_robin_is_even)
{
	check_panic(ALGORITHM_ROUND_ROBIN);
}

Test(health, in_panic_least_conn_is_even)
{
	check_panic(ALGORITHM_LEAST_CONN);
}

Test(health, in_panic_ewma_is_even)
{
	check_panic(ALGORITHM_EWMA);
}

Test(health, change_of_the_list_is_counted_anew)
{
	struct fixture f = fixture_open();
	struct service_row row = knobs;
	struct service_key key = put_simple(&f, 4, row);
	unsigned shares[5];

	fail_times(&f, &key, 1, 3);
	route_many(&f, &key, 200, shares, 5);
	cr_assert_eq(shares[1], 0);
	/* Of the list nothing is left but the ejected one. */
	row.id = 1;
	row.generation = 2;
	row.slot_count = row.endpoint_count = 1;
	put_slot(&f, 1, 2, 0, (struct slot_row){ 1, 1, UINT32_MAX, 1 });
	put_service(&f, &key, row);
	route_many(&f, &key, 10, shares, 5);
	cr_assert_eq(shares[1], 10);
	cr_assert_eq(counted(&f, REASON_PANIC), 10);
	fixture_close(&f);
}

Test(health, one_connection_probes_and_its_answer_brings_the_endpoint_back)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 4, knobs);
	struct endpoint_state state;
	struct event events[4];
	unsigned probes = 0, shares[5];

	fail_times(&f, &key, 2, 3);
	state = get_state(&f, 2);
	state.ejected_until_ns = now_ns();
	put_state(&f, 2, state);
	for (int i = 0; i < 500; i++) {
		struct shim_route c = route(&f, &key, 1);

		cr_assert_eq(c.endpoint == 2, !!(c.sock_flags & SOCK_PROBE));
		probes += c.endpoint == 2;
	}
	cr_assert_eq(probes, 1);
	cr_assert_eq(counted(&f, REASON_PROBED), 1);
	tell(&f, &key, 2, FAILURE_NONE, SOCK_PROBE);
	cr_assert(!is_ejected(&f, 2));
	cr_assert_eq(counted(&f, REASON_READMITTED), 1);
	cr_assert_eq(events_read(&f, events, 4), 2);
	cr_assert_eq(events[1].kind, EVENT_READMITTED);
	route_many(&f, &key, 1000, shares, 5);
	cr_assert_gt(shares[2], 150);
	fixture_close(&f);
}

Test(health, probe_that_fails_ejects_for_longer)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 4, knobs);
	struct event events[4];

	fail_times(&f, &key, 2, 3);
	tell(&f, &key, 2, FAILURE_RESET, 0);
	cr_assert_eq(counted(&f, REASON_EJECTED), 1, "an older connection's failure tells nothing new");
	tell(&f, &key, 2, FAILURE_TIMED_OUT, SOCK_PROBE);
	cr_assert_eq(counted(&f, REASON_EJECTED), 2);
	cr_assert_eq(events_read(&f, events, 4), 2);
	cr_assert_eq(events[1].ejections, 2);
	cr_assert_eq(events[1].until_ns, events[1].time_ns + 2000ull * 1000000000);
	fixture_close(&f);
}

Test(health, connection_that_was_the_probe_has_no_privilege_afterwards)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 4, knobs);

	fail_times(&f, &key, 1, 3);
	cr_assert(is_ejected(&f, 1));
	for (int i = 0; i < 3; i++)
		tell(&f, &key, 2, FAILURE_RESET, SOCK_PROBE);
	cr_assert(!is_ejected(&f, 2), "one of four is out already");
	cr_assert_eq(counted(&f, REASON_EJECTION_SPARED), 1);
	fixture_close(&f);
}

Test(health, affinity_leaves_an_ejected_endpoint)
{
	struct fixture f = fixture_open();
	struct service_row row = knobs;
	struct service_key key;
	uint64_t before, after;

	row.flags = SERVICE_AFFINITY;
	row.affinity_s = 3600;
	key = put_simple(&f, 4, row);
	before = route(&f, &key, 7).endpoint;
	cr_assert_eq(route(&f, &key, 7).endpoint, before);
	fail_times(&f, &key, before, 3);
	after = route(&f, &key, 7).endpoint;
	cr_assert_neq(after, before);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(route(&f, &key, 7).endpoint, after);
	cr_assert_eq(counted(&f, REASON_AFFINITY_MOVED), 1);
	fixture_close(&f);
}

Test(health, endpoint_without_state_counts_as_well)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 1, knobs);
	uint64_t id = 1;

	cr_assert(!bpf_map__delete_elem(f.shim->maps.endpoint_state, &id, sizeof(id), 0));
	cr_assert_eq(route(&f, &key, 1).verdict, SEND);
	cr_assert_eq(counted(&f, REASON_STATE_MISSING), 1);
	fixture_close(&f);
}

Test(drain, drained_gets_nothing_new)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 3, knobs);
	unsigned shares[4];

	put_drain(&f, 3);
	route_many(&f, &key, 1000, shares, 4);
	cr_assert_eq(shares[3], 0);
	cr_assert_gt(counted(&f, REASON_DRAINED_AVOIDED), 0);
	cr_assert_eq(counted(&f, REASON_DRAINED_USED), 0);
	fixture_close(&f);
}

Test(drain, ejected_are_used_before_drained)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 2, knobs);
	unsigned shares[3];

	put_drain(&f, 1);
	fail_times(&f, &key, 2, 3);
	cr_assert(is_ejected(&f, 2));
	route_many(&f, &key, 500, shares, 3);
	cr_assert_eq(shares[1], 0);
	fixture_close(&f);
}

Test(drain, last_resort_is_a_drained_endpoint)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 2, knobs);
	unsigned shares[3];

	put_drain(&f, 1);
	put_drain(&f, 2);
	route_many(&f, &key, 500, shares, 3);
	cr_assert_gt(shares[1], 100);
	cr_assert_gt(shares[2], 100);
	cr_assert_eq(counted(&f, REASON_DRAINED_USED), 500);
	fixture_close(&f);
}
