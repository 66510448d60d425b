/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Knobs go into the service's row; rows that the kernel writes are made once, kept, and deleted once. */
#include <netinet/in.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/addr.h"
#include "base/attr.h"
#include "world.h"

#define VIP "10.96.0.1"

/* default/web with these endpoints, measured. */
static struct wish measured(const uint8_t *endpoints)
{
	return (struct wish){ .vip = VIP, .endpoints = endpoints, .measured = true };
}

static struct world measured_world(const uint8_t *endpoints, size_t count)
{
	struct world world = world_new();
	struct wish wish = measured(endpoints);

	expect(&world, "default/web", &wish,
	       (struct counts){ .names = 2,
				.endpoints = count,
				.index = count,
				.state = 1,
				.responses = count,
				.members = count,
				.slots = count,
				.services = 1 },
	       NOTHING, NOTHING);
	return world;
}

/* The kernel has counted `live` connections of an endpoint, and as many exchanges of service 1 with it. */
static void count(struct world *world, uint64_t endpoint, uint64_t live)
{
	struct endpoint_state state = { .live = live };

	fake_kernel_write(&world->kernel, TABLE_ENDPOINT_STATE, &endpoint, &state);
}

static void measure(struct world *world, uint64_t endpoint, uint64_t exchanges)
{
	struct member_key key = { .endpoint = endpoint, .service = 1 };
	struct response_state state = { .exchanges = exchanges };

	fake_kernel_write(&world->kernel, TABLE_RESPONSE_STATE, &key, &state);
}

static uint64_t live_of(const struct world *world, uint64_t endpoint)
{
	const struct endpoint_state *state =
		fake_kernel_find(&world->kernel, TABLE_ENDPOINT_STATE, &endpoint);

	cr_assert(state, "endpoint %lu has no state", endpoint);
	return state->live;
}

static const struct response_state *response_of(const struct world *world, uint64_t endpoint)
{
	struct member_key key = { .endpoint = endpoint, .service = 1 };

	return fake_kernel_find(&world->kernel, TABLE_RESPONSE_STATE, &key);
}

static void drain(struct world *world, uint64_t endpoint)
{
	struct drain_row row = { .since_s = 1700000000 };

	fake_kernel_write(&world->kernel, TABLE_DRAINS, &endpoint, &row);
}

/* ---- knobs ---- */

struct knob {
	char name[24];
	struct wish wish;
	struct service_row row; /* what of it is expected */
};

ParameterizedTestParameters(knobs, each_alone_is_one_row_in_place)
{
	static struct knob knobs[] = {
		{ "decay", { .decay_ms = 100 }, { .decay_ms = 100 } },
		{ "failures", { .health.eject_failures = 7 }, { .eject_failures = 7 } },
		{ "base time", { .health.eject_base_ms = 8 }, { .eject_base_ms = 8 } },
		{ "longest time", { .health.eject_max_ms = 86400000 }, { .eject_max_ms = 86400000 } },
		{ "share ejected", { .health.eject_percent = 100 }, { .eject_percent = 100 } },
		{ "panic", { .health.panic_percent = 99 }, { .panic_percent = 99 } },
		{ "SYNs", { .health.syn_retransmits = 20 }, { .syn_retransmits = 20 } },
		{ "data", { .health.data_retransmits = 19 }, { .data_retransmits = 19 } },
		{ "patience", { .health.connect_timeout_ms = 5 }, { .connect_timeout_ms = 5 } },
	};

	return cr_make_param_array(struct knob, knobs, ARRAY_LEN(knobs));
}

