/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From objects to wants: which endpoints stand behind which address and port. */
#include <netinet/in.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/addr.h"
#include "base/attr.h"
#include "plan/view.h"

static struct addr address(const char *text)
{
	struct addr parsed;

	cr_assert(!addr_parse(text, &parsed), "%s", text);
	return parsed;
}

/* A ready endpoint on a node. */
static struct endpoint ready(const char *text, const char *node)
{
	return (struct endpoint){
		.address = address(text),
		.ready = true,
		.serving = true,
		.node = (char *)node,
		.zone = "",
	};
}

/* The service of most tests: web, 10.96.0.1 and fd00:96::1, http 80/TCP. */
struct scene {
	struct service_port ports[2];
	struct slice_port slice_ports[2];
	struct endpoint endpoints[2][4];
	struct object service, slices[2];
	const struct object *list[2];
	struct model_service model;
	struct vantage vantage;
};

static void scene_init(struct scene *s)
{
	*s = (struct scene){
		.ports = { { "http", 80, IPPROTO_TCP } },
		.slice_ports = { { "http", 8080, IPPROTO_TCP } },
		.service = { .kind = OBJECT_SERVICE, .namespace = "default", .name = "web", .place = "" },
		.vantage = { "n1", "z1" },
	};
	s->service.service = (struct service){
		.cluster_ips = { address("10.96.0.1"), address("fd00:96::1") },
		.n_cluster_ips = 1,
		.ports = s->ports,
		.n_ports = 1,
	};
	for (int i = 0; i < 2; i++) {
		s->slices[i] = (struct object){ .kind = OBJECT_SLICE, .namespace = "default", .place = "" };
		s->slices[i].slice = (struct slice){
			.service = "web",
			.weight = 1,
			.ports = s->slice_ports,
			.n_ports = 1,
			.endpoints = s->endpoints[i],
		};
		s->list[i] = &s->slices[i];
	}
	s->model = (struct model_service){
		.namespace = "default",
		.name = "web",
		.service = &s->service,
		.slices = s->list,
		.n_slices = 2,
	};
}

static void add(struct scene *s, int slice, struct endpoint endpoint)
{
	s->endpoints[slice][s->slices[slice].slice.n_endpoints++] = endpoint;
}

static struct wants build(struct scene *s)
{
	struct wants wants;

	cr_assert(!view_build(NULL, &s->model, &s->vantage, &wants));
	return wants;
}

/* The endpoints of a want as "address:port+", in order; "+" marks those that take connections. */
static void assert_endpoints(const struct want *want, const char *expected)
{
	char text[512] = "", one[ADDR_TEXT];

	for (size_t i = 0; i < want->n_endpoints; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s:%u%s", i ? " " : "",
			 addr_print(&want->endpoints[i].address, one), want->endpoints[i].port,
			 want->endpoints[i].chosen ? "+" : "");
	cr_assert_str_eq(text, expected, "is '%s', expected '%s'", text, expected);
}

Test(view, endpoints_of_all_slices_sorted)
{
	struct scene s;
	struct wants wants;

	scene_init(&s);
	add(&s, 0, ready("10.0.0.3", "n1"));
	add(&s, 1, ready("10.0.0.1", "n2"));
	add(&s, 0, ready("10.0.0.2", "n1"));
	wants = build(&s);
	cr_assert_eq(wants.count, 1);
	cr_assert_eq(wants.items[0].key.port, 80);
	cr_assert_eq(wants.items[0].key.protocol, IPPROTO_TCP);
	assert_endpoints(&wants.items[0], "10.0.0.1:8080+ 10.0.0.2:8080+ 10.0.0.3:8080+");
	wants_done(&wants);
}

Test(view, families_are_not_mixed)
{
	struct scene s;
	struct wants wants;

	scene_init(&s);
	s.service.service.n_cluster_ips = 2;
	s.slices[1].slice.v6 = true;
	add(&s, 0, ready("10.0.0.1", "n1"));
	add(&s, 1, ready("fd00::1", "n1"));
	wants = build(&s);
	cr_assert_eq(wants.count, 2);
	assert_endpoints(&wants.items[0], "10.0.0.1:8080+");
	assert_endpoints(&wants.items[1], "fd00::1:8080+");
	wants_done(&wants);
}

