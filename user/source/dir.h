/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A watched directory: inotify's events, reduced to what they mean for a reader of its files. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct dir {
	char *path;
	int fd;	   /* inotify; -1: none */
	int watch; /* -1: the directory is not watched now */
	dev_t dev; /* of the directory that is watched */
	ino_t ino;
};

enum dir_event {
	DIR_WRITING, /* the file is being written: its writer will close it */
	DIR_CREATED, /* a name is new: a writer, or a link to what is complete */
	DIR_DONE,    /* the file is complete, or its attributes changed */
	DIR_TOUCHED, /* its attributes changed, though it may be in the middle of being written */
	DIR_DELETED,
	DIR_RENAMED, /* moved away */
	DIR_SHIFTED, /* the name may be a link that files are reached through: any of them may be another */
	DIR_MISSED,  /* events were lost */
	DIR_LOST,    /* the directory itself was deleted, moved or unmounted */
};

/* Takes a copy of the path. Returns 0 or a negative errno; on failure dir_done() has nothing to do. */
int dir_init(struct dir *dir, const char *path);
void dir_done(struct dir *dir);

/* Watches what the path leads to now, instead of what it led to before. Returns 0 or a negative errno. */
int dir_watch(struct dir *dir);

/* Is the directory that is watched still the one that the path leads to? */
bool dir_stands(const struct dir *dir);

/* Calls for each event that waits; `name` is NULL where the event is about no single file. */
typedef void dir_event_fn(void *arg, enum dir_event event, const char *name);
void dir_read(struct dir *dir, dir_event_fn *call, void *arg);