ParameterizedTest(struct knob *knob, knobs, each_alone_is_one_row_in_place)
{
	struct world world = world_new();
	struct wish wish = knob->wish;
	const struct service_row *row;

	begin(&world, LIST(1, 2));
	wish.vip = VIP;
	wish.endpoints = LIST(1, 2);
	expect(&world, "default/web", &wish, (struct counts){ .services = 1 }, NOTHING, NOTHING);
	row = row_of(&world, VIP);
	cr_expect_eq(row->generation, 1, "%s", knob->name);
	cr_expect_eq(row->slot_count, 2, "%s", knob->name);
	cr_expect_eq(row->decay_ms, knob->row.decay_ms, "%s", knob->name);
	cr_expect_eq(row->eject_failures, knob->row.eject_failures, "%s", knob->name);
	cr_expect_eq(row->eject_base_ms, knob->row.eject_base_ms, "%s", knob->name);
	cr_expect_eq(row->eject_max_ms, knob->row.eject_max_ms, "%s", knob->name);
	cr_expect_eq(row->eject_percent, knob->row.eject_percent, "%s", knob->name);
	cr_expect_eq(row->panic_percent, knob->row.panic_percent, "%s", knob->name);
	cr_expect_eq(row->syn_retransmits, knob->row.syn_retransmits, "%s", knob->name);
	cr_expect_eq(row->data_retransmits, knob->row.data_retransmits, "%s", knob->name);
	cr_expect_eq(row->connect_timeout_ms, knob->row.connect_timeout_ms, "%s", knob->name);
	expect(&world, "default/web", &wish, NOTHING, NOTHING, NOTHING);
	world_done(&world);
}

/* Both choose from an alias table: the slots stay. */
Test(knobs, algorithms_of_one_table_share_it)
{
	struct world world = world_new();
	struct wish wish = { .vip = VIP, .endpoints = LIST(1, 2), .algorithm = ALGORITHM_LEAST_CONN };

	begin(&world, LIST(1, 2));
	expect(&world, "default/web", &wish, (struct counts){ .services = 1 }, NOTHING, NOTHING);
	cr_assert_eq(row_of(&world, VIP)->algorithm, ALGORITHM_LEAST_CONN);
	cr_assert_eq(row_of(&world, VIP)->generation, 1);
	world_done(&world);
}

/* ---- the state of endpoints ---- */

Test(endpoint_state, is_made_with_the_endpoint_and_never_again)
{
	struct world world = world_new();
	struct wish wish = { .vip = VIP, .endpoints = LIST(1, 2) };

	begin(&world, LIST(1, 2));
	count(&world, 1, 5);
	expect(&world, "default/web", &wish, NOTHING, NOTHING, NOTHING);
	wish.not_ready = 1;
	change_only(&world, "default/web", &wish);
	wish.not_ready = 0;
	wish.algorithm = ALGORITHM_ROUND_ROBIN;
	wish.measured = true;
	change_only(&world, "default/web", &wish);
	wish.endpoints = LIST(1, 2, 3);
	change_only(&world, "default/web", &wish);
	cr_assert_eq(live_of(&world, 1), 5);
	cr_assert_eq(live_of(&world, 3), 0);
	world_done(&world);
}

Test(endpoint_state, of_an_endpoint_in_two_services_is_one)
{
	struct world world = world_new();
	struct wish api = { .vip = "10.96.0.2", .endpoints = LIST(1) };

	begin(&world, LIST(1));
	count(&world, 1, 5);
	change_only(&world, "default/api", &api);
	cr_assert_eq(world.kernel.tables[TABLE_ENDPOINT_STATE].count, 1);
	/* One service goes, the endpoint stays with the other. */
	expect(&world, "default/web", NULL, NOTHING, (struct counts){ .members = 1, .services = 1 },
	       (struct counts){ .names = 1, .state = 1, .slots = 1 });
	cr_assert_eq(live_of(&world, 1), 5);
	world_done(&world);
}

Test(endpoint_state, stays_with_an_endpoint_that_returns_within_the_grace_period)
{
	struct world world = world_new();
	struct wish wish = { .vip = VIP, .endpoints = LIST(2) };

	begin(&world, LIST(1, 2));
	count(&world, 1, 5);
	change_only(&world, "default/web", &wish);
	wish.endpoints = LIST(1, 2);
	expect(&world, "default/web", &wish, (struct counts){ .members = 1, .slots = 2, .services = 1 },
	       NOTHING, (struct counts){ .slots = 3 });
	cr_assert_eq(live_of(&world, 1), 5);
	world_done(&world);
}

