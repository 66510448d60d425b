/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft get splices, weft get pairs */
#pragma once

#include "cmd/cli.h"
#include "kern/kern.h"

enum {
	SPLICE_COLUMNS = 24,
	PAIR_COLUMNS = 12,
};

extern const struct column splice_columns[SPLICE_COLUMNS];
extern const struct column pair_columns[PAIR_COLUMNS];

int fill_splices(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why);
int fill_pairs(const struct cli *cli, struct kern *kern, struct sheet *sheet, struct why *why);
