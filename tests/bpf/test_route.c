/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a service to an endpoint, and every way in which that can fail. */
#include <criterion/criterion.h>

#include "fixture.h"

Test(route, unknown_service_is_not_found)
{
	struct fixture f = fixture_open();
	struct service_key key = fixture_key("10.96.0.9", 80);

	cr_assert(!route(&f, &key, 1).found);
	fixture_close(&f);
}

Test(route, service_without_slots_refuses)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 0, (struct service_row){ 0 });

	cr_assert_eq(route(&f, &key, 1).verdict, REFUSE);
	cr_assert_eq(counted(&f, REASON_REFUSED_EMPTY), 1);
	cr_assert_eq(counted(&f, REASON_REFUSED_NO_LOCAL), 0);
	fixture_close(&f);
}

Test(route, service_without_local_endpoints_refuses_for_that_reason)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 0, (struct service_row){ .flags = SERVICE_NO_LOCAL });

	cr_assert_eq(route(&f, &key, 1).verdict, REFUSE);
	cr_assert_eq(counted(&f, REASON_REFUSED_NO_LOCAL), 1);
	fixture_close(&f);
}

Test(route, one_endpoint_is_found_with_address_and_port)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 1, (struct service_row){ 0 });
	struct service_key expected = fixture_key("10.0.0.1", 80);
	struct shim_route c = route(&f, &key, 1);

	cr_assert_eq(c.verdict, SEND);
	cr_assert_eq(c.endpoint, 1);
	cr_assert_eq(c.port, 80);
	cr_assert_arr_eq(&c.address, &expected.address, sizeof(c.address));
	fixture_close(&f);
}

Test(route, endpoint_row_that_is_missing_leaves_traffic_alone)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 0, (struct service_row){ 0 });

	put_slot(&f, 1, 1, 0, (struct slot_row){ 77, 77, UINT32_MAX, 1 });
	put_service(&f, &key, (struct service_row){ .id = 1, .generation = 1, .slot_count = 1 });
	cr_assert_eq(route(&f, &key, 1).verdict, LEAVE);
	cr_assert_eq(counted(&f, REASON_ENDPOINT_MISSING), 1);
	fixture_close(&f);
}

Test(route, endpoint_of_the_other_family_leaves_traffic_alone)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 1, (struct service_row){ 0 });

	put_endpoint(&f, 1, "fd00::1", 80);
	cr_assert_eq(route(&f, &key, 1).verdict, LEAVE);
	cr_assert_eq(counted(&f, REASON_FAMILY_MISMATCH), 1);
	fixture_close(&f);
}

Test(route, reader_of_a_retired_generation_reads_the_row_once_more)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 3, (struct service_row){ 0 });
	struct shim_route c = { .key = key };

	run(f.shim->progs.shim_route_late, &c, sizeof(c));
	cr_assert_eq(c.verdict, SEND);
	cr_assert_eq(counted(&f, REASON_SLOT_RETRY), 1);
	cr_assert_eq(counted(&f, REASON_SLOT_MISSING), 0);
	fixture_close(&f);
}

Test(route, slots_that_are_missing_twice_leave_traffic_alone)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 0, (struct service_row){ 0 });

	put_service(&f, &key, (struct service_row){ .id = 1, .generation = 5, .slot_count = 2 });
	cr_assert_eq(route(&f, &key, 1).verdict, LEAVE);
	cr_assert_eq(counted(&f, REASON_SLOT_RETRY), 1);
	cr_assert_eq(counted(&f, REASON_SLOT_MISSING), 1);
	fixture_close(&f);
}

Test(route, round_robin_takes_every_slot_in_turn)
{
	struct fixture f = fixture_open();
	struct service_key key =
		put_simple(&f, 3, (struct service_row){ .algorithm = ALGORITHM_ROUND_ROBIN });

	for (uint64_t i = 0; i < 12; i++)
		cr_assert_eq(route(&f, &key, 1).endpoint, i % 3 + 1);
	cr_assert_eq(counted(&f, REASON_CURSOR_MISSING), 0);
	fixture_close(&f);
}

