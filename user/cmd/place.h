/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An endpoint as people name it on the command line. */
#pragma once

#include "weft/abi.h"

struct place {
	struct addr address;
	uint16_t port; /* host order; zero: all of them */
};

/* Reads "10.0.0.1:80", "[fd00::1]:80", "10.0.0.1", "fd00::1" or "[fd00::1]". Returns 0 or -EINVAL. */
int place_parse(const char *text, struct place *ret);
