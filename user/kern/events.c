/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* libbpf's reader of ring buffers. */
#include "kern/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "base/attr.h"
#include "kern/pins.h"

struct events {
	struct ring_buffer *ring;
	int map; /* epoll watches it as long as it is open */
	events_fn *call;
	void *arg;
};

static int on_sample(void *context, void *data, size_t size)
{
	const struct events *events = context;

	if (size >= sizeof(struct event))
		events->call(events->arg, data);
	return 0;
}

void events_close(struct events *events)
{
	if (!events)
		return;
	ring_buffer__free(events->ring);
	closep(&events->map);
	free(events);
}

int events_open(const char *bpffs, events_fn *call, void *arg, struct why *why, struct events **ret)
{
	_cleanup_(closep) int fd = pins_get(bpffs, NULL, "events");
	struct events *events;

	if (fd < 0)
		return why_set(why, fd, "%s/events: %s", bpffs, strerror(-fd));
	events = calloc(1, sizeof(*events));
	if (!events)
		return -ENOMEM;
	events->call = call;
	events->arg = arg;
	events->ring = ring_buffer__new(fd, on_sample, events, NULL);
	if (!events->ring) {
		int error = -errno;

		free(events);
		return why_set(why, error, "%s/events: cannot be read: %s", bpffs, strerror(-error));
	}
	events->map = take_fd(&fd);
	*ret = events;
	return 0;
}

int events_fd(const struct events *events)
{
	return ring_buffer__epoll_fd(events->ring);
}

int events_read(struct events *events)
{
	int count = ring_buffer__consume(events->ring);

	return count < 0 ? count : 0;
}
