/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which endpoints take new connections. Rows named "kube: ..." carry the names of kube-proxy's own cases
 * (TestCategorizeEndpoints), as far as they are about traffic from inside the cluster.
 */
#include "plan/choose.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/attr.h"

enum {
	MAX_ENDPOINTS_OF_ROW = 8,
	MAX_HINTS = 4,
};

enum policy {
	CLUSTER = 0,	   /* internalTrafficPolicy: Cluster */
	LOCAL = 1u << 0,   /* internalTrafficPolicy: Local */
	PUBLISH = 1u << 1, /* publishNotReadyAddresses */
};

/*
 * Endpoints are words: a letter for the conditions, "*" if it is on our node (which is called "1"), then hints:
 * "/" and the letters of zones, "@" and the digits of nodes. What is expected has a "+" for each endpoint that
 * takes connections, a "-" for each other.
 */
struct row {
	char name[128];
	unsigned int policy; /* enum policy */
	char node[2];	     /* ours */
	char zone[2];	     /* ours */
	char endpoints[64];
	char expected[MAX_ENDPOINTS_OF_ROW + 1];
	enum chosen outcome;
};

/* By letter of `endpoints`. */
static const struct {
	char letter;
	bool ready, serving, terminating;
} conditions[] = {
	{ 'R', true, true, false },   /* ready */
	{ 'U', false, false, false }, /* unready */
	{ 'P', false, true, false },  /* unready, yet serving: published by someone who says so */
	{ 'S', false, true, true },   /* on its way out, still serving */
	{ 'T', false, false, true },  /* on its way out, no longer serving */
	{ 'B', true, true, true },    /* on its way out, and still called ready */
};

