/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The same where there is no tcx: a filter in each direction of the clsact qdisc, beside others' and of a priority of
 * its own. A filter has no owner that the kernel knows, so pins remember it: filters/PROGRAM-INDEX is the program,
 * and filters/clsact-INDEX says that the qdisc is ours as well. All work on the network namespace of the caller.
 */
#pragma once

#include "base/why.h"
#include "kern/tcx.h"

/* The interface's programs are `programs`. As tcx_attach(); -EEXIST: somebody else has a filter in this place. */
int clsact_attach(const char *dir, uint32_t index, const int programs[TC_HOOK_COUNT], bool *changed,
		  struct why *why);

/* Takes away what is ours, and the qdisc if it is ours and nobody else uses it by now. */
int clsact_detach(const char *dir, uint32_t index, bool *changed, struct why *why);

/* Forgets what was there: the interface is gone, or out of reach. */
void clsact_forget(const char *dir, uint32_t index);

/* Is a filter of ours there? */
bool clsact_is_there(const char *dir, uint32_t index);

/* As the pins remember it. */
bool clsact_is_attached(const char *dir, enum tc_hook hook, uint32_t index);
