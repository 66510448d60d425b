/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft splice */
#include <string.h>

#include "cmd/cli.h"
#include "cmd/fail.h"
#include "kern/splice.h"

int cmd_splice(const struct cli *cli)
{
	bool on = !strcmp(cli->words[0], "on");
	struct why why = { "" };
	struct kern kern;
	int error;

	if (!on && strcmp(cli->words[0], "off")) {
		fprintf(stderr, "weft splice: '%s' is neither on nor off\n", cli->words[0]);
		return 2;
	}
	error = kern_open(cli->bpffs, &why, &kern);
	if (error)
		return fail("splice", error, &why);
	error = kern_splicing_write(&kern, SPLICING_OFF, !on);
	kern_close(&kern);
	if (error)
		return fail("splice", error, &why);
	printf("%s\n", on ? "services that ask for it are spliced" : "nothing is spliced on this node");
	return 0;
}
