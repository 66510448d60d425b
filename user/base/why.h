/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What went wrong, in words, beside a negative errno: filled where the failure is known best, printed once,
 * at the top. The caller owns the struct; no memory is attached.
 */
#pragma once

#include "base/attr.h"

struct why {
	char text[512];
};

/* Fills `why` (may be NULL), cutting what does not fit, and returns `error`, so that a caller writes
 * `return why_set(why, -EINVAL, "port %d is out of range", port);`. */
int why_set(struct why *why, int error, const char *format, ...) _printf_(3, 4);
