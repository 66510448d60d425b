/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is loaded, since when, who looks after it, and how full the maps are. */
#pragma once

#include "kern/kern.h"

struct kern_status {
	struct meta_row meta;
	uint64_t loaded_s; /* since 1970, when the programs in force were loaded; zero: not known */
	bool attached;	   /* to a cgroup that is still there */
	uint32_t at_work;  /* process id of the weft that holds the lock, as seen from here; zero: none */
};

/* Returns 0 or a negative errno with `why`. */
int kern_status(const struct kern *kern, struct kern_status *ret, struct why *why);

/* For how many rows the map has room; zero: not known. */
uint64_t kern_room(const struct kern *kern, enum table table);

/* Calls for each pinned map that has room for so many rows, in the order of their names. */
typedef void kern_map_fn(void *arg, const char *name, uint64_t rows, uint64_t most);
int kern_each_map(const struct kern *kern, kern_map_fn *call, void *arg, struct why *why);
