/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* link -> plan -> kern: the programs at the interfaces of this node's pods. */
#pragma once

#include "kern/attach.h"
#include "link/pod_link.h"

struct attach;

/*
 * Reads which interfaces there are and which are attached to; both are borrowed. Returns 0 or a negative errno with
 * `why`.
 */
int attach_open(const struct kern *kern, const struct pod_link_options *options, struct why *why,
		struct attach **ret);
void attach_close(struct attach *attach); /* also NULL; what is attached stays */
void attach_closep(struct attach **attach);

/* Readable when there is news of interfaces; -1: none will come. */
int attach_fd(const struct attach *attach);

/* Takes the news in. Returns 0 or a negative errno with `why`; attach_sync() then tries again. */
int attach_read(struct attach *attach, struct why *why);

/*
 * Makes what is attached equal to what is wanted. `plan`, which is empty at first, tells afterwards what was done.
 * Returns 0 or a negative errno with `why`; then it should be called again some time.
 */
int attach_sync(struct attach *attach, struct attach_plan *plan, struct why *why);

/* What was done to the interface of a step: "attached to"; NULL: nothing that anybody wants to hear of. */
const char *attach_tell(const struct attach_step *step);
