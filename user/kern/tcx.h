/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The two programs at an interface by tcx (Linux 6.6): a link each, beside others' and behind them, pinned as
 * links/PROGRAM-INDEX. A link knows its interface; one that is gone has left an empty shell.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum tc_hook {
	TC_FROM_POD, /* what the pod sends comes in at the node's side */
	TC_TO_POD,
	TC_HOOK_COUNT,
};

extern const char *const tc_programs[TC_HOOK_COUNT]; /* their names */

/*
 * Sees to it that this program runs there. *changed is set if it did not. Returns 0, -ENODEV if there is no such
 * interface, or another negative errno.
 */
int tcx_attach(const char *dir, enum tc_hook hook, uint32_t index, int program, bool *changed);

/* Sees to it that no link of ours is there. */
int tcx_detach(const char *dir, enum tc_hook hook, uint32_t index, bool *changed);

/* The link itself, unpinned. Returns a descriptor to close, or a negative errno. */
int tcx_link(int program, enum tc_hook hook, uint32_t index);

bool tcx_is_attached(const char *dir, enum tc_hook hook, uint32_t index);
