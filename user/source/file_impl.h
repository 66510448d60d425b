/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For file*.c alone: one file of the directory (file_entry.c), and the directory (file.c). */
#pragma once

#include <uthash.h>
#include <utlist.h>

#include "source/dir.h"
#include "source/fetch.h"
#include "source/file.h"
#include "source/parse.h"

struct file {
	char *name;
	char *path; /* its origin in the model */
	struct identity identity;
	bool tried; /* was looked at: `identity` is what it was, unless `error` says that it cannot be read */
	bool good;  /* was read well once */
	bool marked;   /* to be looked at: it stands in that list */
	bool heard;    /* because of an event of its own */
	bool writing;  /* in the middle of being written */
	bool created;  /* new, and nobody has written to it so far */
	unsigned busy; /* ticks since it was found open for writing, from 1; zero: it was not */
	bool renamed;  /* to another name: gone for good */
	bool gone;     /* since `gone_at`; forgotten if it stays so */
	uint64_t gone_at;
	size_t writes; /* seen so far, its creation included */
	char *error;   /* what is wrong with it now; NULL: nothing */
	struct notices notices;
	UT_hash_handle hh;
	struct file *marked_prev, *marked_next;
};

struct file_source {
	struct source source;
	struct model *model;
	struct source_events events;
	struct dir dir;
	struct file *files;
	size_t n_bad; /* files of which nothing good was ever read, though there is something to read */
	struct file *marked; /* in the order in which they were */
	bool lost;	     /* another directory must be found under the path, or the same again */
	bool told;	     /* of the loss */
	bool doubtful; /* a directory that came anew and is empty: it may not be the one that is meant */
	bool rescan;
	bool touched; /* something changed since `changed` was called */
	size_t reads;
	uint64_t last_event_ns;
	uint64_t errors[SOURCE_ERRORS];
	uv_poll_t poll;
	uv_timer_t tick, soon;
	int handles; /* not yet closed */
};

/* Tells the operator. */
void file_source_say_line(struct file_source *s, bool bad, const char *line);
void file_source_say(struct file_source *s, bool bad, const char *format, ...) _printf_(3, 4);

/* Takes note of the events that wait. */
void file_source_listen(struct file_source *s);

/* Has the files that are gone looked at again after a while. */
void file_source_wait(struct file_source *s);

/* Does a file of this name hold objects? */
bool is_object_file(const char *name);

struct file *file_find(const struct file_source *s, const char *name);
/* Finds or makes it; NULL without memory. */
struct file *file_get(struct file_source *s, const char *name);
void file_free(struct file *file);

bool file_is_bad(const struct file *file);

/* It is to be looked at; or not. */
void file_mark(struct file_source *s, struct file *file);
void file_unmark(struct file_source *s, struct file *file);

/* Takes note of what happened to it. */
void file_note(struct file_source *s, struct file *file, enum dir_event event);

/* Looks at it and, if it is not what was read before, reads it into the model. */
void file_check(struct file_source *s, struct file *file);

/* Takes its objects out of the model, and frees it. */
void file_forget(struct file_source *s, struct file *file);
