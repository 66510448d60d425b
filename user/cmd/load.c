/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft load, weft unload */
#include <stdio.h>

#include "cmd/cli.h"
#include "cmd/fail.h"
#include "kern/load.h"

int cmd_load(const struct cli *cli)
{
	struct kern_options options = { cli->bpffs, cli->cgroup, cli->without };
	struct load_report report;
	struct why why = { "" };
	struct kern kern;
	int error;

	kern_quiet(cli->verbose);
	error = kern_load(&options, &why, &kern, &report);
	if (error)
		return fail("load", error, &why);
	kern_close(&kern);
	if (report.mounted)
		printf("mounted a BPF file system for %s\n", cli->bpffs);
	printf("%s on %s, pinned under %s\n", report.replaced ? "programs replaced" : "loaded", report.cgroup,
	       cli->bpffs);
	for (int i = 0; i < FEATURE_COUNT; i++) {
		if (!report.features[i].on)
			printf("%s is off: %s; %s\n", report.features[i].name, report.features[i].why.text,
			       report.features[i].effect);
	}
	return 0;
}

int cmd_unload(const struct cli *cli)
{
	struct why why = { "" };
	bool found;
	int error = kern_unload(cli->bpffs, &found, &why);

	if (error)
		return fail("unload", error, &why);
	printf("%s\n", found ? "unloaded" : "nothing is loaded");
	return 0;
}
