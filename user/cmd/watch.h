/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A sheet that is made anew again and again: what changed is printed. */
#pragma once

#include "cmd/cli.h"

/* Makes a sheet of what there is now. Returns 0 or a negative errno with `why`. */
typedef int watch_fill_fn(const struct cli *cli, size_t kind, struct sheet **ret, struct why *why);

/*
 * Until SIGINT or SIGTERM, or until nobody reads what is printed: then it returns 0. Else an error of `fill`, or of
 * writing.
 */
int watch(const struct cli *cli, size_t kind, watch_fill_fn *fill, struct why *why);