Test(view, ports_pair_by_name_and_protocol)
{
	struct scene s;
	struct wants wants;

	scene_init(&s);
	s.ports[1] = (struct service_port){ "dns", 53, IPPROTO_UDP };
	s.service.service.n_ports = 2;
	s.slice_ports[1] = (struct slice_port){ "dns", 5353, IPPROTO_UDP };
	s.slices[0].slice.n_ports = 2;
	add(&s, 0, ready("10.0.0.1", "n1"));
	add(&s, 1, ready("10.0.0.2", "n1")); /* its slice has no port dns */
	wants = build(&s);
	assert_endpoints(&wants.items[0], "10.0.0.1:8080+ 10.0.0.2:8080+");
	assert_endpoints(&wants.items[1], "10.0.0.1:5353+");
	wants_done(&wants);
}

Test(view, port_without_a_number_is_skipped)
{
	struct scene s;
	struct wants wants;

	scene_init(&s);
	s.slice_ports[0].port = 0;
	add(&s, 0, ready("10.0.0.1", "n1"));
	wants = build(&s);
	assert_endpoints(&wants.items[0], "");
	wants_done(&wants);
}

Test(view, endpoint_in_two_slices_counts_once_the_local_copy_first)
{
	struct scene s;
	struct wants wants;

	scene_init(&s);
	add(&s, 0, ready("10.0.0.1", "n2"));
	add(&s, 1, ready("10.0.0.1", "n1"));
	wants = build(&s);
	assert_endpoints(&wants.items[0], "10.0.0.1:8080+");
	cr_assert_str_eq(wants.items[0].endpoints[0].node, "n1");
	wants_done(&wants);
}

Test(view, of_two_copies_the_ready_one_counts)
{
	struct scene s;
	struct endpoint old = ready("10.0.0.1", "n2");
	struct wants wants;

	scene_init(&s);
	old.ready = false;
	old.terminating = true;
	add(&s, 0, old);
	add(&s, 1, ready("10.0.0.1", "n2"));
	wants = build(&s);
	assert_endpoints(&wants.items[0], "10.0.0.1:8080+");
	wants_done(&wants);
}

Test(view, terminating_endpoint_keeps_what_it_has_and_takes_nothing_new)
{
	struct scene s;
	struct endpoint leaving = ready("10.0.0.2", "n1");
	struct wants wants;

	scene_init(&s);
	leaving.ready = false;
	leaving.terminating = true;
	add(&s, 0, ready("10.0.0.1", "n1"));
	add(&s, 0, leaving);
	wants = build(&s);
	assert_endpoints(&wants.items[0], "10.0.0.1:8080+ 10.0.0.2:8080");
	cr_assert_eq(wants.items[0].endpoints[1].state, MEMBER_TERMINATING);
	cr_assert(wants.items[0].endpoints[1].serving);
	wants_done(&wants);
}

Test(view, endpoints_of_this_node_are_local)
{
	struct scene s;
	struct wants wants;

	scene_init(&s);
	add(&s, 0, ready("10.0.0.1", "n1"));
	add(&s, 0, ready("10.0.0.2", "n2"));
	add(&s, 0, ready("10.0.0.3", ""));
	wants = build(&s);
	cr_expect(wants.items[0].endpoints[0].local);
	cr_expect_not(wants.items[0].endpoints[1].local);
	cr_expect_not(wants.items[0].endpoints[2].local);
	wants_done(&wants);
	/* A node that is not known is nobody's. */
	s.vantage.node = "";
	wants = build(&s);
	for (size_t i = 0; i < wants.items[0].n_endpoints; i++)
		cr_expect_not(wants.items[0].endpoints[i].local, "%zu", i);
	wants_done(&wants);
}

Test(view, weight_zero_takes_nothing_new_unless_all_have_it)
{
	struct scene s;
	struct wants wants;

	scene_init(&s);
	add(&s, 0, ready("10.0.0.1", "n1"));
	add(&s, 1, ready("10.0.0.2", "n1"));
	s.slices[1].slice.weight = 0;
	wants = build(&s);
	assert_endpoints(&wants.items[0], "10.0.0.1:8080+ 10.0.0.2:8080");
	wants_done(&wants);
	s.slices[0].slice.weight = 0;
	wants = build(&s);
	assert_endpoints(&wants.items[0], "10.0.0.1:8080+ 10.0.0.2:8080+");
	wants_done(&wants);
}