Test(endpoint_state, that_is_missing_after_a_restart_is_made)
{
	struct world world = world_new();
	struct wish wish = { .vip = VIP, .endpoints = LIST(1, 2, 3) };
	const uint64_t lost = 2;

	begin(&world, LIST(1, 2, 3));
	count(&world, 1, 5);
	fake_kernel_lose(&world.kernel, TABLE_ENDPOINT_STATE, &lost);
	restart(&world);
	expect(&world, "default/web", &wish, (struct counts){ .lone_states = 1 }, NOTHING, NOTHING);
	cr_assert_eq(live_of(&world, 1), 5);
	cr_assert_eq(live_of(&world, 2), 0);
	expect(&world, "default/web", &wish, NOTHING, NOTHING, NOTHING);
	world_done(&world);
}

/* One that lost its state and then leaves has none to delete. */
Test(endpoint_state, that_is_missing_is_not_deleted)
{
	struct world world = world_new();
	struct plan plan = { 0 };
	const uint64_t lost = 1;

	begin(&world, LIST(1));
	fake_kernel_lose(&world.kernel, TABLE_ENDPOINT_STATE, &lost);
	restart(&world);
	cr_assert(!diff_service(world.present, "default/web", &(struct wants){ 0 },
				&(struct diff_options){ 0 }, &plan, &world.holder));
	cr_assert(!present_reap(world.present, &plan));
	cr_assert_eq(plan.deletes[TABLE_ENDPOINTS].count, 1);
	cr_assert_eq(plan.deletes[TABLE_ENDPOINT_STATE].count, 0);
	plan_done(&plan);
	world_done(&world);
}

Test(endpoint_state, of_no_endpoint_is_garbage_after_a_restart)
{
	struct world world = world_new();
	struct endpoint_state state = { 0 };
	const uint64_t orphan = 99;
	struct plan plan;

	begin(&world, LIST(1));
	fake_kernel_write(&world.kernel, TABLE_ENDPOINT_STATE, &orphan, &state);
	restart(&world);
	cr_assert(present_has_garbage(world.present));
	plan = reap(&world);
	assert_puts(&plan, NOTHING);
	assert_deletes(&plan, (struct counts){ .lone_states = 1 });
	plan_done(&plan);
	cr_assert_eq(live_of(&world, 1), 0);
	world_done(&world);
}

/* ---- drains ---- */

Test(drain, stands_while_its_endpoint_does)
{
	struct world world = world_new();
	struct wish wish = { .vip = VIP, .endpoints = LIST(1, 2) };

	begin(&world, LIST(1, 2));
	drain(&world, 1);
	drain(&world, 2);
	expect(&world, "default/web", &wish, NOTHING, NOTHING, NOTHING);
	restart(&world);
	cr_assert_not(present_has_garbage(world.present));
	wish.endpoints = LIST(2);
	expect(&world, "default/web", &wish, (struct counts){ .slots = 1, .services = 1 },
	       (struct counts){ .members = 1 }, (struct counts){ .endpoints = 1, .index = 1, .slots = 2 });
	cr_assert_not(fake_kernel_find(&world.kernel, TABLE_DRAINS, &(uint64_t){ 1 }));
	cr_assert(fake_kernel_find(&world.kernel, TABLE_DRAINS, &(uint64_t){ 2 }));
	world_done(&world);
}

Test(drain, of_no_endpoint_is_garbage_after_a_restart)
{
	struct world world = world_new();
	struct plan plan;

	begin(&world, LIST(1));
	drain(&world, 1);
	drain(&world, 99);
	restart(&world);
	plan = reap(&world);
	assert_puts(&plan, NOTHING);
	assert_deletes(&plan, (struct counts){ .lone_drains = 1 });
	plan_done(&plan);
	cr_assert(fake_kernel_find(&world.kernel, TABLE_DRAINS, &(uint64_t){ 1 }));
	world_done(&world);
}

