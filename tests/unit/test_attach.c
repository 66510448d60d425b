/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From interfaces that are watched to those that should be: which steps, in which order. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/addr.h"
#include "base/attr.h"
#include "plan/attach.h"

/* "5 v4 10.0.0.1 10.0.0.2; 6"; `born` is given to all. */
static struct pod_links make(const char *text, uint64_t born)
{
	struct pod_links links = { 0 };
	char *copy = strdup(text), *rest_of_lines = NULL;

	for (char *line = strtok_r(copy, ";", &rest_of_lines); line;
	     line = strtok_r(NULL, ";", &rest_of_lines)) {
		char *rest = NULL, *word = strtok_r(line, " ", &rest);
		struct pod_link *link = pod_links_add(&links, atoi(word));
		struct addr address;

		link->born = born;
		while ((word = strtok_r(NULL, " ", &rest))) {
			if (!strcmp(word, "v4"))
				link->row.flags |= INTERFACE_GUARDED_V4;
			else if (!addr_parse(word, &address))
				cr_assert(!pod_link_add_address(link, &address));
		}
	}
	free(copy);
	pod_links_sort(&links);
	return links;
}

static void print(const struct attach_plan *plan, char *ret, size_t size)
{
	static const char *const names[] = {
		[STEP_ADD_SOURCE] = "+",  [STEP_PUT_ROW] = "put",	[STEP_ATTACH] = "attach",
		[STEP_DETACH] = "detach", [STEP_DELETE_ROW] = "delete", [STEP_DELETE_SOURCE] = "-",
	};
	FILE *to = fmemopen(ret, size, "w");
	char address[ADDR_TEXT];

	for (size_t i = 0; i < plan->count; i++) {
		const struct attach_step *step = &plan->steps[i];

		fprintf(to, "%s%s %u", i ? ", " : "", names[step->kind], step->index);
		if (step->kind == STEP_ADD_SOURCE || step->kind == STEP_DELETE_SOURCE)
			fprintf(to, " %s", addr_print(&step->source, address));
		if (step->kind == STEP_PUT_ROW && step->row.flags)
			fprintf(to, " v4");
	}
	fclose(to);
}

static const struct {
	const char *what, *present;
	uint64_t born;
	const char *wanted, *steps;
} cases[] = {
	{ "nothing", "", 1, "", "" },
	{ "addresses, then the row that guards, then the programs", "", 1, "5 v4 10.0.0.1 10.0.0.2",
	  "+ 5 10.0.0.1, + 5 10.0.0.2, put 5 v4, attach 5" },
	{ "programs go first, then what they read", "5 v4 10.0.0.1", 1, "",
	  "detach 5, delete 5, - 5 10.0.0.1" },
	{ "all as it should be", "5 v4 10.0.0.1; 6", 1, "5 v4 10.0.0.1; 6", "" },
	{ "as it should be, but of whom is not known", "5 v4 10.0.0.1", 0, "5 v4 10.0.0.1", "attach 5" },
	{ "an address more, and one less", "5 v4 10.0.0.1 10.0.0.3", 1, "5 v4 10.0.0.2 10.0.0.3",
	  "+ 5 10.0.0.2, - 5 10.0.0.1" },
	{ "the guard falls before the addresses go", "5 v4 10.0.0.1", 1, "5", "put 5, - 5 10.0.0.1" },
	{ "the addresses come before the guard", "5", 1, "5 v4 10.0.0.1", "+ 5 10.0.0.1, put 5 v4" },
	{ "one goes, one comes, one stays", "5; 6", 1, "6; 7", "put 7, attach 7, detach 5, delete 5" },
	{ "an index that is used again", "5 v4 10.0.0.1", 2, "5 v4 10.0.0.9",
	  "+ 5 10.0.0.9, attach 5, - 5 10.0.0.1" },
};

Test(attach, steps)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_(pod_links_done) struct pod_links present = make(cases[i].present, cases[i].born);
		_cleanup_(pod_links_done) struct pod_links wanted = make(cases[i].wanted, 1);
		_cleanup_(attach_plan_done) struct attach_plan plan = { 0 };
		char text[512] = "";

		cr_assert(!attach_diff(&present, &wanted, &plan));
		print(&plan, text, sizeof(text));
		cr_expect_str_eq(text, cases[i].steps, "%s: got '%s', wanted '%s'", cases[i].what, text,
				 cases[i].steps);
	}
}
