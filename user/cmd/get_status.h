/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft get status */
#pragma once

#include "cmd/cli.h"
#include "kern/kern.h"

enum {
	STATUS_COLUMNS = 4,
};

extern const struct column status_columns[STATUS_COLUMNS];

int fill_status(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why);