/* ---- the splice ---- */

static uint64_t redirected(const struct world *world)
{
	const struct splice_state *state =
		fake_kernel_find(&world->kernel, TABLE_SPLICE_STATE, &(uint32_t){ 1 });

	cr_assert(state, "service 1 has no account");
	return state->redirect_msgs;
}

Test(splice, account_comes_with_the_first_wish_and_goes_with_the_service)
{
	struct world world = world_new();
	struct wish wish = { .vip = VIP, .endpoints = LIST(1), .splice = SERVICE_SPLICE };
	struct splice_state counted = { .redirect_msgs = 7 };

	begin(&world, LIST(1));
	expect(&world, "default/web", &wish, (struct counts){ .splices = 1, .services = 1 }, NOTHING,
	       NOTHING);
	cr_assert_eq(row_of(&world, VIP)->flags, SERVICE_SPLICE);
	fake_kernel_write(&world.kernel, TABLE_SPLICE_STATE, &(uint32_t){ 1 }, &counted);
	/* Connections that are open still count when it is switched off. */
	wish.splice = 0;
	expect(&world, "default/web", &wish, (struct counts){ .services = 1 }, NOTHING, NOTHING);
	cr_assert_eq(redirected(&world), 7);
	restart(&world);
	wish.splice = SERVICE_SPLICE_FORCED;
	expect(&world, "default/web", &wish, (struct counts){ .services = 1 }, NOTHING, NOTHING);
	cr_assert_eq(redirected(&world), 7);
	expect(&world, "default/web", NULL, NOTHING, (struct counts){ .members = 1, .services = 1 },
	       (struct counts){
		       .names = 2, .endpoints = 1, .index = 1, .state = 1, .splices = 1, .slots = 1 });
	world_done(&world);
}

Test(splice, account_of_no_service_is_garbage_after_a_restart)
{
	struct world world = world_new();
	struct splice_state state = { 0 };
	struct plan plan;

	begin(&world, LIST(1));
	fake_kernel_write(&world.kernel, TABLE_SPLICE_STATE, &(uint32_t){ 99 }, &state);
	restart(&world);
	plan = reap(&world);
	assert_puts(&plan, NOTHING);
	assert_deletes(&plan, (struct counts){ .splices = 1 });
	plan_done(&plan);
	world_done(&world);
}

/* ---- response times ---- */

Test(response, rows_come_with_measuring_and_go_after_a_grace_period)
{
	struct world world = world_new();
	struct wish on = measured(LIST(1, 2)), off = on;

	off.measured = false;
	begin(&world, LIST(1, 2));
	expect(&world, "default/web", &on, (struct counts){ .responses = 2, .services = 1 }, NOTHING,
	       NOTHING);
	cr_assert_eq(row_of(&world, VIP)->flags, SERVICE_MEASURED);
	measure(&world, 1, 7);
	expect(&world, "default/web", &on, NOTHING, NOTHING, NOTHING);
	cr_assert_eq(response_of(&world, 1)->exchanges, 7);
	expect(&world, "default/web", &off, (struct counts){ .services = 1 }, NOTHING,
	       (struct counts){ .responses = 2 });
	cr_assert_eq(row_of(&world, VIP)->flags, 0);
	expect(&world, "default/web", &off, NOTHING, NOTHING, NOTHING);
	/* Reaped: another start is from nothing. */
	expect(&world, "default/web", &on, (struct counts){ .responses = 2, .services = 1 }, NOTHING,
	       NOTHING);
	cr_assert_eq(response_of(&world, 1)->exchanges, 0);
	world_done(&world);
}

