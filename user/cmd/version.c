/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft version */
#include <stdio.h>

#include "cmd/cli.h"
#include "version.h"
#include "weft/abi.h"

int cmd_version(const struct cli *cli _unused_)
{
	printf("weft %s, rows of ABI %u\n", WEFT_VERSION, WEFT_ABI);
	return 0;
}
