/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An event of the programs in words. */
#pragma once

#include <stddef.h>

#include "plan/present.h"
#include "weft/state.h"

enum {
	TELL_SIZE = 512,
};

/* "default/web: 10.0.0.1:80 ejected for 30 s: 5 failures in a row, the last: refused" */
void tell_event(const struct present *present, const struct event *event, char ret[TELL_SIZE]);
