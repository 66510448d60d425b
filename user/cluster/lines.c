/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A stream of bytes, cut into lines. */
#include "cluster/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

static int begin(struct lines *lines, const char *bytes, size_t count)
{
	if (count > lines->most - lines->length)
		return -E2BIG;
	if (vec_reserve(&lines->begun, lines->length + count, &lines->room, 1))
		return -ENOMEM;
	memcpy(lines->begun + lines->length, bytes, count);
	lines->length += count;
	return 0;
}

/* The end of a line has come: in whole with these bytes, or as the rest of what was begun. */
static int end(struct lines *lines, const char *bytes, size_t count, line_fn *call, void *arg)
{
	int error;

	if (!lines->length)
		return count > lines->most ? -E2BIG : count ? call(arg, bytes, count) : 0;
	error = begin(lines, bytes, count);
	if (!error)
		error = call(arg, lines->begun, lines->length);
	lines_reset(lines);
	return error;
}

int lines_feed(struct lines *lines, const char *bytes, size_t count, line_fn *call, void *arg)
{
	const char *stop;
	int error = 0;

	while (!error && count && (stop = memchr(bytes, '\n', count))) {
		size_t length = (size_t)(stop - bytes);

		error = end(lines, bytes, length, call, arg);
		bytes += length + 1;
		count -= length + 1;
	}
	return error || !count ? error : begin(lines, bytes, count);
}

void lines_reset(struct lines *lines)
{
	free(lines->begun);
	lines->begun = NULL;
	lines->length = lines->room = 0;
}
