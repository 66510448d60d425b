/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the interfaces that are watched to those that should be, step by step. Addresses are there before the flag
 * that makes them count, and go after it; a row is there before the programs that read it, and goes after them.
 * Pure; kern/attach takes the steps.
 */
#pragma once

#include "link/pod_link.h"

enum attach_step_kind {
	STEP_ADD_SOURCE,
	STEP_PUT_ROW,
	STEP_ATTACH, /* also where it is not known whether the programs are there: then it may change nothing */
	STEP_DETACH,
	STEP_DELETE_ROW,
	STEP_DELETE_SOURCE,
};

struct attach_step {
	enum attach_step_kind kind;
	uint32_t index;
	struct interface_row row; /* of the interface, wanted or as it was */
	struct addr source;
	bool changed; /* filled when it was taken: something is different now */
	int error;    /* of taking it */
};

struct attach_plan {
	struct attach_step *steps; /* in the order in which they are taken */
	size_t count, room;
};

void attach_plan_done(struct attach_plan *plan);

/* Returns 0 or -ENOMEM. */
int attach_diff(const struct pod_links *present, const struct pod_links *wanted, struct attach_plan *plan);
