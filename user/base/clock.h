/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Times of the kernel's programs, and times as people write them. */
#pragma once

#include <stdint.h>

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull
#define NS_PER_US 1000ull

enum {
	CLOCK_TEXT = 32,
};

/* CLOCK_MONOTONIC, which rows and events have. */
uint64_t clock_now_ns(void);

/* A time of CLOCK_MONOTONIC as milliseconds since 1970. */
uint64_t clock_wall_ms(uint64_t monotonic_ns);

/* RFC 3339, in UTC: "2024-02-29T12:00:00.000Z". Returns `text`. */
const char *clock_print(uint64_t wall_ms, char text[CLOCK_TEXT]);
