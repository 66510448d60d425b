/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One request of HTTP/1.0, whose answer ends where the connection does. */
#include "serve/ask.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/time.h>

#include "serve/place.h"

enum {
	MOST = 1 << 20,
	WAIT_S = 2,
};

static const char request[] = "GET /status HTTP/1.0\r\n\r\n";

static int converse(int fd, const struct serve_place *place, char *answer)
{
	const struct timeval wait = { .tv_sec = WAIT_S };
	size_t length = 0;
	ssize_t count;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) ||
	    connect(fd, &place->address.any, place->length))
		return -errno;
	if (!serve_peer_is_trusted(fd))
		return -EPERM;
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		return -EIO;
	while (length < MOST && (count = recv(fd, answer + length, MOST - length, 0)) != 0) {
		if (count < 0)
			return -errno;
		length += count;
	}
	answer[length] = '\0';
	return 0;
}

static const char *reason(int error)
{
	switch (error) {
	case -ECONNREFUSED:
		return "none is at work, or it is in another network namespace";
	case -EAGAIN:
		return "it is busy, or it hangs";
	case -EPERM:
		return "whoever answers is not root";
	}
	return strerror(-error);
}

int ask_status(const char *bpffs, char **ret, struct why *why)
{
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_(freep) char *answer = malloc(MOST + 1);
	struct serve_place place;
	const char *body;
	int error;

	if (fd < 0 || !answer)
		return why_set(why, -ENOMEM, "out of memory or files");
	error = serve_place_of(bpffs, &place);
	if (!error)
		error = converse(fd, &place, answer);
	if (error)
		return why_set(why, error, "no agent answers: %s", reason(error));
	body = strstr(answer, "\r\n\r\n");
	if (strncmp(answer, "HTTP/1.", 7) || strncmp(answer + 8, " 200 ", 5) || !body)
		return why_set(why, -EPROTO, "the agent answers, but not with its status");
	*ret = strdup(body + 4);
	return *ret ? 0 : why_set(why, -ENOMEM, "out of memory");
}
