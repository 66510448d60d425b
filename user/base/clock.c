/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Clocks. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

uint64_t clock_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

uint64_t clock_wall_ms(uint64_t monotonic_ns)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (now.tv_sec * NS_PER_S + now.tv_nsec + monotonic_ns - clock_now_ns()) / NS_PER_MS;
}

const char *clock_print(uint64_t wall_ms, char text[CLOCK_TEXT])
{
	time_t time = wall_ms / 1000;
	struct tm parts = { 0 };
	size_t length;

	gmtime_r(&time, &parts);
	length = strftime(text, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text + length, CLOCK_TEXT - length, ".%03uZ", (unsigned)(wall_ms % 1000));
	return text;
}
