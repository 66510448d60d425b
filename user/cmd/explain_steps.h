/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What 'weft explain' found out, in words. */
#pragma once

#include "watch/explain.h"

enum {
	STEP_TEXT = 640,
	PLACE_TEXT = 64,
	MAX_STEPS = 8,
};

struct step {
	const char *name; /* "client", "service", "affinity", "algorithm", "health", "answer" */
	char text[STEP_TEXT];
};

struct steps {
	struct step items[MAX_STEPS];
	size_t count;
};

/* In the order in which the kernel goes through them; the last one is the answer. */
void explain_steps(const struct explained *explained, struct steps *ret);

/* "10.0.0.1:80", "[fd00::1]:80"; returns `text`. */
const char *place_print(const struct addr *address, uint16_t port, char text[PLACE_TEXT]);

/* Why an endpoint gets nothing, or gets something although one would not think so; "" if there is nothing to say. */
const char *explain_endpoint(const struct explained *explained, const struct explained_endpoint *endpoint,
			     char text[STEP_TEXT]);

bool explain_is_reachable(const struct explained *explained);
