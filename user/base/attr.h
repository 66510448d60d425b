/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ownership in sight: every owning local carries a cleanup attribute, every escape of one a TAKE_*. So a reader
 * sees in one function that it does not leak.
 */
#pragma once

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_ __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Hand the pointer over and forget it here. */
#define TAKE_PTR(p) ((__typeof__(p))take_ptr(&(p)))

static inline void *take_ptr(void *slot)
{
	void **p = slot;
	void *taken = *p;

	*p = NULL;
	return taken;
}

/* Hand the descriptor over and forget it here. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* For _cleanup_ on char * and other memory from malloc(). */
static inline void freep(void *slot)
{
	free(take_ptr(slot));
}

/* For _cleanup_ on descriptors; -1 is none. */
static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
	*f = NULL;
}

static inline void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
	*dir = NULL;
}
