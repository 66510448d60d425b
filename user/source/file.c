/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A directory of YAML and JSON files as a source. */
#include "source/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/text.h"
#include "source/dir.h"
#include "source/fetch.h"
#include "source/parse.h"

enum {
	/* How often to ask whether the path still leads to the directory that is watched: no event tells of a
	 * mount over it or of a link to it that was turned. */
	TICK_MS = 1000,
	/* Many replace a file by deleting and creating it, and a directory by deleting it file by file. */
	GONE_MS = 200,
	/* Of looking again at what changed meanwhile, within one turn of the loop. */
	MAX_ROUNDS = 8,
	/* Ticks. Writers take less; of one that hangs the operator should know. */
	TELL_BUSY = 5,
};

struct file {
	char *name;
	char *path; /* its origin in the model */
	struct identity identity;
	bool tried; /* was looked at: `identity` is what it was, unless `error` says that it cannot be read */
	bool good;  /* was read well once */
	bool marked;   /* to be looked at */
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
};

struct file_source {
	struct source source;
	struct model *model;
	struct source_events events;
	struct dir dir;
	struct file *files;
	bool lost;     /* another directory must be found under the path, or the same again */
	bool told;     /* of the loss */
	bool doubtful; /* a directory that came anew and is empty: it may not be the one that is meant */
	bool rescan;
	bool touched; /* something changed since `changed` was called */
	size_t reads;
	uv_poll_t poll;
	uv_timer_t tick, soon;
	int handles; /* not yet closed */
};

static void on_soon(uv_timer_t *timer);

static void say_line(struct file_source *s, bool bad, const char *line)
{
	if (s->events.say)
		s->events.say(s->events.arg, bad, line);
}

static _printf_(3, 4) void say(struct file_source *s, bool bad, const char *format, ...)
{
	_cleanup_(freep) char *line = NULL;
	va_list args;

	va_start(args, format);
	line = text_vformat(format, args);
	va_end(args);
	if (line)
		say_line(s, bad, line);
}

static void file_free(struct file *file)
{
	free(file->name);
	free(file->path);
	free(file->error);
	notices_done(&file->notices);
	free(file);
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name);

	return length > strlen(suffix) && !strcmp(name + length - strlen(suffix), suffix);
}

static bool is_object_file(const char *name)
{
	return name[0] != '.' &&
	       (has_suffix(name, ".yaml") || has_suffix(name, ".yml") || has_suffix(name, ".json"));
}

static struct file *file_find(const struct file_source *s, const char *name)
{
	struct file *file;

	HASH_FIND_STR(s->files, name, file);
	return file;
}

/* NULL without memory. */
static struct file *file_get(struct file_source *s, const char *name)
{
	struct file *file = file_find(s, name);

	if (file)
		return file;
	file = calloc(1, sizeof(*file));
	if (!file)
		return NULL;
	file->name = strdup(name);
	file->path = text_format("%s/%s", s->dir.path, name);
	if (!file->name || !file->path) {
		file_free(file);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, s->files, file->name, strlen(file->name), file);
	return file;
}

static bool known_notice(const struct notices *notices, const char *text)
{
	for (size_t i = 0; i < notices->count; i++) {
		if (!strcmp(notices->items[i].text, text))
			return true;
	}
	return false;
}

/* Says what it did not say of this file before, wherever in the file it stands now. */
static void say_notices(struct file_source *s, struct file *file, struct notices *notices)
{
	for (size_t i = 0; i < notices->count; i++) {
		if (!known_notice(&file->notices, notices->items[i].text))
			say(s, false, "%s:%u: %s", file->path, notices->items[i].line,
			    notices->items[i].text);
	}
	notices_done(&file->notices);
	file->notices = *notices;
	*notices = (struct notices){ 0 };
}

static void on_complaint(void *arg, const char *sentence)
{
	say_line(arg, true, sentence);
}

/* What was read well before stays in force. */
static void file_fail(struct file_source *s, struct file *file, bool anew, const char *text)
{
	char *error;

	if (file->error && !anew && !strcmp(file->error, text))
		return;
	say_line(s, true, text);
	error = strdup(text);
	free(file->error);
	file->error = error ? error : calloc(1, 1);
	s->touched = true;
}

