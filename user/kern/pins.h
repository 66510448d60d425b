/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The directory of pins on a BPF file system. */
#pragma once

#include <stdbool.h>

#include "base/why.h"

/*
 * Makes the directory and what is below it, and mounts a BPF file system if there is none: on /sys/fs/bpf for a
 * directory under it, else on the directory itself. The directory must be weft's or empty: what is in it is
 * removed with it. *ret_mounted (may be NULL) tells whether a mount was needed. Returns 0 or a negative errno
 * with `why`.
 */
int pins_make(const char *dir, bool *ret_mounted, struct why *why);

/* Is the directory one that weft pinned to? */
bool pins_are_own(const char *dir);

/* Removes all that is pinned there and the directory, and unmounts what pins_make() mounted on it. */
int pins_remove(const char *dir, struct why *why);

/*
 * Locks the directory for this process, until the descriptor is closed or the process ends, however it ends.
 * Returns a descriptor, -ENOENT if there is no such directory, or -EWOULDBLOCK if another process holds it.
 */
int pins_lock(const char *dir);

/* The descriptor of a pinned object, or a negative errno. `below` may be NULL. */
int pins_get(const char *dir, const char *below, const char *name);
