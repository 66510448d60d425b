/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one door to the kernel: pinned maps opened, read and written. A handle belongs to one thread.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/why.h"
#include "plan/plan.h"
#include "plan/present.h"
#include "weft/reason.h"

struct kern {
	char dir[PATH_MAX];
	int tables[TABLE_COUNT]; /* descriptors of the maps */
	int meta;
	int stats;
	int settings;
	int interfaces;
	int sources;
	int splicing;
	int lock;	 /* -1, or the directory, locked for this process */
	bool no_batch;	 /* the kernel lacks batch operations */
	bool no_barrier; /* it has no grace period for us: time must do */
	bool no_tc;	 /* nothing is attached to interfaces */
	bool no_tcx;	 /* what is attached there are filters */
	bool stale;	 /* rows were deleted since the last grace period */
};

/* What an operator may set of loading. */
struct kern_options {
	const char *bpffs;   /* directory of pins */
	const char *cgroup;  /* NULL: find the pods' own */
	const char *without; /* features to do without; may be NULL */
	const char *version; /* of this binary, for whoever asks what was loaded */
};

/*
 * Opens what is pinned. -ENOENT: nothing is loaded there; -EPROTO: rows of another ABI. `why` says so and what
 * to do. On failure *ret is closed.
 */
int kern_open(const char *bpffs, struct why *why, struct kern *ret);
/* Are these maps still those that are pinned? Not after an unload, whatever was loaded since. */
bool kern_is_pinned(const struct kern *kern);
/* A handle on nothing, which kern_close() may be given. */
void kern_init(struct kern *kern, const char *dir);
void kern_close(struct kern *kern); /* also for _cleanup_, on what kern_open() has seen; the pins stay */

/*
 * Takes the directory's lock, which ends with the process. Returns a descriptor to close. -EBUSY: another weft
 * holds it, `why` says which.
 */
int kern_lock(const char *bpffs, struct why *why);

/* Reads all rows (with `slots` false, all but those of slots) into `present`, and settles it. */
int kern_read(struct kern *kern, bool slots, struct present *present, struct why *why);

/*
 * Sends a plan: ids, puts in the order of the tables, then deletions the other way round. Waits for a grace
 * period first if elements freed before could be reused by what is put (the kernel reuses them at once, under
 * the eyes of a reader).
 */
int kern_apply(struct kern *kern, const struct plan *plan, struct why *why);

/*
 * Returns when no program can still see what was retired before the call. Where the kernel cannot tell, it only
 * waits for a while that is long beside what a program takes.
 */
void kern_barrier(struct kern *kern);

/* The counters, summed over CPUs. */
int kern_stats(const struct kern *kern, struct stats_row *ret);

/* Writes this process into the meta row, for messages of others. */
int kern_sign(struct kern *kern);