static void file_accept(struct file_source *s, struct file *file, struct parsed *parsed)
{
	if (model_replace(s->model, file->path, &parsed->objects, on_complaint, s)) {
		say(s, true, "%s: out of memory", file->path);
		file->tried = file->good;
		s->rescan = true;
		file->identity = (struct identity){ 0 };
		return;
	}
	if (file->error)
		say(s, false, "%s: good again", file->path);
	free(file->error);
	file->error = NULL;
	file->good = true;
	s->touched = true;
	say_notices(s, file, &parsed->notices);
}

static void file_forget(struct file_source *s, struct file *file)
{
	struct objects none = { 0 };

	if (model_replace(s->model, file->path, &none, NULL, NULL)) {
		s->rescan = true;
		return;
	}
	HASH_DELETE(hh, s->files, file);
	file_free(file);
	s->touched = true;
}

static void file_vanish(struct file_source *s, struct file *file)
{
	if (file->gone)
		return;
	file->gone = true;
	file->gone_at = uv_now(s->tick.loop);
	if (!uv_is_active((uv_handle_t *)&s->soon))
		uv_timer_start(&s->soon, on_soon, GONE_MS, 0);
}

static void on_dir_event(void *arg, enum dir_event event, const char *name);

static void file_read(struct file_source *s, struct file *file)
{
	_cleanup_(parsed_done) struct parsed parsed = { 0 };
	_cleanup_(freep) char *text = NULL;
	enum tree_format format = has_suffix(file->name, ".json") ? TREE_JSON : TREE_YAML;
	size_t writes = file->writes, size = 0;
	struct identity identity;
	struct why why = { "" };
	bool anew;
	int error = fetch(file->path, &identity, &text, &size);

	s->reads++;
	/* Who wrote before the last byte was read and is done with it has left an event by now. */
	dir_read(&s->dir, on_dir_event, s);
	if (file->writes != writes || s->lost)
		return;
	if (error == -EAGAIN) {
		file->busy += !file->busy;
		return;
	}
	file->busy = 0;
	if (error == -ENOENT || error == -ENODEV) {
		file->marked = true;
		return;
	}
	if (error) {
		why_set(&why, error, "%s: cannot be read: %s", file->path, strerror(-error));
		anew = !file->tried;
		file->identity = (struct identity){ 0 };
	} else {
		anew = !file->tried || !identity_same_content(&file->identity, &identity);
		file->identity = identity;
		error = parse_text(file->path, format, text, size, &why, &parsed);
	}
	file->tried = true;
	if (error)
		file_fail(s, file, anew, why.text);
	else
		file_accept(s, file, &parsed);
}

/* Was it read as it is now? Time stamps alone do not tell if it was fresh then and an event came since. */
static bool file_is_known(const struct file *file, const struct identity *now)
{
	return file->tried && identity_same(&file->identity, now) && (file->identity.settled || !file->heard);
}

static void file_check(struct file_source *s, struct file *file)
{
	struct identity now;
	int error = identity_look(file->path, &now);

	file->renamed = false;
	if (error == -ENOENT || error == -ENODEV) {
		/* The directory may be what is not there any more. */
		if (!dir_stands(&s->dir))
			s->lost = true;
		else
			file_vanish(s, file);
		return;
	}
	file->gone = false;
	if (error) {
		struct why why;

		why_set(&why, error, "%s: cannot be read: %s", file->path,
			error == -ENOLINK ? "a link to nothing" : strerror(-error));
		file_fail(s, file, !file->tried, why.text);
		file->tried = true;
		file->identity = (struct identity){ 0 };
		return;
	}
	if (file->writing || file->created || file_is_known(file, &now))
		return;
	file->heard = false;
	file_read(s, file);
}

/* A new name: complete if it links to what was there before, else its writer will close it. */
static void file_created(struct file *file)
{
	struct stat status;

	file->created = lstat(file->path, &status) || (!S_ISLNK(status.st_mode) && status.st_nlink < 2);
	file->marked = !file->created;
	file->writes++;
}

