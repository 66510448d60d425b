/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rows of routes: put, replaced, deleted, and kept while not everything is known. */
#include <netinet/in.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/addr.h"
#include "base/attr.h"
#include "world.h"

/* A route r of default/web, to v1 and v2, with these weights. */
struct scene {
	struct world world;
	struct object route, winner;
	struct route_target targets[2];
	struct route_parent parent;
	struct want_route want;
};

static void scene_init(struct scene *s)
{
	*s = (struct scene){
		.world = world_new(),
		.route = { .kind = OBJECT_ROUTE, .namespace = "default", .name = "r" },
		.winner = { .kind = OBJECT_ROUTE, .namespace = "default", .name = "older" },
		.targets = { { "", "default", "v1", 80, 90 }, { "", "default", "v2", 80, 10 } },
		.parent = { "default", "web", "", 80 },
	};
	s->want = (struct want_route){
		.route = &s->route,
		.parent = &s->parent,
		.backends = { { .target = &s->targets[0], .endpoints = 3 },
			      { .target = &s->targets[1], .resolved = BACKEND_NO_SERVICE } },
		.n_backends = 2,
	};
}

/* `n_routes` is zero or one; `wants_service`: one at 10.96.0.1 of that many endpoints. */
static struct plan say(struct scene *s, size_t n_routes, bool wants_service, struct want want)
{
	struct diff_options options = { .keep = s->world.keep };
	struct wants wants = {
		.items = &want,
		.count = wants_service,
		.routes = &s->want,
		.n_routes = n_routes,
	};
	struct plan plan = { 0 };

	cr_assert(!addr_parse("10.96.0.1", &want.key.address));
	want.key.port = 80;
	want.key.protocol = IPPROTO_TCP;
	cr_assert(!diff_service(s->world.present, "default/web", &wants, &options, &plan, &s->world.holder));
	fake_kernel_apply(&s->world.kernel, &plan);
	fake_kernel_check(&s->world.kernel);
	return plan;
}

static struct plan say_route(struct scene *s, size_t n_routes)
{
	return say(s, n_routes, false, (struct want){ 0 });
}

static void expect_routes(struct scene *s, size_t n_routes, size_t puts, size_t deletes, size_t names)
{
	struct plan plan = say_route(s, n_routes);

	cr_assert_eq(plan.puts[TABLE_ROUTES].count, puts, "%zu puts", plan.puts[TABLE_ROUTES].count);
	cr_assert_eq(plan.deletes[TABLE_ROUTES].count, deletes);
	plan_done(&plan);
	plan = reap(&s->world);
	plan_done(&plan);
	cr_assert_eq(s->world.kernel.tables[TABLE_NAMES].count, names, "%zu names",
		     s->world.kernel.tables[TABLE_NAMES].count);
}

static void scene_done(struct scene *s)
{
	world_done(&s->world);
}

Test(diff_route, put_once_replaced_and_deleted)
{
	struct scene s;
	const struct route_row *row;

	scene_init(&s);
	expect_routes(&s, 1, 1, 0, 4);
	row = (const void *)s.world.kernel.tables[TABLE_ROUTES].values;
	cr_assert_eq(row->accepted, ROUTE_ACCEPTED);
	cr_assert_eq(row->port, 80);
	cr_assert_eq(row->n_backends, 2);
	cr_assert_eq(row->backends[0].weight, 90);
	cr_assert_eq(row->backends[0].endpoints, 3);
	cr_assert_eq(row->backends[1].resolved, BACKEND_NO_SERVICE);
	expect_routes(&s, 1, 0, 0, 4);
	s.targets[0].weight = 50;
	expect_routes(&s, 1, 1, 0, 4);
	s.want.accepted = ROUTE_CONFLICTED;
	s.want.winner = &s.winner;
	expect_routes(&s, 1, 1, 0, 5);
	s.want.n_backends = 1;
	expect_routes(&s, 1, 1, 0, 4);
	expect_routes(&s, 0, 0, 1, 0);
	cr_assert_eq(s.world.kernel.tables[TABLE_ROUTES].count, 0);
	scene_done(&s);
}

Test(diff_route, a_new_agent_finds_them)
{
	struct scene s;

	scene_init(&s);
	expect_routes(&s, 1, 1, 0, 4);
	restart(&s.world);
	expect_routes(&s, 1, 0, 0, 4);
	restart(&s.world);
	expect_routes(&s, 0, 0, 1, 0);
	scene_done(&s);
}

/* While not everything is known a route that nobody names stays, and what it decided as well. */
Test(diff_route, kept_with_what_it_decided)
{
	struct want_endpoint routed = { .port = 1, .weight = 1, .chosen = true, .node = "", .zone = "" };
	struct want_endpoint own = { .port = 2, .weight = 1, .chosen = true, .node = "", .zone = "" };
	struct scene s;
	struct plan plan;

	scene_init(&s);
	cr_assert(!addr_parse("10.0.0.1", &routed.address));
	cr_assert(!addr_parse("10.0.0.2", &own.address));
	plan = say(&s, 1, true, (struct want){ .endpoints = &routed, .n_endpoints = 1, .refuse = 7 });
	plan_done(&plan);
	cr_assert_eq(row_of(&s.world, "10.96.0.1")->refuse, 7);
	s.world.keep = true;
	plan = say(&s, 0, true, (struct want){ .endpoints = &own, .n_endpoints = 1 });
	cr_assert(plan_is_empty(&plan));
	plan_done(&plan);
	/* A backend is not there, perhaps because it is in a file that cannot be read. */
	plan = say(&s, 1, true,
		   (struct want){ .endpoints = &own, .n_endpoints = 1, .refuse = 9, .doubtful = true });
	cr_assert(plan_is_empty(&plan));
	plan_done(&plan);
	s.world.keep = false;
	plan = say(&s, 0, true, (struct want){ .endpoints = &own, .n_endpoints = 1 });
	cr_assert_eq(plan.deletes[TABLE_ROUTES].count, 1);
	cr_assert_eq(row_of(&s.world, "10.96.0.1")->refuse, 0);
	plan_done(&plan);
	scene_done(&s);
}
