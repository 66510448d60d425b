/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* "namespace/name", as the map `names` has it, and as words of a command mean it. */
#pragma once

#include "cmd/cli.h"
#include "weft/service.h"

/* The text, cut at its slash. */
struct full_name {
	char namespace[NAME_SIZE];
	const char *name; /* borrowed */
};

struct full_name full_name(const char *text);

/* Does the command line name it, or nothing? */
bool full_name_is_asked_for(const struct cli *cli, const char *text, const struct full_name *full);
