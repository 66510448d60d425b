/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The part of a table that routes are. */
#pragma once

#include "link/table.h"

int routes_feed(struct link_table *table, const struct nlmsghdr *message);

typedef bool routes_match(const struct link_route *route, const void *arg);

/* Forgets those that match, with a NULL `match` all. Returns how many there were. */
size_t routes_drop(struct link_table *table, routes_match *match, const void *arg);
