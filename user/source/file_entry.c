/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One file of the directory: when it is read, and what comes of it. */
#include "source/file_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

void file_free(struct file *file)
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

bool is_object_file(const char *name)
{
	return name[0] != '.' &&
	       (has_suffix(name, ".yaml") || has_suffix(name, ".yml") || has_suffix(name, ".json"));
}

struct file *file_find(const struct file_source *s, const char *name)
{
	struct file *file;

	HASH_FIND_STR(s->files, name, file);
	return file;
}

struct file *file_get(struct file_source *s, const char *name)
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

bool file_is_bad(const struct file *file)
{
	return (file->tried || file->busy) && !file->good;
}

void file_mark(struct file_source *s, struct file *file)
{
	if (file->marked)
		return;
	file->marked = true;
	DL_APPEND2(s->marked, file, marked_prev, marked_next);
}

void file_unmark(struct file_source *s, struct file *file)
{
	if (!file->marked)
		return;
	file->marked = false;
	DL_DELETE2(s->marked, file, marked_prev, marked_next);
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
			file_source_say(s, false, "%s:%u: %s", file->path, notices->items[i].line,
					notices->items[i].text);
	}
	notices_done(&file->notices);
	file->notices = *notices;
	*notices = (struct notices){ 0 };
}

static void on_complaint(void *arg, const char *sentence)
{
	struct file_source *s = arg;

	s->errors[SOURCE_ERROR_DUPLICATE]++;
	file_source_say_line(s, true, sentence);
}

/* What was read well before stays in force. */
static void file_fail(struct file_source *s, struct file *file, enum source_error kind, bool anew,
		      const char *text)
{
	char *error;

	if (file->error && !anew && !strcmp(file->error, text))
		return;
	s->errors[kind]++;
	file_source_say_line(s, true, text);
	error = strdup(text);
	free(file->error);
	file->error = error ? error : calloc(1, 1);
	s->touched = true;
}

static void file_accept(struct file_source *s, struct file *file, struct parsed *parsed)
{
	if (model_replace(s->model, file->path, &parsed->objects, on_complaint, s)) {
		s->errors[SOURCE_ERROR_MEMORY]++;
		file_source_say(s, true, "%s: out of memory", file->path);
		file->tried = file->good;
		s->rescan = true;
		file->identity = (struct identity){ 0 };
		return;
	}
	if (file->error)
		file_source_say(s, false, "%s: good again", file->path);
	free(file->error);
	file->error = NULL;
	file->good = true;
	s->touched = true;
	say_notices(s, file, &parsed->notices);
}

void file_forget(struct file_source *s, struct file *file)
{
	struct objects none = { 0 };

	if (model_replace(s->model, file->path, &none, NULL, NULL)) {
		s->rescan = true;
		return;
	}
	file_unmark(s, file);
	s->n_bad -= file_is_bad(file);
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
	file_source_wait(s);
}

static void file_read(struct file_source *s, struct file *file)
{
	_cleanup_(parsed_done) struct parsed parsed = { 0 };
	_cleanup_(freep) char *text = NULL;
	enum tree_format format = has_suffix(file->name, ".json") ? TREE_JSON : TREE_YAML;
	size_t writes = file->writes, size = 0;
	struct identity identity;
	struct why why = { "" };
	enum source_error kind = SOURCE_ERROR_READ;
	bool anew;
	int error = fetch(file->path, &identity, &text, &size);

	s->reads++;
	s->last_event_ns = clock_now_ns();
	/* Who wrote before the last byte was read and is done with it has left an event by now. */
	file_source_listen(s);
	if (error == -EAGAIN)
		file->busy += !file->busy;
	if (error == -ENOENT || error == -ENODEV)
		file_mark(s, file);
	if (file->writes != writes || s->lost || error == -EAGAIN || error == -ENOENT || error == -ENODEV) {
		file->heard = true;
		return;
	}
	file->busy = 0;
	if (error) {
		why_set(&why, error, "%s: cannot be read: %s", file->path, strerror(-error));
		anew = !file->tried;
		file->identity = (struct identity){ 0 };
	} else {
		anew = !file->tried || !identity_same_content(&file->identity, &identity);
		file->identity = identity;
		kind = SOURCE_ERROR_PARSE;
		error = parse_text(file->path, format, text, size, &why, &parsed);
	}
	file->tried = true;
	if (error)
		file_fail(s, file, kind, anew, why.text);
	else
		file_accept(s, file, &parsed);
}

/* Was it read as it is now? Time stamps alone do not tell if it was fresh then and an event came since. */
static bool file_is_known(const struct file *file, const struct identity *now)
{
	return file->tried && identity_same(&file->identity, now) && (file->identity.settled || !file->heard);
}

void file_check(struct file_source *s, struct file *file)
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
		file_fail(s, file, SOURCE_ERROR_READ, !file->tried, why.text);
		file->tried = true;
		file->identity = (struct identity){ 0 };
		return;
	}
	if (file->writing || file->created)
		return;
	if (file_is_known(file, &now)) {
		file->busy = 0;
		return;
	}
	file->heard = false;
	file_read(s, file);
}

/* A new name: complete if it links to what was there before, else its writer will close it. */
static void file_created(struct file_source *s, struct file *file)
{
	struct stat status;

	file->created = lstat(file->path, &status) || (!S_ISLNK(status.st_mode) && status.st_nlink < 2);
	if (file->created)
		file_unmark(s, file);
	else
		file_mark(s, file);
	file->writes++;
}

void file_note(struct file_source *s, struct file *file, enum dir_event event)
{
	if (event == DIR_CREATED) {
		file_created(s, file);
		return;
	}
	if (event == DIR_TOUCHED && (file->writing || file->created))
		return;
	file->created = false;
	file->writing = event == DIR_WRITING;
	file->writes += event == DIR_WRITING;
	if (event == DIR_WRITING)
		file_unmark(s, file);
	else
		file_mark(s, file);
	file->heard = true;
	file->renamed = event == DIR_RENAMED;
}
