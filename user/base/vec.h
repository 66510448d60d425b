/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Growing arrays: the owner keeps a pointer, a count and the room. */
#pragma once

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * Makes room for `wanted` items of `size` bytes in the array that `slot`, the address of a pointer, leads to.
 * Doubles, so that appending n items costs O(n). Returns 0, or -ENOMEM with the array as it was.
 */
static inline int vec_reserve(void *slot, size_t wanted, size_t *room, size_t size)
{
	size_t grown = *room ? *room : 4;
	void *items, *moved;

	if (wanted <= *room)
		return 0;
	while (grown < wanted) {
		if (grown > SIZE_MAX / 2)
			return -ENOMEM;
		grown *= 2;
	}
	memcpy(&items, slot, sizeof(items));
	moved = reallocarray(items, grown, size);
	if (!moved)
		return -ENOMEM;
	memcpy(slot, &moved, sizeof(moved));
	*room = grown;
	return 0;
}
