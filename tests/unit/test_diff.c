/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Wanted rows against present rows: what is put, what is deleted, and when. */
#include <netinet/in.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "base/addr.h"
#include "base/attr.h"
#include "world.h"

Test(diff, new_service)
{
	struct world world = world_new();

	begin(&world, LIST(1, 2, 3));
	cr_assert_eq(row_of(&world, "10.96.0.1")->generation, 1);
	cr_assert_eq(row_of(&world, "10.96.0.1")->endpoint_count, 3);
	cr_assert_eq(world.kernel.meta.next_endpoint, 4);
	world_done(&world);
}

Test(diff, same_again_is_nothing)
{
	struct world world = world_new();

	begin(&world, LIST(1, 2, 3));
	expect(&world, "default/web", &(struct wish){ .vip = "10.96.0.1", .endpoints = LIST(1, 2, 3) },
	       NOTHING, NOTHING, NOTHING);
	world_done(&world);
}

Test(diff, endpoint_added)
{
	struct world world = world_new();

	begin(&world, LIST(1, 2));
	expect(&world, "default/web", &(struct wish){ .vip = "10.96.0.1", .endpoints = LIST(1, 2, 3) },
	       (struct counts){ .endpoints = 1, .index = 1, .members = 1, .slots = 3, .services = 1 },
	       NOTHING, (struct counts){ .slots = 2 });
	cr_assert_eq(row_of(&world, "10.96.0.1")->generation, 2);
	world_done(&world);
}

Test(diff, endpoint_removed)
{
	struct world world = world_new();

	begin(&world, LIST(1, 2, 3));
	expect(&world, "default/web", &(struct wish){ .vip = "10.96.0.1", .endpoints = LIST(1, 3) },
	       (struct counts){ .slots = 2, .services = 1 }, (struct counts){ .members = 1 },
	       (struct counts){ .endpoints = 1, .index = 1, .slots = 3 });
	world_done(&world);
}

Test(diff, all_endpoints_removed)
{
	struct world world = world_new();

	begin(&world, LIST(1, 2));
	expect(&world, "default/web", &(struct wish){ .vip = "10.96.0.1", .endpoints = NO_ENDPOINTS },
	       (struct counts){ .services = 1 }, (struct counts){ .members = 2 },
	       (struct counts){ .names = 1, .endpoints = 2, .index = 2, .slots = 2 });
	cr_assert_eq(row_of(&world, "10.96.0.1")->slot_count, 0);
	world_done(&world);
}

Test(diff, endpoint_becomes_not_ready)
{
	struct world world = world_new();

	begin(&world, LIST(1, 2, 3));
	expect(&world, "default/web",
	       &(struct wish){ .vip = "10.96.0.1", .endpoints = LIST(1, 2, 3), .not_ready = 2 },
	       (struct counts){ .members = 1, .slots = 2, .services = 1 }, NOTHING,
	       (struct counts){ .slots = 3 });
	cr_assert_eq(row_of(&world, "10.96.0.1")->endpoint_count, 2);
	world_done(&world);
}

Test(diff, weight_changed)
{
	struct world world = world_new();

	begin(&world, LIST(1, 2));
	expect(&world, "default/web",
	       &(struct wish){ .vip = "10.96.0.1", .endpoints = LIST(1, 2), .weight = 3 },
	       (struct counts){ .members = 1, .slots = 2, .services = 1 }, NOTHING,
	       (struct counts){ .slots = 2 });
	world_done(&world);
}

Test(diff, algorithm_changed_keeps_the_endpoints)
{
	struct world world = world_new();
	struct plan plan;

	begin(&world, LIST(1, 2));
	plan = change(&world, "default/web",
		      &(struct wish){ .vip = "10.96.0.1",
				      .endpoints = LIST(1, 2),
				      .algorithm = ALGORITHM_ROUND_ROBIN });
	cr_assert_eq(plan.puts[TABLE_SERVICES].count, 1);
	cr_assert_eq(plan.puts[TABLE_ENDPOINTS].count, 0);
	cr_assert_eq(plan.puts[TABLE_MEMBERS].count, 0);
	cr_assert_eq(row_of(&world, "10.96.0.1")->algorithm, ALGORITHM_ROUND_ROBIN);
	plan_done(&plan);
	world_done(&world);
}

