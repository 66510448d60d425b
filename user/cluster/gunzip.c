/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* zlib, member by member. */
#include "cluster/gunzip.h"

#include <errno.h>
#include <stdlib.h>

#include <zlib.h>

enum {
	OUT_SIZE = 1 << 16,
	GZIP_ONLY = 16, /* zlib: added to the bits of the window */
};

struct gunzip {
	z_stream stream;
	bool between; /* members */
	unsigned char out[OUT_SIZE];
};

struct gunzip *gunzip_new(void)
{
	struct gunzip *gunzip = calloc(1, sizeof(*gunzip));

	if (gunzip && inflateInit2(&gunzip->stream, MAX_WBITS + GZIP_ONLY)) {
		free(gunzip);
		return NULL;
	}
	return gunzip;
}

void gunzip_free(struct gunzip *gunzip)
{
	if (gunzip)
		inflateEnd(&gunzip->stream);
	free(gunzip);
}

static int inflate_some(struct gunzip *gunzip, gunzip_fn *call, void *arg)
{
	z_stream *stream = &gunzip->stream;
	int result;

	stream->next_out = gunzip->out;
	stream->avail_out = OUT_SIZE;
	if (gunzip->between)
		inflateReset(stream);
	gunzip->between = false;
	result = inflate(stream, Z_SYNC_FLUSH);
	if (result == Z_MEM_ERROR)
		return -ENOMEM;
	if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
		return -EINVAL;
	gunzip->between = result == Z_STREAM_END;
	if (stream->avail_out < OUT_SIZE &&
	    !call(arg, (const char *)gunzip->out, OUT_SIZE - stream->avail_out))
		return -ECANCELED;
	return 0;
}

int gunzip_feed(struct gunzip *gunzip, const char *bytes, size_t count, gunzip_fn *call, void *arg)
{
	int error = 0;

	gunzip->stream.next_in = (unsigned char *)bytes;
	gunzip->stream.avail_in = (unsigned)count;
	/* What filled the room may not be all. */
	while (!error && (gunzip->stream.avail_in || (!gunzip->stream.avail_out && !gunzip->between)))
		error = inflate_some(gunzip, call, arg);
	return error;
}