Test(route, round_robin_without_its_row_falls_back_to_random)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 3, (struct service_row){ 0 });

	/* Service 2 has slots, but no row in service_state. */
	put_slot(&f, 2, 1, 0, (struct slot_row){ 1, 1, UINT32_MAX, 1 });
	put_service(&f, &key,
		    (struct service_row){
			    .id = 2, .generation = 1, .slot_count = 1, .algorithm = ALGORITHM_ROUND_ROBIN });
	cr_assert_eq(route(&f, &key, 1).verdict, SEND);
	cr_assert_eq(counted(&f, REASON_CURSOR_MISSING), 1);
	fixture_close(&f);
}

/* 20,000 draws of weights 1:3 as an alias table; 5 standard deviations are 306. */
Test(route, random_follows_the_alias_table)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 2, (struct service_row){ 0 });
	int first = 0;

	put_slot(&f, 1, 1, 0, (struct slot_row){ 1, 2, UINT32_MAX / 2 + 1, 0 });
	for (int i = 0; i < 20000; i++)
		first += route(&f, &key, 1).endpoint == 1;
	cr_assert(abs(first - 5000) < 306, "%d of 20000 instead of about 5000", first);
	fixture_close(&f);
}

Test(pick, columns_cover_the_table_evenly)
{
	struct fixture f = fixture_open();
	const struct {
		uint32_t count, random, column;
	} rows[] = {
		{ 1, 0, 0 },	      { 1, UINT32_MAX, 0 }, { 2, UINT32_MAX / 2, 0 },
		{ 2, 1u << 31, 1 },   { 3, UINT32_MAX, 2 }, { 1000, UINT32_MAX, 999 },
		{ 1000, 4294967, 0 }, { 1000, 4294968, 1 }, { 65536, 1u << 16, 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shim_pick c = { .count = rows[i].count, .random = rows[i].random };

		run(f.shim->progs.shim_pick, &c, sizeof(c));
		cr_assert_eq(c.column, rows[i].column, "row %zu: column %u, not %u", i, c.column,
			     rows[i].column);
	}
	fixture_close(&f);
}

Test(pick, alias_is_taken_from_keep_on)
{
	struct fixture f = fixture_open();
	struct shim_pick below = { .slot = { 7, 9, 1000, 0 }, .count = 1, .random = 999 };
	struct shim_pick at = { .slot = { 7, 9, 1000, 0 }, .count = 1, .random = 1000 };

	run(f.shim->progs.shim_pick, &below, sizeof(below));
	run(f.shim->progs.shim_pick, &at, sizeof(at));
	cr_assert_eq(below.endpoint, 7);
	cr_assert_eq(at.endpoint, 9);
	fixture_close(&f);
}

/* Half of the connections are refused, of those that have no endpoint yet. */
Test(route, share_is_refused)
{
	struct fixture f = fixture_open();
	struct service_key key = put_simple(&f, 2, (struct service_row){ .refuse = 1u << 31 });
	unsigned refused = 0;

	for (unsigned i = 0; i < 1000; i++) {
		struct shim_route c = route(&f, &key, 1);

		cr_assert(c.verdict == REFUSE || (c.verdict == SEND && c.endpoint));
		refused += c.verdict == REFUSE;
	}
	/* Five standard deviations. */
	cr_assert(refused > 420 && refused < 580, "%u of 1000", refused);
	cr_assert_eq(counted(&f, REASON_REFUSED_BACKEND), refused);
	fixture_close(&f);
}

Test(route, who_has_an_endpoint_keeps_it_beside_a_share_that_is_refused)
{
	struct fixture f = fixture_open();
	struct service_key key =
		put_simple(&f, 2, (struct service_row){ .flags = SERVICE_AFFINITY, .affinity_s = 60 });
	uint64_t endpoint = route(&f, &key, 1).endpoint;

	put_simple(&f, 2,
		   (struct service_row){ .flags = SERVICE_AFFINITY, .affinity_s = 60, .refuse = UINT32_MAX });
	for (unsigned i = 0; i < 20; i++)
		cr_assert_eq(route(&f, &key, 1).endpoint, endpoint);
	cr_assert_eq(route(&f, &key, 2).verdict, REFUSE);
	fixture_close(&f);
}
