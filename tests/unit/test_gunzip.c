/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <zlib.h>

#include "base/attr.h"
#include "cluster/gunzip.h"

enum {
	SIZE = 300000,
	GZIP = 16,
};

struct sink {
	char *bytes;
	size_t length;
	size_t most; /* before it wants no more */
};

static bool on_bytes(void *arg, const char *bytes, size_t count)
{
	struct sink *sink = arg;

	if (sink->length + count > sink->most)
		return false;
	memcpy(sink->bytes + sink->length, bytes, count);
	sink->length += count;
	return true;
}

static size_t compress_member(const char *bytes, size_t count, unsigned char *to, size_t room)
{
	z_stream stream = { .next_in = (unsigned char *)bytes,
			    .avail_in = (unsigned)count,
			    .next_out = to,
			    .avail_out = (unsigned)room };

	cr_assert_eq(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + GZIP, 8, Z_DEFAULT_STRATEGY), Z_OK);
	cr_assert_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
	deflateEnd(&stream);
	return room - stream.avail_out;
}

static void assert_comes_out(const unsigned char *packed, size_t count, size_t step, const char *expected,
			     size_t length)
{
	struct sink sink = { malloc(length + 1), 0, length };
	struct gunzip *gunzip = gunzip_new();

	for (size_t i = 0; i < count; i += step)
		cr_assert_eq(gunzip_feed(gunzip, (const char *)packed + i,
					 count - i < step ? count - i : step, on_bytes, &sink),
			     0, "at %zu by %zu", i, step);
	cr_assert_eq(sink.length, length, "by %zu: %zu of %zu bytes", step, sink.length, length);
	cr_assert_eq(memcmp(sink.bytes, expected, length), 0);
	free(sink.bytes);
	gunzip_free(gunzip);
}

Test(gunzip, members_one_after_the_other)
{
	_cleanup_(freep) char *text = malloc(SIZE);
	_cleanup_(freep) unsigned char *packed = malloc(SIZE);
	size_t first, all;

	/* It becomes much smaller, so that a few bytes fill the room of the output several times. */
	for (size_t i = 0; i < SIZE; i++)
		text[i] = (char)('a' + i / 1000 % 26);
	first = compress_member(text, SIZE / 2, packed, SIZE);
	all = first + compress_member(text + SIZE / 2, SIZE / 2, packed + first, SIZE - first);
	for (size_t step = 1; step < 40; step++)
		assert_comes_out(packed, all, step, text, SIZE);
	assert_comes_out(packed, all, first, text, SIZE);
	assert_comes_out(packed, all, all, text, SIZE);
}

Test(gunzip, what_is_none)
{
	struct sink sink = { NULL, 0, 0 };
	struct gunzip *gunzip = gunzip_new();

	cr_assert_eq(gunzip_feed(gunzip, "{\"kind\"", 7, on_bytes, &sink), -EINVAL);
	gunzip_free(gunzip);
}

Test(gunzip, ends_when_no_more_is_wanted)
{
	unsigned char packed[200];
	size_t count = compress_member("some text", 9, packed, sizeof(packed));
	struct sink sink = { NULL, 0, 0 };
	struct gunzip *gunzip = gunzip_new();

	cr_assert_eq(gunzip_feed(gunzip, (const char *)packed, count, on_bytes, &sink), -ECANCELED);
	gunzip_free(gunzip);
}
