/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A watched directory. */
#include "source/dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attr.h"

enum {
	BUFFER_SIZE = 64 << 10,
	/* A writer that never rests must not keep the loop. */
	MAX_READS = 64,
};

static const uint32_t mask = IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM |
			     IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR |
			     IN_EXCL_UNLINK;

int dir_init(struct dir *dir, const char *path)
{
	char *copy = strdup(path);
	size_t length;
	int fd;

	if (!copy)
		return -ENOMEM;
	for (length = strlen(copy); length > 1 && copy[length - 1] == '/'; length--)
		copy[length - 1] = '\0';
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0) {
		free(copy);
		return -errno;
	}
	*dir = (struct dir){ .path = copy, .fd = fd, .watch = -1 };
	return 0;
}

void dir_done(struct dir *dir)
{
	closep(&dir->fd);
	free(dir->path);
	*dir = (struct dir){ .fd = -1, .watch = -1 };
}

int dir_watch(struct dir *dir)
{
	struct stat status;

	if (dir->watch >= 0)
		inotify_rm_watch(dir->fd, dir->watch);
	dir->watch = inotify_add_watch(dir->fd, dir->path, mask);
	if (dir->watch < 0)
		return -errno;
	if (stat(dir->path, &status))
		return -errno;
	dir->dev = status.st_dev;
	dir->ino = status.st_ino;
	return 0;
}

bool dir_stands(const struct dir *dir)
{
	struct stat status;

	return dir->watch >= 0 && !stat(dir->path, &status) && status.st_dev == dir->dev &&
	       status.st_ino == dir->ino;
}

static enum dir_event meaning(const struct inotify_event *event)
{
	if (event->mask & IN_MODIFY)
		return DIR_WRITING;
	if (event->mask & IN_CREATE)
		return DIR_CREATED;
	if (event->mask & IN_ATTRIB)
		return DIR_TOUCHED;
	if (event->mask & IN_DELETE)
		return DIR_DELETED;
	if (event->mask & IN_MOVED_FROM)
		return DIR_RENAMED;
	return DIR_DONE;
}

/* "..data" of a ConfigMap volume, and any other thing that is put in place and may be a link to a directory. */
static bool may_be_way(const struct inotify_event *event)
{
	return !strncmp(event->name, "..", 2) || (event->mask & IN_MOVED_TO && event->name[0] != '.');
}

static void handle(struct dir *dir, const struct inotify_event *event, dir_event_fn *call, void *arg)
{
	if (event->mask & IN_Q_OVERFLOW) {
		call(arg, DIR_MISSED, NULL);
		return;
	}
	if (event->wd != dir->watch)
		return;
	if (event->mask & IN_IGNORED)
		dir->watch = -1;
	if (event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) {
		call(arg, DIR_LOST, NULL);
		return;
	}
	if (!event->len || may_be_way(event))
		call(arg, DIR_SHIFTED, event->len ? event->name : NULL);
	if (event->len && event->name[0] != '.')
		call(arg, meaning(event), event->name);
}

void dir_read(struct dir *dir, dir_event_fn *call, void *arg)
{
	_cleanup_(freep) char *buffer = malloc(BUFFER_SIZE);

	if (!buffer)
		return;
	for (int i = 0; i < MAX_READS; i++) {
		ssize_t size = read(dir->fd, buffer, BUFFER_SIZE);

		if (size <= 0)
			return;
		for (ssize_t at = 0; at < size;) {
			const struct inotify_event *event = (const void *)(buffer + at);

			handle(dir, event, call, arg);
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	}
}