Test(diff, service_gone)
{
	struct world world = world_new();

	begin(&world, LIST(1, 2));
	expect(&world, "default/web", NULL, NOTHING, (struct counts){ .members = 2, .services = 1 },
	       (struct counts){ .names = 2, .endpoints = 2, .index = 2, .state = 1, .slots = 2 });
	for (int table = 0; table < TABLE_COUNT; table++)
		cr_assert_eq(world.kernel.tables[table].count, 0, "%s", table_shapes[table].map);
	world_done(&world);
}

Test(diff, address_of_a_service_moves)
{
	struct world world = world_new();

	begin(&world, LIST(1, 2));
	expect(&world, "default/web", &(struct wish){ .vip = "10.96.0.2", .endpoints = LIST(1, 2) },
	       (struct counts){ .state = 1, .members = 2, .slots = 2, .services = 1 },
	       (struct counts){ .members = 2, .services = 1 }, (struct counts){ .state = 1, .slots = 2 });
	cr_assert_not(row_of(&world, "10.96.0.1"));
	cr_assert_eq(row_of(&world, "10.96.0.2")->id, 2, "an id was used again");
	world_done(&world);
}

Test(diff, endpoint_of_two_services_is_one_row)
{
	struct world world = world_new();

	begin(&world, LIST(1, 2));
	expect(&world, "default/api", &(struct wish){ .vip = "10.96.0.2", .endpoints = LIST(2, 3) },
	       (struct counts){ .names = 1,
				.endpoints = 1,
				.index = 1,
				.state = 1,
				.members = 2,
				.slots = 2,
				.services = 1 },
	       NOTHING, NOTHING);
	expect(&world, "default/web", NULL, NOTHING, (struct counts){ .members = 2, .services = 1 },
	       (struct counts){ .names = 1, .endpoints = 1, .index = 1, .state = 1, .slots = 2 });
	world_done(&world);
}

Test(diff, address_that_another_pod_took_over_is_another_endpoint)
{
	struct world world = world_new();
	struct service_key key = { .port = 8080, .protocol = IPPROTO_TCP };
	const uint64_t *id;

	begin(&world, LIST(1));
	expect(&world, "default/web", &(struct wish){ .vip = "10.96.0.1", .endpoints = LIST(1), .pod = 42 },
	       (struct counts){ .endpoints = 1, .index = 1, .members = 1, .slots = 1, .services = 1 },
	       (struct counts){ .members = 1 }, (struct counts){ .endpoints = 1, .slots = 1 });
	cr_assert(!addr_parse("10.0.0.1", &key.address));
	id = fake_kernel_find(&world.kernel, TABLE_INDEX, &key);
	cr_assert(id);
	cr_assert_eq(*id, 2, "the index names endpoint %lu", *id);
	world_done(&world);
}

Test(diff, endpoint_that_returns_within_the_grace_period_keeps_its_id)
{
	struct world world = world_new();
	struct plan plan;

	begin(&world, LIST(1, 2));
	plan = change(&world, "default/web", &(struct wish){ .vip = "10.96.0.1", .endpoints = LIST(1) });
	plan_done(&plan);
	plan = change(&world, "default/web", &(struct wish){ .vip = "10.96.0.1", .endpoints = LIST(1, 2) });
	cr_assert_eq(plan.puts[TABLE_ENDPOINTS].count, 0);
	plan_done(&plan);
	plan = reap(&world);
	cr_assert_eq(plan.deletes[TABLE_ENDPOINTS].count, 0);
	cr_assert_eq(plan.deletes[TABLE_SLOTS].count, 3);
	plan_done(&plan);
	cr_assert_eq(world.kernel.meta.next_endpoint, 3);
	world_done(&world);
}

Test(diff, address_of_another_service_is_not_taken)
{
	struct world world = world_new();
	struct plan plan;

	begin(&world, LIST(1));
	plan = change(&world, "default/thief", &(struct wish){ .vip = "10.96.0.1", .endpoints = LIST(9) });
	cr_assert(plan_is_empty(&plan));
	cr_assert_str_eq(world.holder, "default/web");
	plan_done(&plan);
	plan = change(&world, "default/web", NULL);
	plan_done(&plan);
	plan = change(&world, "default/thief", &(struct wish){ .vip = "10.96.0.1", .endpoints = LIST(9) });
	cr_assert_not(world.holder);
	cr_assert_eq(plan.puts[TABLE_SERVICES].count, 1);
	plan_done(&plan);
	world_done(&world);
}

