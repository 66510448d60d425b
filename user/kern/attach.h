/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The programs at the pods' interfaces and the rows that they read there. */
#pragma once

#include "kern/kern.h"
#include "plan/attach.h"

enum attachment {
	ATTACHED_NOT, /* or not both programs */
	ATTACHED_TCX,
	ATTACHED_CLSACT,
};

/* Reads the rows, and finds what is pinned without one. Returns 0 or a negative errno with `why`. */
int kern_attach_read(const struct kern *kern, struct pod_links *ret, struct why *why);

/*
 * Takes the steps and notes in each what came of it. An interface of which a step fails is left as it is then, and
 * the others go on; that one is gone meanwhile is no failure. Returns 0 or the first error with `why`.
 */
int kern_attach_apply(const struct kern *kern, struct attach_plan *plan, struct why *why);

enum attachment kern_attachment(const struct kern *kern, uint32_t index);

/*
 * Makes sure that it is this process's network namespace whose interfaces are attached to. -EXDEV: it is another one,
 * and programs are attached there; `why` tells what to do.
 */
int kern_attach_check_netns(const struct kern *kern, struct why *why);
int kern_attach_claim_netns(const struct kern *kern, struct why *why);

/*
 * Before the pins go: takes away what would outlive them, wherever it is. *ret_left is the number of the network
 * namespace that could not be found, and keeps its filters if there still is one; zero: nothing is left.
 */
int kern_attach_end(const char *bpffs, uint64_t *ret_left, struct why *why);
