/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A stream of bytes, cut into lines, in time linear in its length. */
#pragma once

#include <stddef.h>

/* Zero-initialised but for `most`. */
struct lines {
	size_t most; /* a line may have */
	char *begun; /* what came of a line whose end has not */
	size_t length;
	size_t room;
};

/* `line` is valid during the call, and without its end; an error of it ends the feeding. Blank lines are left out. */
typedef int line_fn(void *arg, const char *line, size_t length);

/* Returns 0, the error of `call`, -E2BIG for a line that is longer than `most`, or -ENOMEM. */
int lines_feed(struct lines *lines, const char *bytes, size_t count, line_fn *call, void *arg);

/* Forgets what was begun. */
void lines_reset(struct lines *lines);