static void on_file_event(struct file *file, enum dir_event event)
{
	if (event == DIR_CREATED) {
		file_created(file);
		return;
	}
	if (event == DIR_TOUCHED && (file->writing || file->created))
		return;
	file->created = false;
	file->writing = event == DIR_WRITING;
	file->writes += event == DIR_WRITING;
	file->marked = event != DIR_WRITING;
	file->heard = true;
	file->renamed = event == DIR_RENAMED;
}

/* Only takes notes; everything is looked at in settle(). */
static void on_dir_event(void *arg, enum dir_event event, const char *name)
{
	struct file_source *s = arg;
	struct file *file, *next;

	/* What is a file of ours leads to no other; the first in an empty directory tells that it is meant. */
	if ((event == DIR_SHIFTED && !(name && is_object_file(name))) || event == DIR_MISSED || s->doubtful)
		s->rescan = true;
	if (event == DIR_MISSED) {
		HASH_ITER (hh, s->files, file, next) {
			file->writing = file->created = false;
			file->heard = true;
		}
	}
	if (event == DIR_LOST)
		s->lost = true;
	if (event == DIR_SHIFTED || !name || !is_object_file(name))
		return;
	file = event == DIR_DELETED || event == DIR_RENAMED ? file_find(s, name) : file_get(s, name);
	if (file)
		on_file_event(file, event);
	else if (event != DIR_DELETED && event != DIR_RENAMED)
		s->rescan = true;
}

/* Marks every file there is and every file that was. */
static void scan(struct file_source *s)
{
	_cleanup_(closedirp) DIR *dir = opendir(s->dir.path);
	struct file *file, *next;
	const struct dirent *entry;
	size_t found = 0;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (!is_object_file(entry->d_name))
			continue;
		file = file_get(s, entry->d_name);
		if (!file)
			return;
		file->marked = true;
		found++;
	}
	s->rescan = false;
	if (s->doubtful && !found && s->files)
		return;
	s->doubtful = false;
	HASH_ITER (hh, s->files, file, next)
		file->marked = true;
}

/* Finds the directory again. */
static void recover(struct file_source *s)
{
	struct file *file, *next;
	int error = dir_watch(&s->dir);

	s->lost = error != 0;
	if (error) {
		if (!s->told)
			say(s, true, "%s: the directory is gone (%s); what it said last stays in force",
			    s->dir.path, strerror(-error));
		s->told = true;
		return;
	}
	HASH_ITER (hh, s->files, file, next)
		file->gone = file->writing = file->created = false;
	s->doubtful = true;
	scan(s);
	if (s->doubtful)
		say(s, true,
		    "%s: the directory is another one now, and empty; what was said last stays in force "
		    "until there is a file in it",
		    s->dir.path);
	else if (s->told)
		say(s, false, "%s: the directory is back", s->dir.path);
	s->told = false;
}

/* Those that are gone leave first, so that what was moved to another file is not there twice. */
static bool check_marked(struct file_source *s)
{
	struct file *file, *next;
	struct identity now;
	bool any = false;

	HASH_ITER (hh, s->files, file, next) {
		if (file->marked && file->renamed && !s->lost && !s->doubtful &&
		    identity_look(file->path, &now) == -ENOENT && dir_stands(&s->dir))
			file_forget(s, file);
	}
	HASH_ITER (hh, s->files, file, next) {
		if (!file->marked || s->lost || s->doubtful)
			continue;
		any = true;
		file->marked = false;
		file_check(s, file);
	}
	return any;
}

static void settle(struct file_source *s)
{
	bool any = true;

	for (int i = 0; any && i < MAX_ROUNDS; i++) {
		if (s->lost)
			recover(s);
		if (s->rescan && !s->lost)
			scan(s);
		any = !s->lost && check_marked(s);
	}
}

static void tell(struct file_source *s)
{
	if (!s->touched)
		return;
	s->touched = false;
	if (s->events.changed)
		s->events.changed(s->events.arg);
}

static void on_events(uv_poll_t *poll, int status _unused_, int events _unused_)
{
	struct file_source *s = poll->data;

	dir_read(&s->dir, on_dir_event, s);
	settle(s);
	tell(s);
}

