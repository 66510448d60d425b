/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TCPRoutes from their text to the endpoints of their parents, and to what is said of them. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/addr.h"
#include "base/text.h"
#include "model/model.h"
#include "plan/view.h"
#include "source/parse.h"
#include "watch/route.h"

#define SERVICE(name, spec)                                                                                  \
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: " name "}\nspec: {clusterIP: " spec "}\n"
#define SLICE(namespace, service, endpoints)                                                                 \
	"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: " service             \
	"-1\n  namespace: " namespace "\n  labels: {kubernetes.io/service-name: " service "}\n"              \
				      "addressType: IPv4\nports: [{name: http, port: 8080}]\nendpoints: "    \
				      "[" endpoints "]\n"
#define READY(address) "{addresses: [" address "]}, "
#define ON(address, node) "{addresses: [" address "], nodeName: " node "}, "
#define ROUTE(meta, parent, backends)                                                                        \
	"---\napiVersion: gateway.networking.k8s.io/v1alpha2\nkind: TCPRoute\nmetadata: {" meta "}\n"        \
	"spec:\n  parentRefs: [{group: \"\", kind: Service, " parent "}]\n"                                  \
	"  rules: [{backendRefs: [" backends "]}]\n"
#define PORTS "ports: [{name: http, port: 80}]"

/* web with an endpoint of its own, and three backends of one, two and no endpoints. */
static const char services[] = SERVICE("web", "10.96.0.1, " PORTS) SLICE("default", "web", READY("10.0.0.1"))
	SERVICE("v1", "10.96.0.2, " PORTS) SLICE("default", "v1", READY("10.0.1.1"))
		SERVICE("v2", "10.96.0.3, " PORTS) SLICE("default", "v2", READY("10.0.2.1") READY("10.0.2.2"))
			SERVICE("none", "10.96.0.4, " PORTS) SERVICE("headless", "None, " PORTS);

static const struct vantage vantage = { "n1", "z1" };

static void says(struct model *model, const char *origin, const char *text)
{
	struct parsed parsed = { 0 };
	struct why why = { "" };

	cr_assert(!parse_text(origin, TREE_YAML, text, strlen(text), &why, &parsed), "%s", why.text);
	cr_assert(!model_replace(model, origin, &parsed.objects, NULL, NULL));
	parsed_done(&parsed);
}

static struct model *world(const char *routes)
{
	struct model *model;

	cr_assert(!model_new(&model));
	says(model, "services", services);
	says(model, "routes", routes);
	return model;
}

static struct wants build(struct model *model, const char *name)
{
	struct model_service service;
	struct wants wants;

	cr_assert(model_find(model, "default", name, &service), "%s is not there", name);
	cr_assert(!view_build(model, &service, &vantage, &wants));
	return wants;
}

/* The endpoints of a want that are chosen as "address*weight", then "refuse" and the share in percent. */
static void assert_want(const struct want *want, const char *expected)
{
	char text[512] = "", one[ADDR_TEXT];

	for (size_t i = 0; i < want->n_endpoints; i++) {
		if (want->endpoints[i].chosen)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s*%u ",
				 addr_print(&want->endpoints[i].address, one), want->endpoints[i].weight);
	}
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "refuse %.0f%%",
		 want->refuse / 42949672.96);
	cr_assert_str_eq(text, expected, "is '%s', not '%s'", text, expected);
}

/* "name: accepted [resolved of each backend]", for each route of the service. */
static void assert_routes(const struct wants *wants, const char *expected)
{
	char text[1024] = "";

	for (size_t i = 0; i < wants->n_routes; i++) {
		const struct want_route *route = &wants->routes[i];
		size_t length = strlen(text);

		length += snprintf(text + length, sizeof(text) - length, "%s%s: %s [", i ? "; " : "",
				   route->route->name, route_accepted_reason(route->accepted));
		for (size_t j = 0; j < route->n_backends; j++)
			length += snprintf(text + length, sizeof(text) - length, "%s%s/%u", j ? " " : "",
					   backend_resolved_reason(route->backends[j].resolved),
					   route->backends[j].endpoints);
		snprintf(text + length, sizeof(text) - length, "]");
	}
	cr_assert_str_eq(text, expected, "is '%s', not '%s'", text, expected);
}

/* One service `name`, with these routes: what becomes of its first want, and of the routes. */
static void expect(const char *routes, const char *name, const char *want, const char *said)
{
	struct model *model = world(routes);
	struct wants wants = build(model, name);

	if (want) {
		cr_assert_eq(wants.count, 1);
		assert_want(&wants.items[0], want);
	}
	assert_routes(&wants, said);
	wants_done(&wants);
	model_free(model);
}

Test(gateway, without_a_route_its_own_endpoints)
{
	expect("", "web", "10.0.0.1*1 refuse 0%", "");
}

