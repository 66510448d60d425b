/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading a file whole. */
#include "source/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "base/attr.h"
#include "base/vec.h"

enum {
	/* Several ticks of the slowest kernel clock (100 Hz), which time stamps are taken from. */
	SETTLED_NS = 50000000,
};

static int64_t nanoseconds(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool identity_same_content(const struct identity *a, const struct identity *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && same_time(&a->mtime, &b->mtime);
}

bool identity_same(const struct identity *a, const struct identity *b)
{
	return identity_same_content(a, b) && same_time(&a->ctime, &b->ctime);
}

static struct identity identity_of(const struct stat *status)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (struct identity){
		.dev = status->st_dev,
		.ino = status->st_ino,
		.size = status->st_size,
		.mtime = status->st_mtim,
		.ctime = status->st_ctim,
		.settled = nanoseconds(&now) - nanoseconds(&status->st_ctim) > SETTLED_NS,
	};
}

int identity_look(const char *path, struct identity *ret)
{
	struct stat status;

	if (stat(path, &status)) {
		int error = -errno;

		if (error == -ENOENT && !lstat(path, &status))
			return -ENOLINK;
		return error;
	}
	if (!S_ISREG(status.st_mode))
		return -ENODEV;
	*ret = identity_of(&status);
	return 0;
}

/*
 * Has somebody the file open for writing? A read lease is refused then. It is held for no longer than it takes
 * to ask; the signal of one who opens meanwhile is turned into one that does nothing. Where leases are not to be
 * had, nobody is known to write.
 */
static bool is_being_written(int fd)
{
	bool refused;

	if (fcntl(fd, F_SETSIG, SIGURG))
		return false;
	refused = fcntl(fd, F_SETLEASE, F_RDLCK) && errno == EAGAIN;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return refused;
}

int fetch(const char *path, struct identity *ret_identity, char **ret_text, size_t *ret_size)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_(freep) char *text = NULL;
	struct identity identity;
	size_t size = 0, room = 0;
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -ENODEV;
	/* Taken before the first byte: what is written meanwhile makes it another file. */
	identity = identity_of(&status);
	for (;;) {
		size_t wanted = size < (size_t)status.st_size ? (size_t)status.st_size + 2 : size + 4096;
		ssize_t got;

		if (wanted > FETCH_MAX_SIZE)
			return -EFBIG;
		if (vec_reserve(&text, wanted, &room, 1))
			return -ENOMEM;
		got = read(fd, text + size, room - size - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		size += (size_t)got;
	}
	if (is_being_written(fd))
		return -EAGAIN;
	text[size] = '\0';
	*ret_identity = identity;
	*ret_text = TAKE_PTR(text);
	*ret_size = size;
	return 0;
}
