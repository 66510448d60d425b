/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft agent */
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "cmd/cli.h"
#include "cmd/fail.h"
#include "kern/load.h"
#include "version.h"

int cmd_agent(const struct cli *cli)
{
	struct agent_options options = {
		.kern = { cli->bpffs, cli->cgroup, cli->without, WEFT_VERSION },
		.links = cli->links,
		.source = cli->source,
		.source_options = { cli->apiserver, cli->namespaces, cli->selector, "weft/" WEFT_VERSION },
		.node = cli->node,
	};
	struct serve_place place;
	struct why why = { "" };
	int error;

	if (!cli->source) {
		fprintf(stderr, "weft agent: --source is missing; see 'weft agent --help'\n");
		return 2;
	}
	if (strncmp(cli->source, "kubernetes", strlen("kubernetes")) &&
	    (cli->apiserver || cli->namespaces || cli->selector)) {
		fprintf(stderr,
			"weft agent: --apiserver, --namespaces and --selector go with --source kubernetes; "
			"see 'weft agent --help'\n");
		return 2;
	}
	if (serve_place_parse(cli->listen ? cli->listen : SERVE_DEFAULT, &place, &why)) {
		fprintf(stderr, "weft agent: --listen: %s; see 'weft agent --help'\n", why.text);
		return 2;
	}
	options.listen = &place;
	options.listen_if_free = !cli->listen;
	kern_quiet(cli->verbose);
	error = agent_run(&options, &why);
	return error ? fail("agent", error, &why) : 0;
}