static const struct row rows[] = {
	/* Zone hints. */
	{ "kube: should use topology since all endpoints have hints, node has a zone label and and there are "
	  "endpoints for the node's zone",
	  CLUSTER, "1", "a", "R/a R/b R/c R/a", "+--+", CHOSEN_SOME },
	{ "kube: empty node labels", CLUSTER, "1", "", "R/a", "+", CHOSEN_SOME },
	{ "kube: empty zone label", CLUSTER, "", "", "R/a", "+", CHOSEN_SOME },
	{ "kube: node in different zone, no endpoint filtering", CLUSTER, "1", "b", "R/a", "+", CHOSEN_SOME },
	{ "kube: unready endpoint", CLUSTER, "1", "a", "R/a R/b R/c U/a", "+---", CHOSEN_SOME },
	{ "kube: only unready endpoints in same zone (should not filter)", CLUSTER, "1", "a",
	  "U/a R/b R/c U/a", "-++-", CHOSEN_SOME },
	{ "kube: missing hints, no filtering applied", CLUSTER, "1", "a", "R/a R/b R R/a", "++++",
	  CHOSEN_SOME },
	{ "kube: multiple hints per endpoint, filtering includes any endpoint with zone included", CLUSTER,
	  "1", "c", "R/abc R/bc R/bd R/c", "++-+", CHOSEN_SOME },
	{ "hint missing on an unready endpoint does not count", CLUSTER, "1", "a", "R/a U R/b", "+--",
	  CHOSEN_SOME },
	{ "hint missing on a terminating endpoint does not count", CLUSTER, "1", "a", "R/a S R/b", "+--",
	  CHOSEN_SOME },
	{ "only terminating endpoints in same zone (should not filter)", CLUSTER, "1", "a", "S/a R/b R/c",
	  "-++", CHOSEN_SOME },
	{ "zones are other zones if their case differs", CLUSTER, "1", "a", "R/A R/b", "++", CHOSEN_SOME },
	{ "an endpoint of our node in another zone is not nearer", CLUSTER, "1", "a", "R*/b R/a", "-+",
	  CHOSEN_SOME },

	/* Node hints. */
	{ "kube: PreferSameNode available", CLUSTER, "1", "a", "R/a@1 R/b@2 R/c@3 R/a@4", "+---",
	  CHOSEN_SOME },
	{ "kube: PreferSameNode ignored if some endpoints unhinted", CLUSTER, "1", "a", "R/a@1 R R/c@3 R/a@4",
	  "++++", CHOSEN_SOME },
	{ "kube: PreferSameNode falls back to PreferSameZone if no endpoint for node", CLUSTER, "0", "a",
	  "R/a@1 R/b@2 R/c@3 R/a@4", "+--+", CHOSEN_SOME },
	{ "node hints missing on one, zone hints on all: the zone", CLUSTER, "1", "a", "R/a@1 R/b R/a@4",
	  "+-+", CHOSEN_SOME },
	{ "node hints without zone hints", CLUSTER, "1", "a", "R@1 R@2 R@1", "+-+", CHOSEN_SOME },
	{ "node hints without zone hints and none for our node: all", CLUSTER, "0", "a", "R@1 R@2", "++",
	  CHOSEN_SOME },
	{ "several node hints per endpoint", CLUSTER, "2", "", "R@12 R@3 R@23", "+-+", CHOSEN_SOME },
	{ "only an unready endpoint is hinted for our node: the zone", CLUSTER, "1", "a", "U/a@1 R/b@2 R/a@3",
	  "--+", CHOSEN_SOME },
	{ "node hint missing on an unready endpoint does not count", CLUSTER, "1", "", "R@1 U R@2", "+--",
	  CHOSEN_SOME },
	{ "our node not known: the zone", CLUSTER, "", "a", "R/a@1 R/b@2", "+-", CHOSEN_SOME },
	{ "where an endpoint runs is no hint", CLUSTER, "1", "", "R* R", "++", CHOSEN_SOME },

	/* internalTrafficPolicy: Local. */
	{ "kube: internalTrafficPolicy: Local, topology ignored for Local endpoints", LOCAL, "1", "a",
	  "R*/a R*/b R/c R/a", "++--", CHOSEN_SOME },
	{ "kube: internalTrafficPolicy: Local, with empty endpoints", LOCAL, "1", "", "", "", CHOSEN_NONE },
	{ "kube: internalTrafficPolicy: Local, but all endpoints are remote", LOCAL, "1", "", "R R", "--",
	  CHOSEN_NONE_LOCAL },
	{ "kube: internalTrafficPolicy: Local, all endpoints are local", LOCAL, "1", "", "R* R*", "++",
	  CHOSEN_SOME },
	{ "kube: internalTrafficPolicy: Local, some endpoints are local", LOCAL, "1", "", "R* R", "+-",
	  CHOSEN_SOME },
	{ "kube: iTP: Local, eTP: Cluster, some endpoints local", LOCAL, "1", "", "R* R", "+-", CHOSEN_SOME },
	{ "kube: iTP: Local, eTP: Local, some endpoints local", LOCAL, "1", "", "R* R", "+-", CHOSEN_SOME },
	{ "kube: iTP: Local, eTP: Local, all endpoints remote", LOCAL, "1", "", "R R", "--",
	  CHOSEN_NONE_LOCAL },
	{ "kube: iTP: Local, eTP: Local, all endpoints remote and terminating", LOCAL, "1", "", "S S", "--",
	  CHOSEN_NONE_LOCAL },
	{ "kube: no cluster endpoints for iTP:Local internal-only service", LOCAL, "1", "", "R R*", "-+",
	  CHOSEN_SOME },
	{ "local ones on their way out, ready ones elsewhere: the local ones", LOCAL, "1", "", "R U* S* S",
	  "--+-", CHOSEN_SOME },
	{ "local: a ready one comes before those on their way out", LOCAL, "1", "", "S* R* S*", "-+-",
	  CHOSEN_SOME },
	{ "local: on its way out and no longer serving", LOCAL, "1", "", "T* R", "--", CHOSEN_NONE_LOCAL },
	{ "local: nobody serves anywhere", LOCAL, "1", "", "U* T* U T", "----", CHOSEN_NONE },
	{ "local: topology ignored for those on their way out", LOCAL, "1", "a", "S*/a S*/b S/a", "++-",
	  CHOSEN_SOME },
	{ "local: node hints are ignored too", LOCAL, "1", "a", "R*@2 R@1", "+-", CHOSEN_SOME },
	{ "our node not known: nothing is local", LOCAL, "", "", "R* R", "--", CHOSEN_NONE_LOCAL },

	/* Readiness and termination. */
	{ "kube: Cluster traffic policy, endpoints not Ready", CLUSTER, "1", "", "U U", "--", CHOSEN_NONE },
	{ "kube: Cluster traffic policy, some endpoints are Ready", CLUSTER, "1", "", "U R", "-+",
	  CHOSEN_SOME },
	{ "kube: Cluster traffic policy, all endpoints are terminating", CLUSTER, "1", "", "S* S", "++",
	  CHOSEN_SOME },
	{ "no endpoints", CLUSTER, "1", "a", "", "", CHOSEN_NONE },
	{ "those on their way out wait while there is a ready one", CLUSTER, "1", "", "S R S", "-+-",
	  CHOSEN_SOME },
	{ "on the way out and no longer serving: nobody", CLUSTER, "1", "", "T T", "--", CHOSEN_NONE },
	{ "of those on their way out only the serving", CLUSTER, "1", "", "T S U S", "-+-+", CHOSEN_SOME },
	{ "topology does not count for those on their way out", CLUSTER, "1", "a", "S/a S/b", "++",
	  CHOSEN_SOME },
	{ "node hints do not count for those on their way out", CLUSTER, "1", "", "S@1 S@2", "++",
	  CHOSEN_SOME },
	{ "serving and not ready is not enough without being on the way out", CLUSTER, "1", "", "P P", "--",
	  CHOSEN_NONE },
	{ "called ready while on the way out: not ready", CLUSTER, "1", "", "B R", "-+", CHOSEN_SOME },
	{ "called ready while on the way out, and alone: still serves", CLUSTER, "1", "", "B U", "+-",
	  CHOSEN_SOME },

	/* publishNotReadyAddresses. */
	{ "published: everyone takes connections", PUBLISH, "1", "", "R U P S T B", "++++++", CHOSEN_SOME },
	{ "published: on the way out and not serving", PUBLISH, "1", "", "T", "+", CHOSEN_SOME },
	{ "published: of our node, in whatever state", LOCAL | PUBLISH, "1", "", "U* R T* S", "+-+-",
	  CHOSEN_SOME },
	{ "published: none of our node, unready elsewhere", LOCAL | PUBLISH, "1", "", "U T", "--",
	  CHOSEN_NONE_LOCAL },
	{ "published: hints of unready endpoints count", PUBLISH, "1", "a", "U/a R/b", "+-", CHOSEN_SOME },
	{ "published: a hint missing on an unready endpoint counts", PUBLISH, "1", "a", "R/a U R/b", "+++",
	  CHOSEN_SOME },
};

