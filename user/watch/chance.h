/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How likely each endpoint is to get a connection: what the kernel draws (bpf/lib/balance.h), for all that chance may
 * bring at once, by the same arithmetic. Pure.
 */
#pragma once

#include <stddef.h>

#include "lib/eject.h"
#include "lib/pick.h"

struct chance_endpoint {
	struct candidate candidate;
	enum fitness fitness; /* to the next connect; FIT_PROBE: that would be the probing one */
	bool ejected;	      /* also when its time is over and no probe has told yet */

	/* Out. */
	double next;  /* that the next connect gets it */
	double share; /* of many connects, if nothing changes but a probe that is under way */
};

struct chance {
	enum algorithm algorithm;
	uint32_t tolerance; /* enum tolerance */
	bool has_cursor;
	uint32_t cursor; /* round robin: the next slot, modulo their number */
	const struct slot_row *slots;
	uint32_t n_slots;
	uint32_t n_listed;		   /* the first so many slots are the list of the endpoints */
	struct chance_endpoint *endpoints; /* sorted by id */
	size_t n_endpoints;
};

/* NULL if there is none of that id. */
struct chance_endpoint *chance_find(const struct chance *chance, uint64_t id);

/* Fills in what comes out. Returns 0, -ENOMEM, or -ENOENT if slots, list and endpoints do not belong together. */
int chance_compute(struct chance *chance);
