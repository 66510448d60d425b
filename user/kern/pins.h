/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The directory of pins on a BPF file system. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

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

/* Pins what `fd` is; takes a pin away, also one that is not there. Both return 0 or a negative errno. */
int pins_put(const char *dir, const char *below, const char *name, int fd);
int pins_drop(const char *dir, const char *below, const char *name);

enum {
	PIN_NAME_SIZE = 64,
};

/* "what-7", of a thing that there is once for each interface; names of pins cannot have dots. Returns `name`. */
const char *pin_name(const char *what, uint32_t index, char name[PIN_NAME_SIZE]);

/* Calls for each index in a name pin_name() made that is pinned below; a pin may go during the call. */
typedef int pins_index_fn(void *arg, uint32_t index);
int pins_each_index(const char *dir, const char *below, pins_index_fn *call, void *arg);
