/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Times of the kernel's rows, as people write times. */
#pragma once

#include <stdint.h>

enum {
	MOMENT_TEXT = 64,
};

/* CLOCK_MONOTONIC */
uint64_t moment_now(void);

/* A time of CLOCK_MONOTONIC as UTC by RFC 3339; returns `text`. */
const char *moment_print(uint64_t monotonic_ns, char text[MOMENT_TEXT]);
