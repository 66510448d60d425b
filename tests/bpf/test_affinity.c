/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A client stays where it is. */
#include <time.h>

#include <bpf/bpf.h>
#include <criterion/criterion.h>

#include "fixture.h"

static struct service_key sticky(struct fixture *f, uint32_t endpoints)
{
	return put_simple(f, endpoints, (struct service_row){ .flags = SERVICE_AFFINITY, .affinity_s = 60 });
}

Test(affinity, client_keeps_its_endpoint)
{
	struct fixture f = fixture_open();
	struct service_key key = sticky(&f, 20);
	uint64_t first = route(&f, &key, 1).endpoint;

	for (int i = 0; i < 50; i++)
		cr_assert_eq(route(&f, &key, 1).endpoint, first);
	cr_assert_eq(counted(&f, REASON_AFFINITY_NEW), 1);
	cr_assert_eq(counted(&f, REASON_AFFINITY_KEPT), 50);
	fixture_close(&f);
}

Test(affinity, clients_are_spread)
{
	struct fixture f = fixture_open();
	struct service_key key = sticky(&f, 20);
	uint64_t seen = 0;

	for (uint64_t client = 0; client < 200; client++)
		seen |= 1ull << route(&f, &key, client).endpoint;
	cr_assert_gt(__builtin_popcountll(seen), 15);
	cr_assert_eq(counted(&f, REASON_AFFINITY_NEW), 200);
	fixture_close(&f);
}

Test(affinity, endpoint_that_takes_no_connections_is_left)
{
	struct fixture f = fixture_open();
	struct service_key key = sticky(&f, 1);

	cr_assert_eq(route(&f, &key, 1).endpoint, 1);
	put_endpoint(&f, 2, "10.0.0.2", 80);
	put_member(&f, 1, 2, MEMBER_CHOSEN | MEMBER_SERVING);
	put_slot(&f, 1, 2, 0, (struct slot_row){ 2, 2, UINT32_MAX, 1 });
	put_member(&f, 1, 1, MEMBER_SERVING);
	put_service(&f, &key,
		    (struct service_row){ .id = 1,
					  .generation = 2,
					  .slot_count = 1,
					  .flags = SERVICE_AFFINITY,
					  .affinity_s = 60 });
	cr_assert_eq(route(&f, &key, 1).endpoint, 2);
	cr_assert_eq(counted(&f, REASON_AFFINITY_MOVED), 1);
	cr_assert_eq(route(&f, &key, 1).endpoint, 2);
	cr_assert_eq(counted(&f, REASON_AFFINITY_KEPT), 1);
	fixture_close(&f);
}

static void age(struct fixture *f, uint64_t client, uint64_t seconds)
{
	struct affinity_key key = { .client = client, .service = 1 };
	int fd = bpf_map__fd(f->shim->maps.affinity);
	struct affinity_row row;

	cr_assert(!bpf_map_lookup_elem(fd, &key, &row));
	row.used_ns = now_ns() - seconds * 1000000000ull;
	cr_assert(!bpf_map_update_elem(fd, &key, &row, BPF_EXIST));
}

Test(affinity, timeout_counts_from_the_last_use)
{
	struct fixture f = fixture_open();
	struct service_key key = sticky(&f, 20);

	route(&f, &key, 1);
	age(&f, 1, 55);
	route(&f, &key, 1); /* within the time: used anew */
	cr_assert_eq(counted(&f, REASON_AFFINITY_KEPT), 1);
	age(&f, 1, 61);
	route(&f, &key, 1);
	cr_assert_eq(counted(&f, REASON_AFFINITY_EXPIRED), 1);
	cr_assert_eq(counted(&f, REASON_AFFINITY_KEPT), 1);
	fixture_close(&f);
}

Test(affinity, services_do_not_share_it)
{
	struct fixture f = fixture_open();
	struct service_key key = sticky(&f, 3), other = fixture_key("10.96.0.2", 80);

	route(&f, &key, 1);
	put_slot(&f, 2, 1, 0, (struct slot_row){ 1, 1, UINT32_MAX, 1 });
	put_member(&f, 2, 1, MEMBER_CHOSEN);
	put_service(&f, &other,
		    (struct service_row){ .id = 2,
					  .generation = 1,
					  .slot_count = 1,
					  .flags = SERVICE_AFFINITY,
					  .affinity_s = 60 });
	cr_assert_eq(route(&f, &other, 1).endpoint, 1);
	cr_assert_eq(counted(&f, REASON_AFFINITY_NEW), 2);
	fixture_close(&f);
}
