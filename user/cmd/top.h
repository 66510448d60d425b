/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* weft top: what its parts share. */
#pragma once

#include "cmd/cli.h"
#include "watch/top_view.h"

enum {
	FILTER_SIZE = 64,
};

struct top {
	const struct cli *cli;
	struct kern kern;
	struct listing before, now;
	uint64_t before_ns, now_ns; /* CLOCK_MONOTONIC; zero: not read yet */
	struct top_view view;
	char filter[FILTER_SIZE];
	char service[NAME_SIZE]; /* whose endpoints are shown */
};

/* Reads all once more. Returns 0 or a negative errno with `why`. */
int top_read(struct top *top, struct why *why);

/* The rows to show, in order. Returns 0 or -ENOMEM. */
int top_rows(const struct top *top, bool all_times, struct rate_table *ret);

/* What stands above all, cut to `width`. */
void top_title(const struct top *top, size_t width, char ret[FIT_TEXT]);

/* Prints one frame, or what it would show as JSON or YAML. */
int top_print(const struct top *top, struct why *why);

/* The terminal's until somebody leaves it. */
int top_show(struct top *top, struct why *why);
