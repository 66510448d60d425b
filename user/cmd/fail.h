/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One place prints why a command failed. */
#pragma once

#include <string.h>

#include "base/why.h"

/* Returns the exit code of a failure. */
static inline int fail(const char *cmd, int error, const struct why *why)
{
	fprintf(stderr, "weft %s: %s\n", cmd, *why->text ? why->text : strerror(-error));
	return 1;
}
