/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft get routes */
#pragma once

#include "cmd/cli.h"
#include "kern/kern.h"

enum {
	ROUTE_COLUMNS = 12,
};

extern const struct column route_columns[ROUTE_COLUMNS];

int fill_routes(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why);