Test(gateway, shares_by_weight)
{
	expect(ROUTE("name: r", "name: web, port: 80",
		     "{name: v1, port: 80, weight: 80}, {name: v2, port: 80, weight: 20}"),
	       "web", "10.0.1.1*8 10.0.2.1*1 10.0.2.2*1 refuse 0%",
	       "r: Accepted [ResolvedRefs/1 ResolvedRefs/2]");
}

Test(gateway, all_ports_and_ports_by_name)
{
	expect(ROUTE("name: r", "name: web", "{name: v1, port: 80}"), "web", "10.0.1.1*1 refuse 0%",
	       "r: Accepted [ResolvedRefs/1]");
	expect(ROUTE("name: r", "name: web, sectionName: http", "{name: v1, port: 80}"), "web",
	       "10.0.1.1*1 refuse 0%", "r: Accepted [ResolvedRefs/1]");
	expect(ROUTE("name: r", "name: web, sectionName: https", "{name: v1, port: 80}"), "web",
	       "10.0.0.1*1 refuse 0%", "r: NoMatchingParent [ResolvedRefs/1]");
}

Test(gateway, backends_that_cannot_be_used_are_refused)
{
	expect(ROUTE("name: r", "name: web",
		     "{name: v1, port: 80, weight: 50}, {name: gone, port: 80, weight: 10}, {name: v1, port: "
		     "81, "
		     "weight: 10}, {name: none, port: 80, weight: 10}, {name: headless, port: 80, weight: "
		     "10}, "
		     "{group: example.com, kind: Thing, name: a, weight: 10}"),
	       "web", "10.0.1.1*1 refuse 50%",
	       "r: Accepted [ResolvedRefs/1 BackendNotFound/0 BackendNotFound/0 ResolvedRefs/0 "
	       "UnsupportedValue/0 InvalidKind/0]");
	expect(ROUTE("name: r", "name: web", "{name: v1, port: 80, weight: 0}"), "web", "refuse 0%",
	       "r: Accepted [ResolvedRefs/1]");
	expect(ROUTE("name: r", "name: web", ""), "web", "refuse 0%", "r: Accepted []");
}

Test(gateway, parents_that_do_not_match)
{
	expect(ROUTE("name: r", "name: web, port: 81", "{name: v1, port: 80}"), "web", "10.0.0.1*1 refuse 0%",
	       "r: NoMatchingParent [ResolvedRefs/1]");
	expect(ROUTE("name: r", "name: gone", "{name: v1, port: 80}"), "gone", NULL,
	       "r: NoMatchingParent [ResolvedRefs/1]");
	expect(ROUTE("name: r", "name: headless", "{name: v1, port: 80}"), "headless", NULL,
	       "r: NoMatchingParent [ResolvedRefs/1]");
}

Test(gateway, routes_of_consumers_are_not_supported)
{
	expect(ROUTE("name: r, namespace: far", "name: web, namespace: default", "{name: v1, port: 80}"),
	       "web", "10.0.0.1*1 refuse 0%", "r: UnsupportedValue [BackendNotFound/0]");
}

Test(gateway, several_rules_are_not_supported)
{
	expect("apiVersion: gateway.networking.k8s.io/v1\nkind: TCPRoute\nmetadata: {name: r}\n"
	       "spec:\n  parentRefs: [{group: \"\", kind: Service, name: web}]\n"
	       "  rules: [{backendRefs: [{name: v1, port: 80}]}, {backendRefs: [{name: v2, port: 80}]}]\n",
	       "web", "10.0.0.1*1 refuse 0%", "r: UnsupportedValue [ResolvedRefs/1]");
}

#define CREATED(day) "creationTimestamp: \"2024-05-" day "T12:00:00Z\""

Test(gateway, the_older_route_wins_then_the_name)
{
	expect(ROUTE("name: a, " CREATED("02"), "name: web", "{name: v2, port: 80}")
		       ROUTE("name: b, " CREATED("01"), "name: web", "{name: v1, port: 80}"),
	       "web", "10.0.1.1*1 refuse 0%", "b: Accepted [ResolvedRefs/1]; a: Conflicted [ResolvedRefs/2]");
	expect(ROUTE("name: b, " CREATED("01"), "name: web", "{name: v2, port: 80}")
		       ROUTE("name: a, " CREATED("01"), "name: web", "{name: v1, port: 80}"),
	       "web", "10.0.1.1*1 refuse 0%", "a: Accepted [ResolvedRefs/1]; b: Conflicted [ResolvedRefs/2]");
	/* One that no cluster has created is the youngest. */
	expect(ROUTE("name: a", "name: web", "{name: v2, port: 80}")
		       ROUTE("name: b, " CREATED("31"), "name: web", "{name: v1, port: 80}"),
	       "web", "10.0.1.1*1 refuse 0%", "b: Accepted [ResolvedRefs/1]; a: Conflicted [ResolvedRefs/2]");
}

