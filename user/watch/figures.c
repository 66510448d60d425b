/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rounding and cutting. */
#include "watch/figures.h"

#include <stdio.h>
#include <string.h>

enum {
	LEAST_NAMESPACE = 3, /* characters of it that must be left, if it is cut at all */
};

/* With as many digits as make it four characters, the unit not counted. */
static const char *scaled(double number, const char *unit, char text[FIGURE_TEXT])
{
	/* 99.95 would become 100.0. */
	snprintf(text, FIGURE_TEXT, number < 99.95 ? "%.1f%s" : "%.0f%s", number, unit);
	return text;
}

const char *figure_count(uint64_t number, char text[FIGURE_TEXT])
{
	static const char *const units[] = { "k", "M", "G", "T", "P", "E" };
	double scale = number;
	int unit = -1;

	if (number < 10000) {
		snprintf(text, FIGURE_TEXT, "%u", (unsigned)number);
		return text;
	}
	do {
		scale /= 1000;
		unit++;
	} while (scale >= 999.5);
	return scaled(scale, units[unit], text);
}

const char *figure_rate(double number, char text[FIGURE_TEXT])
{
	if (number <= 0)
		return strcpy(text, "0");
	if (number < 9.95)
		return scaled(number, "", text);
	return figure_count((uint64_t)(number + 0.5), text);
}

const char *figure_time(uint64_t us, char text[FIGURE_TEXT])
{
	double ms = (double)us / 1000, s = ms / 1000;

	if (us < 1000)
		snprintf(text, FIGURE_TEXT, "%uus", (unsigned)us);
	else if (ms < 999.5)
		snprintf(text, FIGURE_TEXT, ms < 9.95 ? "%.1fms" : "%.0fms", ms);
	else if (s < 9999.5)
		snprintf(text, FIGURE_TEXT, s < 9.95 ? "%.1fs" : "%.0fs", s);
	else
		snprintf(text, FIGURE_TEXT, ">9999");
	return text;
}

uint64_t figure_percentile(const uint64_t histogram[RESPONSE_BUCKETS], unsigned percent)
{
	uint64_t all = 0, below = 0;
	double rank;

	for (int i = 0; i < RESPONSE_BUCKETS; i++)
		all += histogram[i];
	rank = (double)all * percent / 100;
	for (int i = 0; i < RESPONSE_BUCKETS; i++) {
		double from = i ? (double)(1ull << i) / 2 : 0;
		double to = (double)(1ull << i), us;

		if (!histogram[i] || below + histogram[i] < rank) {
			below += histogram[i];
			continue;
		}
		us = from + (to - from) * (rank - below) / histogram[i];
		return us < 1 ? 1 : (uint64_t)(us + 0.5);
	}
	return 0;
}

/* How many characters are kept at the beginning and at the end, with the mark between them: width - 1 in all. */
static void keep(const char *text, size_t length, size_t width, enum cut cut, size_t *ret_head,
		 size_t *ret_tail)
{
	const char *slash = strchr(text, '/');
	size_t name = slash ? length - (size_t)(slash - text) : 0; /* the slash included */

	*ret_tail = 0;
	if (cut == CUT_MIDDLE)
		*ret_tail = width / 2;
	else if (cut == CUT_NAME && slash && name + 1 + LEAST_NAMESPACE <= width)
		*ret_tail = name;
	*ret_head = width - 1 - *ret_tail;
}

const char *figure_fit(const char *text, size_t width, enum cut cut, const char *mark, char ret[FIT_TEXT])
{
	size_t length = strlen(text), head, tail;

	if (width > FIT_WIDTH)
		width = FIT_WIDTH;
	if (length <= width || !width) {
		snprintf(ret, FIT_TEXT, "%-*.*s", (int)width, (int)width, text);
		return ret;
	}
	keep(text, length, width, cut, &head, &tail);
	snprintf(ret, FIT_TEXT, "%.*s%s%s", (int)head, text, mark, text + length - tail);
	return ret;
}