Test(view, local_policy_without_local_endpoints_says_so)
{
	struct scene s;
	struct wants wants;

	scene_init(&s);
	s.service.service.local_only = true;
	add(&s, 0, ready("10.0.0.1", "n2"));
	wants = build(&s);
	assert_endpoints(&wants.items[0], "10.0.0.1:8080");
	cr_assert_eq(wants.items[0].flags, SERVICE_NO_LOCAL);
	wants_done(&wants);
	s.slices[0].slice.n_endpoints = 0;
	wants = build(&s);
	cr_assert_eq(wants.items[0].flags, 0, "a service without any endpoint is just empty");
	wants_done(&wants);
}

Test(view, affinity_carries_its_timeout)
{
	struct scene s;
	struct wants wants;

	scene_init(&s);
	s.service.service.affinity = true;
	s.service.service.affinity_s = 77;
	wants = build(&s);
	cr_assert_eq(wants.items[0].flags, SERVICE_AFFINITY);
	cr_assert_eq(wants.items[0].affinity_s, 77);
	wants_done(&wants);
}

Test(view, measured_if_asked_for_or_needed)
{
	static const struct {
		enum algorithm algorithm;
		bool measured, affinity;
		uint32_t flags;
	} rows[] = {
		{ ALGORITHM_RANDOM, false, false, 0 },
		{ ALGORITHM_RANDOM, true, false, SERVICE_MEASURED },
		{ ALGORITHM_LEAST_CONN, false, false, 0 },
		{ ALGORITHM_EWMA, false, false, SERVICE_MEASURED },
		{ ALGORITHM_EWMA, true, false, SERVICE_MEASURED },
		{ ALGORITHM_EWMA, false, true, SERVICE_MEASURED | SERVICE_AFFINITY },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		struct wants wants;

		scene_init(&s);
		s.service.service.algorithm = rows[i].algorithm;
		s.service.service.measured = rows[i].measured;
		s.service.service.affinity = rows[i].affinity;
		wants = build(&s);
		cr_expect_eq(wants.items[0].algorithm, rows[i].algorithm, "row %zu", i);
		cr_expect_eq(wants.items[0].flags, rows[i].flags, "row %zu: %u", i, wants.items[0].flags);
		wants_done(&wants);
	}
}

Test(view, splice_is_for_tcp)
{
	static const struct {
		enum splice_mode mode;
		uint32_t flags; /* of the TCP port */
	} rows[] = {
		{ SPLICE_MODE_OFF, 0 },
		{ SPLICE_MODE_AUTO, SERVICE_SPLICE },
		{ SPLICE_MODE_ON, SERVICE_SPLICE_FORCED },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scene s;
		struct wants wants;

		scene_init(&s);
		s.service.service.splice = rows[i].mode;
		wants = build(&s);
		cr_expect_eq(wants.items[0].flags, rows[i].flags, "row %zu: %u", i, wants.items[0].flags);
		wants_done(&wants);
		s.service.service.ports[0].protocol = IPPROTO_UDP;
		wants = build(&s);
		cr_expect_eq(wants.items[0].flags, 0, "row %zu, UDP: %u", i, wants.items[0].flags);
		wants_done(&wants);
	}
}

Test(view, knobs_are_carried_to_every_address)
{
	const struct health_knobs health = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct scene s;
	struct wants wants;

	scene_init(&s);
	s.service.service.n_cluster_ips = 2;
	s.service.service.decay_ms = 8;
	s.service.service.health = health;
	wants = build(&s);
	cr_assert_eq(wants.count, 2);
	for (size_t i = 0; i < wants.count; i++) {
		cr_expect_eq(wants.items[i].decay_ms, 8);
		cr_expect_not(memcmp(&wants.items[i].health, &health, sizeof(health)));
	}
	wants_done(&wants);
}

Test(view, pods_of_one_address_differ)
{
	struct scene s;
	struct endpoint one = ready("10.0.0.1", "n1"), other = ready("10.0.0.2", "n1");
	struct wants wants;

	scene_init(&s);
	one.pod = 42;
	add(&s, 0, one);
	add(&s, 0, other);
	wants = build(&s);
	cr_assert_eq(wants.items[0].endpoints[0].pod, 42);
	cr_assert_eq(wants.items[0].endpoints[1].pod, 0);
	wants_done(&wants);
}

Test(view, service_that_is_gone_or_ignored_wants_nothing)
{
	struct scene s;
	struct wants wants;

	scene_init(&s);
	add(&s, 0, ready("10.0.0.1", "n1"));
	s.service.service.ignored = "headless";
	wants = build(&s);
	cr_assert_eq(wants.count, 0);
	wants_done(&wants);
	s.model.service = NULL;
	wants = build(&s);
	cr_assert_eq(wants.count, 0);
	wants_done(&wants);
}
