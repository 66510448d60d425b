/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From one clock to the other. */
#include "cmd/moment.h"

#include <stdio.h>
#include <time.h>

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000

uint64_t moment_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

const char *moment_print(uint64_t monotonic_ns, char text[MOMENT_TEXT])
{
	struct timespec now;
	char seconds[40];
	struct tm parts;
	uint64_t ms;
	time_t time;

	clock_gettime(CLOCK_REALTIME, &now);
	ms = now.tv_sec * 1000ull + now.tv_nsec / NS_PER_MS +
	     (int64_t)(monotonic_ns - moment_now()) / NS_PER_MS;
	time = ms / 1000;
	gmtime_r(&time, &parts);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text, MOMENT_TEXT, "%s.%03uZ", seconds, (unsigned)(ms % 1000));
	return text;
}
