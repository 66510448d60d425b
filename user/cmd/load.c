/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft load, weft unload */
#include <signal.h>
#include <stdio.h>

#include "agent/attach.h"
#include "cmd/cli.h"
#include "cmd/fail.h"
#include "kern/load.h"
#include "kern/splice.h"
#include "version.h"

static void report_feature(const struct feature_state *feature)
{
	if (!feature->on)
		printf("%s is off: %s; %s\n", feature->name, feature->why.text, feature->effect);
}

static void report_load(const struct cli *cli, const struct load_report *report)
{
	struct feature_state auto_splice = splice_auto(report->splice_test, &report->splice_test_why);

	if (report->mounted)
		printf("mounted a BPF file system for %s\n", cli->bpffs);
	printf("%s on %s, pinned under %s\n", report->replaced ? "programs replaced" : "loaded",
	       report->cgroup, cli->bpffs);
	for (int i = 0; i < FEATURE_COUNT; i++)
		report_feature(&report->features[i]);
	report_feature(&auto_splice);
}

/* To the interfaces that there are now. */
static int attach_once(const struct kern *kern, const struct cli *cli, struct why *why)
{
	_cleanup_(attach_closep) struct attach *attach = NULL;
	_cleanup_(attach_plan_done) struct attach_plan plan = { 0 };
	int error = attach_open(kern, &cli->links, why, &attach);

	if (!error)
		error = attach_sync(attach, &plan, why);
	for (size_t i = 0; i < plan.count; i++) {
		const char *what = attach_tell(&plan.steps[i]);

		if (what)
			printf("%s %s (%u)\n", what, plan.steps[i].row.name, plan.steps[i].index);
	}
	return error;
}

int cmd_load(const struct cli *cli)
{
	struct kern_options options = { cli->bpffs, cli->cgroup, cli->without, WEFT_VERSION };
	struct load_report report;
	struct why why = { "" };
	struct kern kern;
	int error;

	kern_quiet(cli->verbose);
	error = kern_load(&options, &why, &kern, &report);
	if (error)
		return fail("load", error, &why);
	report_load(cli, &report);
	error = attach_once(&kern, cli, &why);
	kern_close(&kern);
	return error ? fail("load", error, &why) : 0;
}

/* They are blocked from the start, so that one that comes early is not lost, nor cuts an unload short. */
static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigprocmask(SIG_BLOCK, set, NULL);
}

int cmd_unload(const struct cli *cli)
{
	struct unload_report report;
	struct why why = { "" };
	sigset_t signals;
	int error, number;

	kern_quiet(cli->verbose);
	if (cli->stay)
		block_signals(&signals);
	error = kern_unload(cli->bpffs, &report, &why);
	if (error)
		return fail("unload", error, &why);
	printf("%s\n", report.found ? "unloaded" : "nothing is loaded");
	if (report.netns)
		printf("filters were attached in network namespace net:[%llu], which is gone or cannot be "
		       "seen from "
		       "here;\nif it is still there, 'tc filter del dev IFACE ingress pref 30565' and the "
		       "same with "
		       "egress remove them\n",
		       (unsigned long long)report.netns);
	if (cli->stay) {
		fflush(stdout);
		sigwait(&signals, &number);
	}
	return 0;
}
