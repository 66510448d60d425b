/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A directory of YAML and JSON files as a source. */
#include "source/file_impl.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

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

void file_source_say_line(struct file_source *s, bool bad, const char *line)
{
	if (s->events.say)
		s->events.say(s->events.arg, bad, line);
}

void file_source_say(struct file_source *s, bool bad, const char *format, ...)
{
	_cleanup_(freep) char *line = NULL;
	va_list args;

	va_start(args, format);
	line = text_vformat(format, args);
	va_end(args);
	if (line)
		file_source_say_line(s, bad, line);
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
		file_note(s, file, event);
	else if (event != DIR_DELETED && event != DIR_RENAMED)
		s->rescan = true;
}

void file_source_listen(struct file_source *s)
{
	dir_read(&s->dir, on_dir_event, s);
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
		file_mark(s, file);
		found++;
	}
	s->rescan = false;
	if (s->doubtful && !found && s->files)
		return;
	s->doubtful = false;
	HASH_ITER (hh, s->files, file, next)
		file_mark(s, file);
}

/* Finds the directory again. */
static void recover(struct file_source *s)
{
	struct file *file, *next;
	int error = dir_watch(&s->dir);

	s->lost = error != 0;
	if (error) {
		s->errors[SOURCE_ERROR_READ] += !s->told;
		if (!s->told)
			file_source_say(s, true,
					"%s: the directory is gone (%s); what it said last stays in force",
					s->dir.path, strerror(-error));
		s->told = true;
		return;
	}
	HASH_ITER (hh, s->files, file, next)
		file->gone = file->writing = file->created = false;
	s->doubtful = true;
	scan(s);
	if (s->doubtful)
		file_source_say(
			s, true,
			"%s: the directory is another one now, and empty; what was said last stays in force "
			"until there is a file in it",
			s->dir.path);
	else if (s->told)
		file_source_say(s, false, "%s: the directory is back", s->dir.path);
	s->told = false;
}

/* Those that are gone leave first, so that what was moved to another file is not there twice. */
static bool check_marked(struct file_source *s)
{
	struct file *file, *next;
	struct identity now;
	size_t count;
	bool any;

	for (file = s->marked; file; file = next) {
		next = file->marked_next;
		if (file->renamed && !s->lost && !s->doubtful && identity_look(file->path, &now) == -ENOENT &&
		    dir_stands(&s->dir))
			file_forget(s, file);
	}
	/* What is marked meanwhile has its turn in the next round. */
	DL_COUNT2(s->marked, file, count, marked_next);
	any = count > 0 && !s->lost && !s->doubtful;
	while (count-- && !s->lost && !s->doubtful) {
		file = s->marked;
		file_unmark(s, file);
		s->n_bad -= file_is_bad(file);
		file_check(s, file);
		s->n_bad += file_is_bad(file);
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

	file_source_listen(s);
	settle(s);
	tell(s);
}

static void on_soon(uv_timer_t *timer);

void file_source_wait(struct file_source *s)
{
	if (!uv_is_active((uv_handle_t *)&s->soon))
		uv_timer_start(&s->soon, on_soon, GONE_MS, 0);
}

/* Is it still true that these files are gone? */
static void on_soon(uv_timer_t *timer)
{
	struct file_source *s = timer->data;
	uint64_t now = uv_now(timer->loop);
	struct file *file, *next;
	bool waiting = false;

	file_source_listen(s);
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
				file_mark(s, file);
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
			file_mark(s, file);
			if (++file->busy == TELL_BUSY)
				file_source_say(s, false, "%s: waiting for whoever has it open for writing",
						file->path);
		}
		if (!file->created || identity_look(file->path, &now) || !now.size)
			continue;
		file->created = false;
		file_mark(s, file);
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
	return !((const struct file_source *)source)->n_bad;
}

size_t file_source_reads(const struct source *source)
{
	return ((const struct file_source *)source)->reads;
}

/* Of several files that are wrong, the first by name: so it is the same one each time. */
static void say_what_is_wrong(const struct file_source *s, struct why *ret)
{
	const struct file *first = NULL;
	struct file *file, *next;
	size_t count = 0;

	HASH_ITER (hh, s->files, file, next) {
		if (!file->error)
			continue;
		count++;
		if (!first || strcmp(file->name, first->name) < 0)
			first = file;
	}
	if (s->lost)
		why_set(ret, 0, "%s: the directory is gone", s->dir.path);
	else if (s->doubtful)
		why_set(ret, 0, "%s: the directory is another one now, and empty", s->dir.path);
	else if (count > 1)
		why_set(ret, 0, "%s (and %zu more files)", first->error, count - 1);
	else if (first)
		why_set(ret, 0, "%s", first->error);
}

static void file_source_status(const struct source *source, struct source_status *ret)
{
	const struct file_source *s = (const struct file_source *)source;

	ret->kind = "file";
	ret->last_event_ns = s->last_event_ns;
	ret->events = s->reads;
	memcpy(ret->errors, s->errors, sizeof(ret->errors));
	say_what_is_wrong(s, &ret->wrong);
}

static const struct source_ops ops = { .close = file_source_close,
				       .complete = file_source_complete,
				       .status = file_source_status };

int file_source_open(const char *where, const struct source_options *options _unused_, uv_loop_t *loop,
		     struct model *model, const struct source_events *events, struct why *why,
		     struct source **ret)
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