Test(diff, nothing_is_taken_away_while_objects_are_missing)
{
	struct world world = world_new();

	begin(&world, LIST(1, 2));
	world.keep = true;
	expect(&world, "default/web", NULL, NOTHING, NOTHING, NOTHING);
	expect(&world, "default/web", &(struct wish){ .vip = "10.96.0.1", .endpoints = NO_ENDPOINTS },
	       NOTHING, NOTHING, NOTHING);
	cr_assert_eq(row_of(&world, "10.96.0.1")->slot_count, 2);
	world_done(&world);
}

Test(diff, after_a_restart_only_the_difference_is_sent)
{
	struct world world = world_new();

	begin(&world, LIST(1, 2, 3));
	restart(&world);
	expect(&world, "default/web", &(struct wish){ .vip = "10.96.0.1", .endpoints = LIST(1, 2, 3) },
	       NOTHING, NOTHING, NOTHING);
	expect(&world, "default/web", &(struct wish){ .vip = "10.96.0.1", .endpoints = LIST(1, 2) },
	       (struct counts){ .slots = 2, .services = 1 }, (struct counts){ .members = 1 },
	       (struct counts){ .endpoints = 1, .index = 1, .slots = 3 });
	world_done(&world);
}

Test(diff, what_an_agent_left_half_done_is_cleaned_by_the_next)
{
	struct world world = world_new();
	struct plan plan;

	begin(&world, LIST(1, 2));
	/* It died between the flip and the reaping. */
	plan = change(&world, "default/web", &(struct wish){ .vip = "10.96.0.1", .endpoints = LIST(1) });
	plan_done(&plan);
	restart(&world);
	cr_assert(present_has_garbage(world.present));
	plan = reap(&world);
	assert_deletes(&plan, (struct counts){ .endpoints = 1, .index = 1, .slots = 2 });
	plan_done(&plan);
	cr_assert_not(present_has_garbage(world.present));
	world_done(&world);
}

Test(diff, slot_that_is_missing_in_the_kernel_is_repaired_by_a_new_generation)
{
	struct world world = world_new();
	struct slot_key lost = { .service = 1, .generation = 1, .slot = 1 };
	struct plan plan;

	begin(&world, LIST(1, 2));
	fake_kernel_lose(&world.kernel, TABLE_SLOTS, &lost);
	restart(&world);
	plan = change(&world, "default/web", &(struct wish){ .vip = "10.96.0.1", .endpoints = LIST(1, 2) });
	assert_puts(&plan, (struct counts){ .slots = 2, .services = 1 });
	cr_assert_eq(row_of(&world, "10.96.0.1")->generation, 2);
	plan_done(&plan);
	world_done(&world);
}

/* Any order of changes leaves tables in which every reference holds, and that a restart agrees with. */
Test(diff, thousand_random_changes)
{
	static const char *const vips[] = { "10.96.0.1", "10.96.0.2", "10.96.0.3" };
	static const char *const names[] = { "default/a", "default/b", "default/c" };
	struct world world = world_new();
	struct plan plan;

	srand(1);
	for (int i = 0; i < 1000; i++) {
		uint8_t endpoints[9] = { 0 };
		size_t which = rand() % 3, n = rand() % 8, first = rand() % 20 + 1;
		struct wish wish = {
			.vip = vips[which],
			.endpoints = endpoints,
			.algorithm = rand() % 2,
			.pod = rand() % 2,
			.weight = rand() % 4,
			.measured = rand() % 3,
		};

		for (size_t j = 0; j < n; j++)
			endpoints[j] = first + j;
		plan = change(&world, names[which], rand() % 5 ? &wish : NULL);
		plan_done(&plan);
		if (rand() % 3)
			continue;
		plan = reap(&world);
		plan_done(&plan);
		if (rand() % 3)
			continue;
		restart(&world);
		cr_assert_not(present_has_garbage(world.present));
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		plan = change(&world, names[i], NULL);
		plan_done(&plan);
	}
	plan = reap(&world);
	plan_done(&plan);
	for (int table = 0; table < TABLE_COUNT; table++)
		cr_assert_eq(world.kernel.tables[table].count, 0, "%s", table_shapes[table].map);
	world_done(&world);
}
