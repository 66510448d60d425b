/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers and names for narrow columns. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft/state.h"

enum {
	FIGURE_TEXT = 8, /* at most five characters are used */
};

/* "0", "9999", "12.3k", "1.2M". Rates below ten keep a digit behind the point: "0.5". Both return `text`. */
const char *figure_count(uint64_t number, char text[FIGURE_TEXT]);
const char *figure_rate(double number, char text[FIGURE_TEXT]);

/* "340us", "1.2ms", "12ms", "3.4s". Returns `text`. */
const char *figure_time(uint64_t us, char text[FIGURE_TEXT]);

/*
 * What so many percent of the measured times are below, in us, taken as even inside of a bucket; zero: nothing was
 * measured.
 */
uint64_t figure_percentile(const uint64_t histogram[RESPONSE_BUCKETS], unsigned percent);

/* Where a text that is too long is cut. */
enum cut {
	CUT_END,
	CUT_MIDDLE, /* addresses: how they begin and the port are what tells them apart */
	CUT_NAME,   /* "namespace/name": first of all the namespace becomes shorter */
};

/*
 * Writes `text` in exactly `width` columns (at most FIT_WIDTH), filled up with blanks, or cut with `mark` (one column
 * wide) for what is left out. The text is ASCII. Returns `ret`.
 */
enum {
	FIT_WIDTH = 512,
	FIT_TEXT = FIT_WIDTH + 8,
};
const char *figure_fit(const char *text, size_t width, enum cut cut, const char *mark, char ret[FIT_TEXT]);
