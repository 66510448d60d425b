/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the row of a route means, in the words of the Gateway API. Pure. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "weft/route.h"

/* Reasons of the conditions Accepted and ResolvedRefs. */
const char *route_accepted_reason(enum route_accepted accepted);
const char *backend_resolved_reason(enum backend_resolved resolved);

/* That of the first backend that is not resolved, as the condition of the whole route. */
enum backend_resolved route_resolved(const struct route_row *row);

/* A row with its names, which are "namespace/name". */
struct named_route {
	const struct route_row *row;
	const char *name;
	const char *parent;
	const char *winner; /* "" if there is none */
	const char *backends[MAX_BACKENDS];
};

/* Writes sentences, separated by "; ": why the route is not in force, and which shares are refused. */
void route_explain(const struct named_route *route, FILE *to);