Test(response, rows_outlive_measuring_that_is_off_for_a_moment)
{
	struct world world = measured_world(LIST(1, 2), 2);
	struct wish on = measured(LIST(1, 2)), off = on;

	off.measured = false;
	measure(&world, 1, 7);
	for (int i = 0; i < 3; i++) {
		change_only(&world, "default/web", &off);
		cr_assert(present_has_garbage(world.present));
		change_only(&world, "default/web", &on);
	}
	expect(&world, "default/web", &on, NOTHING, NOTHING, NOTHING);
	cr_assert_eq(response_of(&world, 1)->exchanges, 7);
	cr_assert_not(present_has_garbage(world.present));
	/* And then they go for good, each once. */
	change_only(&world, "default/web", &off);
	change_only(&world, "default/web", &on);
	expect(&world, "default/web", &off, (struct counts){ .services = 1 }, NOTHING,
	       (struct counts){ .responses = 2 });
	world_done(&world);
}

Test(response, row_of_a_new_member_is_made)
{
	struct world world = measured_world(LIST(1, 2), 2);
	struct wish wish = measured(LIST(1, 2, 3));

	expect(&world, "default/web", &wish,
	       (struct counts){
		       .endpoints = 1, .index = 1, .responses = 1, .members = 1, .slots = 3, .services = 1 },
	       NOTHING, (struct counts){ .slots = 2 });
	world_done(&world);
}

Test(response, row_of_a_member_that_is_not_ready_stays)
{
	struct world world = measured_world(LIST(1, 2), 2);
	struct wish wish = measured(LIST(1, 2));

	measure(&world, 2, 7);
	wish.not_ready = 2;
	expect(&world, "default/web", &wish, (struct counts){ .members = 1, .slots = 1, .services = 1 },
	       NOTHING, (struct counts){ .slots = 2 });
	cr_assert_eq(response_of(&world, 2)->exchanges, 7);
	world_done(&world);
}

Test(response, row_goes_with_the_member)
{
	struct world world = measured_world(LIST(1, 2), 2);
	struct wish wish = measured(LIST(1));

	expect(&world, "default/web", &wish, (struct counts){ .slots = 1, .services = 1 },
	       (struct counts){ .members = 1 },
	       (struct counts){ .endpoints = 1, .index = 1, .responses = 1, .slots = 2 });
	world_done(&world);
}

/* It leaves and comes back, twice, before anything is reaped. */
Test(response, row_stays_with_a_member_that_returns_within_the_grace_period)
{
	struct world world = measured_world(LIST(1, 2), 2);
	struct wish both = measured(LIST(1, 2)), one = measured(LIST(1));

	measure(&world, 2, 7);
	for (int i = 0; i < 2; i++) {
		change_only(&world, "default/web", &one);
		change_only(&world, "default/web", &both);
	}
	expect(&world, "default/web", &both, NOTHING, NOTHING, (struct counts){ .slots = 6 });
	cr_assert_eq(response_of(&world, 2)->exchanges, 7);
	/* In the end it leaves. */
	change_only(&world, "default/web", &one);
	change_only(&world, "default/web", &both);
	expect(&world, "default/web", &one, (struct counts){ .slots = 1, .services = 1 },
	       (struct counts){ .members = 1 },
	       (struct counts){ .endpoints = 1, .index = 1, .responses = 1, .slots = 5 });
	world_done(&world);
}

/* It comes back to a service that is no longer measured. */
Test(response, row_goes_though_the_member_is_back)
{
	struct world world = measured_world(LIST(1, 2), 2);
	struct wish off = { .vip = VIP, .endpoints = LIST(1, 2) }, one = measured(LIST(1));

	change_only(&world, "default/web", &one);
	expect(&world, "default/web", &off, (struct counts){ .members = 1, .slots = 2, .services = 1 },
	       NOTHING, (struct counts){ .responses = 2, .slots = 3 });
	world_done(&world);
}

