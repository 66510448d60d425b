/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where to attach: cgroup2 directories, and who else is there. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"

/* The mount point of cgroup2, from /proc/self/mountinfo. Returns 0 or -ENOENT. */
int cgroup_mount(char ret[PATH_MAX]);

/*
 * Opens the cgroup to attach to: `dir`, or without one the pods' own (kubepods*) at or one level below the top of
 * the hierarchy. The top itself is taken only when it is named. On failure `why` lists what there is to choose.
 * Returns a descriptor to close, or a negative errno; `ret_path` is the directory.
 */
int cgroup_open(const char *dir, char ret_path[PATH_MAX], struct why *why);

/* The id under which the kernel knows the directory (struct bpf_link_info). Returns 0 or a negative errno. */
int cgroup_id(const char *dir, uint64_t *ret);

/* Is the process in the cgroup of that id, or below? */
bool cgroup_has(uint64_t id, long process);

/* The id of the cgroup a pinned link is attached to; 0 if that cgroup is gone. -ENOENT: there is no such pin. */
int cgroup_of_link(const char *dir, const char *name, uint64_t *ret);

/*
 * Says in words which program, attached exclusively to this cgroup or to a parent, keeps others from being
 * attached; leaves `why` alone if there is none. `attach_type` is of enum bpf_attach_type.
 */
void cgroup_explain_refusal(const char *dir, int attach_type, struct why *why);
