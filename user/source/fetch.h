/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading a file whole, and telling whether it is still the one that was read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum {
	FETCH_MAX_SIZE = 64 << 20,
};

/* What a file was when it was read. */
struct identity {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
	/* It had rested for longer than the clock of the file system ticks: any later write shows here. */
	bool settled;
};

/* Was the content written anew between the two? */
bool identity_same_content(const struct identity *a, const struct identity *b);

/* Did nothing happen to the file between the two, as far as time stamps tell? */
bool identity_same(const struct identity *a, const struct identity *b);

/* What the path leads to. Returns 0, -ENOENT if there is no such name, -ENOLINK for a link to nothing, -ENODEV
 * for what is no regular file, or another negative errno. */
int identity_look(const char *path, struct identity *ret);

/* Reads the file; returns also -EFBIG, and -EAGAIN while it is open for writing. *ret_text has a closing NUL beside its *ret_size bytes. */
int fetch(const char *path, struct identity *ret_identity, char **ret_text, size_t *ret_size);