Test(response, rows_go_with_the_service)
{
	struct world world = measured_world(LIST(1, 2), 2);

	expect(&world, "default/web", NULL, NOTHING, (struct counts){ .members = 2, .services = 1 },
	       (struct counts){
		       .names = 2, .endpoints = 2, .index = 2, .state = 1, .responses = 2, .slots = 2 });
	world_done(&world);
}

Test(response, rows_of_two_services_of_one_endpoint_are_two)
{
	struct world world = measured_world(LIST(1), 1);
	struct wish api = measured(LIST(1));

	api.vip = "10.96.0.2";
	measure(&world, 1, 7);
	expect(&world, "default/api", &api,
	       (struct counts){
		       .names = 1, .state = 1, .responses = 1, .members = 1, .slots = 1, .services = 1 },
	       NOTHING, NOTHING);
	expect(&world, "default/api", NULL, NOTHING, (struct counts){ .members = 1, .services = 1 },
	       (struct counts){ .names = 1, .state = 1, .responses = 1, .slots = 1 });
	cr_assert_eq(response_of(&world, 1)->exchanges, 7);
	world_done(&world);
}

Test(response, rows_are_found_again_after_a_restart)
{
	struct world world = measured_world(LIST(1, 2), 2);
	struct wish wish = measured(LIST(1, 2));

	measure(&world, 1, 7);
	restart(&world);
	cr_assert_not(present_has_garbage(world.present));
	expect(&world, "default/web", &wish, NOTHING, NOTHING, NOTHING);
	cr_assert_eq(response_of(&world, 1)->exchanges, 7);
	world_done(&world);
}

Test(response, row_that_is_missing_after_a_restart_is_made)
{
	struct world world = measured_world(LIST(1, 2), 2);
	struct wish wish = measured(LIST(1, 2));
	struct member_key lost = { .endpoint = 2, .service = 1 };

	measure(&world, 1, 7);
	fake_kernel_lose(&world.kernel, TABLE_RESPONSE_STATE, &lost);
	restart(&world);
	expect(&world, "default/web", &wish, (struct counts){ .responses = 1 }, NOTHING, NOTHING);
	cr_assert_eq(response_of(&world, 1)->exchanges, 7);
	world_done(&world);
}

/* Of an endpoint that is no member, of a service that is not there, of one that is not measured. */
Test(response, rows_of_nobody_are_garbage_after_a_restart)
{
	static const struct member_key orphans[] = {
		{ .endpoint = 99, .service = 1 },
		{ .endpoint = 1, .service = 99 },
		{ .endpoint = 3, .service = 2 },
	};
	struct world world = measured_world(LIST(1, 2), 2);
	struct wish api = { .vip = "10.96.0.2", .endpoints = LIST(3) };
	struct response_state state = { 0 };
	struct plan plan;

	change_only(&world, "default/api", &api);
	for (size_t i = 0; i < ARRAY_LEN(orphans); i++)
		fake_kernel_write(&world.kernel, TABLE_RESPONSE_STATE, &orphans[i], &state);
	restart(&world);
	cr_assert(present_has_garbage(world.present));
	plan = reap(&world);
	assert_puts(&plan, NOTHING);
	assert_deletes(&plan, (struct counts){ .responses = ARRAY_LEN(orphans) });
	plan_done(&plan);
	cr_assert(response_of(&world, 1));
	world_done(&world);
}

/* What a restart found unused may be in use again before it is reaped. */
Test(response, row_that_was_garbage_at_the_start_is_used_again)
{
	struct world world = measured_world(LIST(1, 2), 2);
	struct wish on = measured(LIST(1, 2)), off = on;

	off.measured = false;
	measure(&world, 1, 7);
	change_only(&world, "default/web", &off);
	restart(&world);
	cr_assert(present_has_garbage(world.present));
	expect(&world, "default/web", &on, (struct counts){ .services = 1 }, NOTHING, NOTHING);
	cr_assert_eq(response_of(&world, 1)->exchanges, 7);
	world_done(&world);
}