/* One that is not in force conflicts with nobody. */
Test(gateway, an_older_route_that_does_not_match_wins_nothing)
{
	expect(ROUTE("name: a, " CREATED("01"), "name: web, port: 81", "{name: v2, port: 80}")
		       ROUTE("name: b, " CREATED("02"), "name: web", "{name: v1, port: 80}"),
	       "web", "10.0.1.1*1 refuse 0%",
	       "a: NoMatchingParent [ResolvedRefs/2]; b: Accepted [ResolvedRefs/1]");
}

Test(gateway, ports_are_shared_out_among_routes)
{
	struct model *model = world(
		SERVICE("two",
			"10.96.0.9, ports: [{name: http, port: 80}, {name: https, port: 443}, {name: dns, "
			"port: 53, protocol: UDP}]")
			ROUTE("name: one, " CREATED("01"), "name: two, port: 443", "{name: v1, port: 80}")
				ROUTE("name: all, " CREATED("02"), "name: two", "{name: v2, port: 80}"));
	struct wants wants = build(model, "two");

	cr_assert_eq(wants.count, 3);
	assert_want(&wants.items[0], "10.0.2.1*1 10.0.2.2*1 refuse 0%");
	assert_want(&wants.items[1], "10.0.1.1*1 refuse 0%");
	assert_want(&wants.items[2], "refuse 0%");
	assert_routes(&wants, "one: Accepted [ResolvedRefs/1]; all: Accepted [ResolvedRefs/2]");
	cr_assert_str_eq(wants.routes[1].winner->name, "one");
	wants_done(&wants);
	model_free(model);
}

#define FAR                                                                                                  \
	"---\napiVersion: v1\nkind: Service\nmetadata: {name: v3, namespace: far}\n"                         \
	"spec: {clusterIP: 10.96.0.8, " PORTS "}\n" SLICE("far", "v3", READY("10.0.3.1"))                    \
		ROUTE("name: r", "name: web", "{name: v3, namespace: far, port: 80}, {name: v1, port: 80}")
#define GRANT(from, to)                                                                                      \
	"---\napiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\n"                         \
	"metadata: {name: g, namespace: far}\nspec:\n"                                                       \
	"  from: [{group: gateway.networking.k8s.io, kind: TCPRoute, namespace: " from "}]\n"                \
	"  to: [{group: \"\", kind: Service" to "}]\n"

Test(gateway, other_namespaces_have_to_grant_it)
{
	static const char refused[] = "r: Accepted [RefNotPermitted/0 ResolvedRefs/1]";
	static const char granted[] = "r: Accepted [ResolvedRefs/1 ResolvedRefs/1]";

	expect(FAR, "web", "10.0.1.1*1 refuse 50%", refused);
	expect(FAR GRANT("other", ""), "web", "10.0.1.1*1 refuse 50%", refused);
	expect(FAR GRANT("default", ", name: v4"), "web", "10.0.1.1*1 refuse 50%", refused);
	expect(FAR GRANT("default", ", name: v3"), "web", "10.0.1.1*1 10.0.3.1*1 refuse 0%", granted);
	expect(FAR GRANT("default", ""), "web", "10.0.1.1*1 10.0.3.1*1 refuse 0%", granted);
}

/* What a backend itself would not send this node's clients to, its share does not go to either. */
Test(gateway, policies_of_a_backend_hold_for_its_share)
{
	struct model *model =
		world("---\napiVersion: v1\nkind: Service\nmetadata: {name: local}\n"
		      "spec: {clusterIP: 10.96.0.7, internalTrafficPolicy: Local, " PORTS
		      "}\n" SLICE("default", "local", ON("10.0.4.1", "n1") ON("10.0.4.2", "n2"))
			      ROUTE("name: r", "name: web", "{name: local, port: 80}, {name: v2, port: 80}"));
	struct wants wants = build(model, "web");

	assert_want(&wants.items[0], "10.0.2.1*1 10.0.2.2*1 10.0.4.1*2 refuse 0%");
	cr_assert_eq(wants.items[0].n_endpoints, 4);
	wants_done(&wants);
	model_free(model);
}

Test(gateway, annotations_are_those_of_the_parent)
{
	struct model *model = world(
		"---\napiVersion: v1\nkind: Service\nmetadata: {name: tuned, annotations: {weft.dev/lb: "
		"least_conn, weft.dev/consecutive-failures: \"7\"}}\nspec: {clusterIP: 10.96.0.9, " PORTS
		", sessionAffinity: ClientIP}\n" ROUTE("name: r", "name: tuned", "{name: v1, port: 80}"));
	struct wants wants = build(model, "tuned");

	cr_assert_eq(wants.items[0].algorithm, ALGORITHM_LEAST_CONN);
	cr_assert_eq(wants.items[0].health.eject_failures, 7);
	cr_assert(wants.items[0].flags & SERVICE_AFFINITY);
	wants_done(&wants);
	model_free(model);
}

