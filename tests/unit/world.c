/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Changes, one at a time, and what they do to the kernel's tables. */
#include "world.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/addr.h"

static void assert_counts(const char *what, const struct rows *rows, const size_t wanted[TABLE_COUNT])
{
	for (int table = 0; table < TABLE_COUNT; table++)
		cr_assert_eq(rows[table].count, wanted[table], "%s of %s: %zu, not %zu", what,
			     table_shapes[table].map, rows[table].count, wanted[table]);
}

void assert_puts(const struct plan *plan, struct counts expected)
{
	const size_t wanted[TABLE_COUNT] = {
		[TABLE_NAMES] = expected.names,
		[TABLE_ENDPOINT_STATE] = expected.endpoints + expected.lone_states,
		[TABLE_ENDPOINTS] = expected.endpoints,
		[TABLE_INDEX] = expected.index,
		[TABLE_STATE] = expected.state,
		[TABLE_RESPONSE_STATE] = expected.responses,
		[TABLE_SPLICE_STATE] = expected.splices,
		[TABLE_MEMBERS] = expected.members,
		[TABLE_SLOTS] = expected.slots,
		[TABLE_SERVICES] = expected.services,
		[TABLE_ROUTES] = expected.routes,
	};

	assert_counts("puts", plan->puts, wanted);
}

void assert_deletes(const struct plan *plan, struct counts expected)
{
	const size_t wanted[TABLE_COUNT] = {
		[TABLE_NAMES] = expected.names,
		[TABLE_ENDPOINT_STATE] = expected.endpoints + expected.lone_states,
		[TABLE_DRAINS] = expected.endpoints + expected.lone_drains,
		[TABLE_ENDPOINTS] = expected.endpoints,
		[TABLE_INDEX] = expected.index,
		[TABLE_STATE] = expected.state,
		[TABLE_RESPONSE_STATE] = expected.responses,
		[TABLE_SPLICE_STATE] = expected.splices,
		[TABLE_MEMBERS] = expected.members,
		[TABLE_SLOTS] = expected.slots,
		[TABLE_SERVICES] = expected.services,
		[TABLE_ROUTES] = expected.routes,
	};

	assert_counts("deletes", plan->deletes, wanted);
}

struct world world_new(void)
{
	struct world world = { 0 };

	cr_assert(!present_new(&world.present));
	return world;
}

void world_done(struct world *world)
{
	present_free(world->present);
	fake_kernel_done(&world->kernel);
}

void restart(struct world *world)
{
	present_free(world->present);
	world->present = fake_kernel_read(&world->kernel);
}

static struct want build_want(const struct wish *wish)
{
	struct want want = {
		.algorithm = wish->algorithm,
		.flags = (wish->measured ? SERVICE_MEASURED : 0) | wish->splice,
		.decay_ms = wish->decay_ms,
		.health = wish->health,
	};
	size_t count = strlen((const char *)wish->endpoints);

	cr_assert(!addr_parse(wish->vip, &want.key.address));
	want.key.port = 80;
	want.key.protocol = IPPROTO_TCP;
	want.endpoints = calloc(count + 1, sizeof(*want.endpoints));
	for (size_t i = 0; i < count; i++) {
		struct want_endpoint *endpoint = &want.endpoints[want.n_endpoints++];
		bool ready = wish->endpoints[i] != wish->not_ready;
		char text[ADDR_TEXT];

		snprintf(text, sizeof(text), "10.0.0.%u", wish->endpoints[i]);
		*endpoint = (struct want_endpoint){
			.port = 8080,
			.pod = wish->pod,
			.node = "n1",
			.zone = "",
			.weight = !i && wish->weight ? wish->weight : 1,
			.state = ready ? MEMBER_READY : MEMBER_NOT_READY,
			.chosen = ready,
			.serving = ready,
		};
		cr_assert(!addr_parse(text, &endpoint->address));
	}
	return want;
}

struct plan change(struct world *world, const char *name, const struct wish *wish)
{
	struct diff_options options = { .keep = world->keep };
	struct want want = { 0 };
	struct wants wants = { .items = &want, .count = wish ? 1 : 0 };
	struct plan plan = { 0 };

	if (wish)
		want = build_want(wish);
	cr_assert(!diff_service(world->present, name, &wants, &options, &plan, &world->holder));
	fake_kernel_apply(&world->kernel, &plan);
	fake_kernel_check(&world->kernel);
	free(want.endpoints);
	return plan;
}

void change_only(struct world *world, const char *name, const struct wish *wish)
{
	struct plan plan = change(world, name, wish);

	plan_done(&plan);
}

struct plan reap(struct world *world)
{
	struct plan plan = { 0 };

	cr_assert(!present_reap(world->present, &plan));
	fake_kernel_apply(&world->kernel, &plan);
	fake_kernel_check(&world->kernel);
	fake_kernel_check_reaped(&world->kernel);
	return plan;
}

void expect(struct world *world, const char *name, const struct wish *wish, struct counts puts,
	    struct counts deletes, struct counts reaped)
{
	struct plan plan = change(world, name, wish);

	assert_puts(&plan, puts);
	assert_deletes(&plan, deletes);
	plan_done(&plan);
	plan = reap(world);
	assert_puts(&plan, NOTHING);
	assert_deletes(&plan, reaped);
	plan_done(&plan);
}

const struct service_row *row_of(const struct world *world, const char *vip)
{
	struct service_key key = { .port = 80, .protocol = IPPROTO_TCP };

	cr_assert(!addr_parse(vip, &key.address));
	return fake_kernel_find(&world->kernel, TABLE_SERVICES, &key);
}

void begin(struct world *world, const uint8_t *endpoints)
{
	struct wish wish = { .vip = "10.96.0.1", .endpoints = endpoints };
	size_t n = strlen((const char *)endpoints);

	expect(world, "default/web", &wish,
	       (struct counts){ .names = 2,
				.endpoints = n,
				.index = n,
				.state = 1,
				.members = n,
				.slots = n,
				.services = 1 },
	       NOTHING, NOTHING);
}
