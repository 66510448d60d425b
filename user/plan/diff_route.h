/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For plan/diff alone: the rows of the routes of one service. */
#pragma once

#include "plan/diff.h"

/* As diff_service(), for the rows that say what became of its routes. */
int diff_routes(struct present *present, const char *name, const struct wants *wants,
		const struct diff_options *options, struct plan *plan);

/* Did a route decide of the service, of which nothing is known now? To be asked before diff_routes(). */
bool routes_are_lost(const struct present *present, const char *name, const struct wants *wants);
