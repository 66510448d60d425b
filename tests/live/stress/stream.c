/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes that are known by their place. */
#include <string.h>

#include "stress.h"

uint64_t random_mix(uint64_t number)
{
	number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9u;
	number = (number ^ (number >> 27)) * 0x94d049bb133111ebu;
	return number ^ (number >> 31);
}

uint64_t random_next(struct random *random)
{
	random->state += 0x9e3779b97f4a7c15u;
	return random_mix(random->state);
}

uint32_t random_below(struct random *random, uint32_t limit)
{
	return (uint32_t)((random_next(random) >> 32) * limit >> 32);
}

bool random_one_in(struct random *random, uint32_t times)
{
	return !random_below(random, times);
}

/* Eight bytes at once: cheap, as gigabytes are made and compared. */
static inline uint64_t word_at(uint64_t key, uint64_t number)
{
	uint64_t word = key + number * 0x9e3779b97f4a7c15u;

	word ^= word >> 32;
	word *= 0xd6e8feb86659fd93u;
	return word ^ (word >> 32);
}

void stream_fill(uint64_t key, uint64_t at, unsigned char *bytes, size_t size)
{
	while (size) {
		uint64_t word = word_at(key, at / sizeof(word));
		size_t from = at % sizeof(word), part = sizeof(word) - from;

		if (part > size)
			part = size;
		memcpy(bytes, (unsigned char *)&word + from, part);
		bytes += part;
		at += part;
		size -= part;
	}
}

size_t stream_compare(uint64_t key, uint64_t at, const unsigned char *bytes, size_t size)
{
	unsigned char wanted[4096];
	size_t right = 0, part, i;

	while (right < size) {
		part = size - right < sizeof(wanted) ? size - right : sizeof(wanted);
		stream_fill(key, at + right, wanted, part);
		if (memcmp(wanted, bytes + right, part)) {
			for (i = 0; wanted[i] == bytes[right + i]; i++)
				;
			return right + i;
		}
		right += part;
	}
	return size;
}

int64_t stream_find(uint64_t key, uint64_t total, const unsigned char *bytes, size_t size)
{
	unsigned char window[8192];
	uint64_t at;

	for (at = 0; at < total; at += sizeof(window) / 2) {
		const unsigned char *found;

		stream_fill(key, at, window, sizeof(window));
		found = memmem(window, sizeof(window), bytes, size);
		if (found)
			return (int64_t)(at + (uint64_t)(found - window));
	}
	return -1;
}