/* ---- which services must be looked at again ---- */

static void assert_dirty(struct model *model, const char *expected)
{
	struct model_service service;
	char text[256] = "";

	while (model_next_dirty(model, &service))
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", *text ? " " : "",
			 service.name);
	cr_assert_str_eq(text, expected, "dirty are '%s', not '%s'", text, expected);
}

static void clean(struct model *model)
{
	struct model_service service;

	while (model_next_dirty(model, &service))
		;
}

Test(gateway, parents_are_looked_at_again)
{
	static const char route[] =
		ROUTE("name: r", "name: web", "{name: v1, port: 80}, {name: v9, port: 80}");
	struct model *model = world(route);

	clean(model);
	says(model, "routes", route);
	assert_dirty(model, "");
	says(model, "more", SLICE("other", "v1", READY("10.0.9.9")));
	assert_dirty(model, "v1");
	/* A backend that comes, changes, goes. */
	says(model, "v9", SERVICE("v9", "10.96.0.9, " PORTS));
	assert_dirty(model, "v9 web");
	says(model, "v9", SERVICE("v9", "10.96.0.9, ports: [{port: 81}]"));
	assert_dirty(model, "v9 web");
	says(model, "v9", "");
	assert_dirty(model, "v9 web");
	/* The route itself, which moves to another parent and goes. */
	says(model, "routes", ROUTE("name: r", "name: v2", "{name: v1, port: 80}"));
	assert_dirty(model, "web v2");
	says(model, "v9", SERVICE("v9", "10.96.0.9, " PORTS));
	assert_dirty(model, "v9");
	says(model, "grant", GRANT("default", ""));
	assert_dirty(model, "v2");
	says(model, "grant", "");
	assert_dirty(model, "v2");
	says(model, "routes", "");
	assert_dirty(model, "v2");
	says(model, "v9", "");
	assert_dirty(model, "v9");
	model_free(model);
}

/* Of a route that stands twice the first counts; the other takes its place when it goes. */
Test(gateway, a_route_that_waits_comes_into_force)
{
	struct model *model = world(ROUTE("name: r", "name: web", "{name: v1, port: 80}"));
	struct wants wants;

	says(model, "second", ROUTE("name: r", "name: web", "{name: v2, port: 80}"));
	clean(model);
	says(model, "routes", "");
	assert_dirty(model, "web");
	wants = build(model, "web");
	assert_want(&wants.items[0], "10.0.2.1*1 10.0.2.2*1 refuse 0%");
	wants_done(&wants);
	model_free(model);
}

/* ---- words ---- */

static void assert_explained(struct route_row row, const char *expected)
{
	struct named_route route = {
		.row = &row,
		.name = "a/r",
		.parent = "a/web",
		.winner = row.winner ? "a/old" : "",
		.backends = { "a/v1", "a/v2" },
	};
	char *text = NULL;
	size_t length;
	FILE *to = open_memstream(&text, &length);

	route_explain(&route, to);
	fclose(to);
	cr_expect_str_eq(text, expected, "says '%s', not '%s'", text, expected);
	free(text);
}

Test(gateway, routes_are_explained)
{
	const struct route_backend fine = { .weight = 1, .endpoints = 2, .port = 80 };
	const struct route_backend empty = { .weight = 1, .port = 80 };
	const struct route_backend gone = { .weight = 1, .port = 80, .resolved = BACKEND_NO_SERVICE };
	const struct route_backend idle = { .weight = 0, .port = 80, .resolved = BACKEND_NO_PORT };

	assert_explained((struct route_row){ .n_backends = 1, .backends = { fine } }, "");
	assert_explained((struct route_row){ .n_backends = 2, .backends = { gone, empty } },
			 "there is no Service a/v1: its share of connections is refused; "
			 "Service a/v2 has no endpoints: its share of connections is refused");
	assert_explained((struct route_row){ .n_backends = 1, .backends = { idle } },
			 "Service a/v1 has no TCP port 80");
	assert_explained((struct route_row){ .accepted = ROUTE_NO_PORT, .port = 81 },
			 "Service a/web has no TCP port 81 that the route names");
	assert_explained(
		(struct route_row){ .accepted = ROUTE_NO_PARENT, .n_backends = 1, .backends = { gone } },
		"there is no Service a/web; there is no Service a/v1");
	assert_explained((struct route_row){ .accepted = ROUTE_CONFLICTED, .winner = 1 },
			 "TCPRoute a/old is older and decides of the same ports");
	assert_explained((struct route_row){ .winner = 1 },
			 "TCPRoute a/old is older and decides of the ports that both name");
}
