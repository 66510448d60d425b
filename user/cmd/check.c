/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft check */
#include <stdio.h>

#include "cmd/cli.h"
#include "cmd/fail.h"
#include "kern/cgroup.h"
#include "kern/load.h"
#include "kern/splice.h"

static const struct column columns[] = {
	{ "FEATURE", "feature", CELL_TEXT, false },   { "ON", "on", CELL_BOOL, false },
	{ "REQUIRED", "required", CELL_BOOL, false }, { "WHY", "why", CELL_TEXT, false },
	{ "WITHOUT IT", "effect", CELL_TEXT, false },
};

static void add(struct sheet *sheet, const struct feature_state *feature)
{
	sheet_text(sheet, feature->name);
	sheet_bool(sheet, feature->on);
	sheet_bool(sheet, feature->required);
	sheet_text(sheet, feature->on ? "" : feature->why.text);
	sheet_text(sheet, feature->on ? "" : feature->effect);
}

/* Not of the kernel but of the machine: where programs are attached. */
static struct feature_state check_cgroup_mount(void)
{
	struct feature_state state = {
		.name = "cgroup2",
		.effect = "there is nothing to attach to",
		.required = true,
	};
	char mount[PATH_MAX];

	state.on = !cgroup_mount(mount);
	if (!state.on)
		why_set(&state.why, 0, "cgroup2 is not mounted");
	return state;
}

/* Whether services that leave it to weft are spliced. */
static struct feature_state check_splice(const struct feature_state features[FEATURE_COUNT])
{
	struct why why = { "" };

	return splice_auto(features[FEATURE_SPLICE].on ? splice_test(&why) : 0, &why);
}

int cmd_check(const struct cli *cli)
{
	_cleanup_(sheet_freep) struct sheet *sheet = sheet_new(columns, ARRAY_LEN(columns));
	struct feature_state features[FEATURE_COUNT], cgroup = check_cgroup_mount(), splice;
	struct why why = { "" };
	int error;

	kern_quiet(cli->verbose);
	error = probe_features(cli->without, features, &why);
	if (error) {
		fail("check", error, &why);
		return 2;
	}
	if (!sheet)
		return 1;
	add(sheet, &cgroup);
	for (int i = 0; i < FEATURE_COUNT; i++)
		add(sheet, &features[i]);
	splice = check_splice(features);
	add(sheet, &splice);
	error = sheet_print(sheet, cli->output, !cli->no_headers, stdout);
	if (error)
		return fail("check", error, &why);
	return probe_missing(features) || !cgroup.on ? 1 : 0;
}