/* Is it still true that these files are gone? */
static void on_soon(uv_timer_t *timer)
{
	struct file_source *s = timer->data;
	uint64_t now = uv_now(timer->loop);
	struct file *file, *next;
	bool waiting = false;

	dir_read(&s->dir, on_dir_event, s);
	if (!s->lost && !dir_stands(&s->dir))
		s->lost = true;
	HASH_ITER (hh, s->files, file, next) {
		struct identity identity;
		int error;

		if (!file->gone)
			continue;
		if (s->lost || s->doubtful) {
			file->gone = false;
		} else if (now - file->gone_at < GONE_MS) {
			waiting = true;
		} else {
			error = identity_look(file->path, &identity);
			file->gone = false;
			if (error == -ENOENT || error == -ENODEV)
				file_forget(s, file);
			else
				file->marked = true;
		}
	}
	if (waiting)
		uv_timer_start(&s->soon, on_soon, GONE_MS, 0);
	settle(s);
	tell(s);
}

static void on_tick(uv_timer_t *timer)
{
	struct file_source *s = timer->data;
	struct file *file, *next;
	struct identity now;

	if (!dir_stands(&s->dir))
		s->lost = true;
	/* Nobody wrote since it was created: it came complete, as by linkat() of a file without a name. */
	HASH_ITER (hh, s->files, file, next) {
		/* No event tells of the closing if it is a link to another directory. */
		if (file->busy) {
			file->marked = true;
			if (++file->busy == TELL_BUSY)
				say(s, false, "%s: waiting for whoever has it open for writing", file->path);
		}
		if (!file->created || identity_look(file->path, &now) || !now.size)
			continue;
		file->created = false;
		file->marked = true;
	}
	settle(s);
	tell(s);
}

static void file_source_free(struct file_source *s)
{
	struct file *file, *next;

	HASH_ITER (hh, s->files, file, next) {
		HASH_DELETE(hh, s->files, file);
		file_free(file);
	}
	dir_done(&s->dir);
	free(s);
}

static void on_closed(uv_handle_t *handle)
{
	struct file_source *s = handle->data;

	if (!--s->handles)
		file_source_free(s);
}

static void file_source_close(struct source *source)
{
	struct file_source *s = (struct file_source *)source;

	s->handles = 3;
	uv_close((uv_handle_t *)&s->poll, on_closed);
	uv_close((uv_handle_t *)&s->tick, on_closed);
	uv_close((uv_handle_t *)&s->soon, on_closed);
}

static bool file_source_complete(const struct source *source)
{
	const struct file_source *s = (const struct file_source *)source;
	const struct file *file;

	for (file = s->files; file; file = file->hh.next) {
		if ((file->tried || file->busy) && !file->good)
			return false;
	}
	return true;
}

size_t file_source_reads(const struct source *source)
{
	return ((const struct file_source *)source)->reads;
}

static const struct source_ops ops = { .close = file_source_close, .complete = file_source_complete };

int file_source_open(const char *where, uv_loop_t *loop, struct model *model,
		     const struct source_events *events, struct why *why, struct source **ret)
{
	struct file_source *s = calloc(1, sizeof(*s));
	int error;

	if (!s)
		return why_set(why, -ENOMEM, "out of memory");
	*s = (struct file_source){ .source = { &ops }, .model = model, .events = *events };
	error = dir_init(&s->dir, where);
	if (error) {
		free(s);
		return why_set(why, error, "cannot watch %s: %s", where, strerror(-error));
	}
	/* Watched before it is read, so that no change falls between. */
	error = dir_watch(&s->dir);
	if (!error)
		error = uv_poll_init(loop, &s->poll, s->dir.fd);
	if (error) {
		why_set(why, error, "cannot watch %s: %s", where, strerror(-error));
		file_source_free(s);
		return error;
	}
	uv_timer_init(loop, &s->tick);
	uv_timer_init(loop, &s->soon);
	s->poll.data = s->tick.data = s->soon.data = s;
	s->rescan = true;
	settle(s);
	s->touched = false;
	uv_poll_start(&s->poll, UV_READABLE, on_events);
	uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
	*ret = &s->source;
	return 0;
}