/* What the pointers of an endpoint lead to. */
struct names {
	char zones[MAX_HINTS][2], nodes[MAX_HINTS][2];
	char *zone_list[MAX_HINTS], *node_list[MAX_HINTS];
	struct hints hints;
};

static const char *read_hints(const char *text, char sign, char names[][2], char **list, size_t *count)
{
	if (*text != sign)
		return text;
	for (text++; *text && !strchr(" /@", *text); text++) {
		cr_assert_lt(*count, (size_t)MAX_HINTS);
		names[*count][0] = *text;
		list[*count] = names[*count];
		++*count;
	}
	return text;
}

static const char *read_endpoint(const char *text, struct endpoint *endpoint, struct names *names)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(conditions) && conditions[i].letter != *text; i++)
		;
	cr_assert_lt(i, ARRAY_LEN(conditions), "no conditions are called '%c'", *text);
	*endpoint = (struct endpoint){
		.ready = conditions[i].ready,
		.serving = conditions[i].serving,
		.terminating = conditions[i].terminating,
		.node = *++text == '*' ? "1" : "",
		.zone = "",
	};
	names->hints = (struct hints){ .zones = names->zone_list, .nodes = names->node_list };
	text += *text == '*';
	text = read_hints(text, '/', names->zones, names->zone_list, &names->hints.n_zones);
	text = read_hints(text, '@', names->nodes, names->node_list, &names->hints.n_nodes);
	if (names->hints.n_zones || names->hints.n_nodes)
		endpoint->hints = &names->hints;
	cr_assert(!*text || *text == ' ', "what is \"%s\"?", text);
	return text + (*text == ' ');
}

ParameterizedTestParameters(choose, endpoints)
{
	return cr_make_param_array(struct row, (struct row *)rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, choose, endpoints)
{
	struct names names[MAX_ENDPOINTS_OF_ROW] = { 0 };
	struct endpoint endpoints[MAX_ENDPOINTS_OF_ROW];
	struct candidate candidates[MAX_ENDPOINTS_OF_ROW];
	const struct choose_policy policy = {
		.local_only = row->policy & LOCAL,
		.publish_not_ready = row->policy & PUBLISH,
		.node = row->node,
		.zone = row->zone,
	};
	char actual[MAX_ENDPOINTS_OF_ROW + 1] = "";
	enum chosen outcome;
	size_t count = 0;

	for (const char *text = row->endpoints; *text; count++) {
		cr_assert_lt(count, (size_t)MAX_ENDPOINTS_OF_ROW);
		text = read_endpoint(text, &endpoints[count], &names[count]);
		/* What was chosen before must not matter. */
		candidates[count] = (struct candidate){ &endpoints[count], count % 2 };
	}
	outcome = choose_endpoints(&policy, candidates, count);
	for (size_t i = 0; i < count; i++)
		actual[i] = candidates[i].chosen ? '+' : '-';
	cr_expect_str_eq(actual, row->expected, "%s: of \"%s\" chose %s, not %s", row->name, row->endpoints,
			 actual, row->expected);
	cr_expect_eq(outcome, row->outcome, "%s: outcome %d, not %d", row->name, outcome, row->outcome);
}

Test(choose, ready_as_the_service_means_it)
{
	for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
		const struct endpoint endpoint = {
			.ready = conditions[i].ready,
			.serving = conditions[i].serving,
			.terminating = conditions[i].terminating,
		};

		cr_expect_eq(endpoint_is_ready(&endpoint, false), conditions[i].letter == 'R', "%c",
			     conditions[i].letter);
		cr_expect(endpoint_is_ready(&endpoint, true), "%c", conditions[i].letter);
	}
}
