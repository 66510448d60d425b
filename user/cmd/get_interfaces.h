/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft get interfaces */
#pragma once

#include "cmd/cli.h"
#include "kern/kern.h"

enum {
	INTERFACE_COLUMNS = 8,
};

extern const struct column interface_columns[INTERFACE_COLUMNS];

/* Returns 0 or a negative errno with `why`. */
int fill_interfaces(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why);
