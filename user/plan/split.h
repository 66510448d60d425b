/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The endpoints of several backends, each backend with its share of the connections, as one list. Pure. */
#pragma once

#include "plan/view.h"

/* A backend. Its endpoints with their weights among themselves: those that are chosen share what it gets. */
struct split_part {
	uint32_t weight;
	struct want_endpoint *endpoints;
	size_t n_endpoints;
};

struct split {
	struct want_endpoint *endpoints; /* each address and port once, sorted by them */
	size_t n_endpoints;
	uint32_t refuse; /* of 2^32 connections: the share of backends without a chosen endpoint */
};

/*
 * Weights come out so that each chosen endpoint has its backend's share of all weights times its own share in the
 * backend, exactly where that can be written with weights of `most` at the most, else rounded. The others have none;
 * with no weight anywhere nobody is chosen. Returns 0 or -ENOMEM.
 */
int split_combine(const struct split_part *parts, size_t count, uint32_t most, struct split *ret);
