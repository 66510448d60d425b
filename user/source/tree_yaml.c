/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* YAML to trees: libyaml's events build yyjson's values. */
#include "source/tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <yaml.h>

#include "base/vec.h"
#include "source/scalar.h"

/* A value that an alias may repeat. */
struct anchor {
	char *name;
	yyjson_mut_val *value;
	bool open; /* its end was not read yet: an alias would hold itself */
	UT_hash_handle hh;
};

/* An object or array that is being read. */
struct level {
	yyjson_mut_val *value;
	yyjson_mut_val *key; /* object: the key that waits for its value */
	struct anchor *anchor;
};

struct reader {
	const char *name;
	const char *text;
	size_t size;
	struct why *why;
	yyjson_mut_doc *json; /* of the document that is being read */
	yyjson_mut_val *root;
	struct level levels[TREE_MAX_DEPTH];
	size_t depth;
	struct anchor *anchors;
	size_t copied; /* bytes, by aliases, in this file */
	uint32_t *lines;
	size_t n_lines;
	size_t lines_room;
};

static void forget_anchors(struct reader *r)
{
	struct anchor *anchor, *next;

	HASH_ITER (hh, r->anchors, anchor, next) {
		HASH_DELETE(hh, r->anchors, anchor);
		free(anchor->name);
		free(anchor);
	}
}

static void reader_done(struct reader *r)
{
	forget_anchors(r);
	yyjson_mut_doc_free(r->json);
	free(r->lines);
}

static int out_of_memory(struct reader *r)
{
	return why_set(r->why, -ENOMEM, "%s: out of memory", r->name);
}

static unsigned event_line(const yaml_event_t *event)
{
	return (unsigned)event->start_mark.line + 1;
}

static _printf_(3, 4) int refuse(struct reader *r, const yaml_event_t *event, const char *format, ...)
{
	struct why what;
	va_list args;

	va_start(args, format);
	vsnprintf(what.text, sizeof(what.text), format, args);
	va_end(args);
	return why_set(r->why, -EINVAL, "%s:%u: %s", r->name, event_line(event), what.text);
}

static int note_line(struct reader *r, unsigned line)
{
	if (vec_reserve(&r->lines, r->n_lines + 1, &r->lines_room, sizeof(*r->lines)))
		return out_of_memory(r);
	r->lines[r->n_lines++] = line;
	return 0;
}

/* Puts a finished or opened value where the document stands. */
static int place(struct reader *r, const yaml_event_t *event, yyjson_mut_val *value)
{
	struct level *level = r->depth ? &r->levels[r->depth - 1] : NULL;

	if (!value)
		return out_of_memory(r);
	if (!level) {
		r->root = value;
		return 0;
	}
	if (yyjson_mut_is_arr(level->value))
		return yyjson_mut_arr_append(level->value, value) ? 0 : out_of_memory(r);
	if (level->key) {
		bool added = yyjson_mut_obj_add(level->value, level->key, value);

		level->key = NULL;
		return added ? 0 : out_of_memory(r);
	}
	if (!yyjson_mut_is_str(value))
		return refuse(r, event, "a list or an object stands where a key belongs");
	level->key = value;
	return 0;
}

static bool at_key(const struct reader *r)
{
	return r->depth && yyjson_mut_is_obj(r->levels[r->depth - 1].value) && !r->levels[r->depth - 1].key;
}

static int anchor_add(struct reader *r, const yaml_char_t *name, yyjson_mut_val *value, bool open,
		      struct anchor **ret)
{
	struct anchor *anchor;

	if (!name)
		return 0;
	HASH_FIND_STR(r->anchors, (const char *)name, anchor);
	if (!anchor) {
		anchor = calloc(1, sizeof(*anchor));
		if (!anchor)
			return out_of_memory(r);
		anchor->name = strdup((const char *)name);
		if (!anchor->name) {
			free(anchor);
			return out_of_memory(r);
		}
		HASH_ADD_KEYPTR(hh, r->anchors, anchor->name, strlen(anchor->name), anchor);
	}
	anchor->value = value;
	anchor->open = open;
	*ret = anchor;
	return 0;
}

static int on_scalar(struct reader *r, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t size = event->data.scalar.length;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct anchor *anchor = NULL;
	yyjson_mut_val *value = NULL;
	int error = note_line(r, event_line(event));

	if (error)
		return error;
	if (at_key(r)) {
		if (plain && !strcmp(text, "<<"))
			return refuse(r, event, "merge keys (<<) are not supported");
		if (plain && !size)
			return refuse(r, event, "a key is missing");
		value = yyjson_mut_strncpy(r->json, text, size);
	} else {
		error = scalar_value(r->json, (const char *)event->data.scalar.tag, plain, text, size,
				     &value);
		if (error == -EINVAL)
			return refuse(r, event, "\"%.64s\" is not a value of the tag %.64s", text,
				      (const char *)event->data.scalar.tag);
		if (error)
			return out_of_memory(r);
	}
	error = value ? anchor_add(r, event->data.scalar.anchor, value, false, &anchor) : 0;
	return error ? error : place(r, event, value);
}

static int on_open(struct reader *r, const yaml_event_t *event, yyjson_mut_val *value,
		   const yaml_char_t *name, const yaml_char_t *tag, const char *expected)
{
	struct anchor *anchor = NULL;
	int error = note_line(r, event_line(event));

	if (error)
		return error;
	if (tag && strcmp((const char *)tag, expected) && strcmp((const char *)tag, "!"))
		return refuse(r, event, "the tag %.64s is not supported", (const char *)tag);
	if (r->depth == TREE_MAX_DEPTH)
		return refuse(r, event, "more than %d levels deep", TREE_MAX_DEPTH);
	error = place(r, event, value);
	if (!error)
		error = anchor_add(r, name, value, true, &anchor);
	if (error)
		return error;
	r->levels[r->depth++] = (struct level){ .value = value, .anchor = anchor };
	return 0;
}

static void on_close(struct reader *r)
{
	const struct level *level = &r->levels[--r->depth];

	/* The name may have been given to another value meanwhile. */
	if (level->anchor && level->anchor->value == level->value)
		level->anchor->open = false;
}

/* Counts what a copy of the value holds; bounded by the depth, as every value that was placed. */
static int note_copy(struct reader *r, const yaml_event_t *event, yyjson_mut_val *value, size_t depth)
{
	yyjson_mut_arr_iter items;
	yyjson_mut_obj_iter members;
	yyjson_mut_val *inner;
	int error = note_line(r, event_line(event));

	r->copied += sizeof(*value) + (yyjson_mut_is_str(value) ? yyjson_mut_get_len(value) : 0);
	if (!error && r->copied > TREE_MAX_COPIED)
		return refuse(r, event, "aliases make this file too large");
	if (!error && depth > TREE_MAX_DEPTH)
		return refuse(r, event, "more than %d levels deep", TREE_MAX_DEPTH);
	if (!error && yyjson_mut_is_arr(value)) {
		yyjson_mut_arr_iter_init(value, &items);
		while (!error && (inner = yyjson_mut_arr_iter_next(&items)))
			error = note_copy(r, event, inner, depth + 1);
	} else if (!error && yyjson_mut_is_obj(value)) {
		yyjson_mut_obj_iter_init(value, &members);
		while (!error && (inner = yyjson_mut_obj_iter_next(&members))) {
			error = note_copy(r, event, inner, depth + 1);
			if (!error)
				error = note_copy(r, event, yyjson_mut_obj_iter_get_val(inner), depth + 1);
		}
	}
	return error;
}

static int on_alias(struct reader *r, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct anchor *anchor;
	int error;

	HASH_FIND_STR(r->anchors, name, anchor);
	if (!anchor)
		return refuse(r, event, "*%.64s: there is no such anchor before it", name);
	if (anchor->open)
		return refuse(r, event, "*%.64s stands inside what it names", name);
	if (at_key(r) && !yyjson_mut_is_str(anchor->value))
		return refuse(r, event, "*%.64s is not a string, as a key must be", name);
	error = note_copy(r, event, anchor->value, r->depth + 1);
	if (error)
		return error;
	return place(r, event, yyjson_mut_val_mut_copy(r->json, anchor->value));
}

static int on_document_start(struct reader *r)
{
	r->json = yyjson_mut_doc_new(NULL);
	r->root = NULL;
	r->n_lines = 0;
	return r->json ? 0 : out_of_memory(r);
}

static int on_document_end(struct reader *r, struct tree *tree)
{
	uint32_t *lines = r->lines;
	yyjson_doc *json;
	int error;

	yyjson_mut_doc_set_root(r->json, r->root);
	json = yyjson_mut_doc_imut_copy(r->json, NULL);
	if (!json)
		return out_of_memory(r);
	r->lines = NULL;
	r->n_lines = r->lines_room = 0;
	error = tree_append(tree, json, lines);
	forget_anchors(r);
	yyjson_mut_doc_free(r->json);
	r->json = NULL;
	return error ? out_of_memory(r) : 0;
}

static int on_event(struct reader *r, const yaml_event_t *event, struct tree *tree)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document_start(r);
	case YAML_DOCUMENT_END_EVENT:
		return on_document_end(r, tree);
	case YAML_SCALAR_EVENT:
		return on_scalar(r, event);
	case YAML_ALIAS_EVENT:
		return on_alias(r, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(r, event, yyjson_mut_arr(r->json), event->data.sequence_start.anchor,
			       event->data.sequence_start.tag, YAML_SEQ_TAG);
	case YAML_MAPPING_START_EVENT:
		return on_open(r, event, yyjson_mut_obj(r->json), event->data.mapping_start.anchor,
			       event->data.mapping_start.tag, YAML_MAP_TAG);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		on_close(r);
		return 0;
	default:
		return 0;
	}
}

/* Is there a tab among the blanks that a line begins with? */
static bool indented_by_tab(const struct reader *r, size_t line)
{
	const char *at = r->text;
	const char *end = r->text + r->size;

	while (line-- && at) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	while (at && at < end && *at == ' ')
		at++;
	return at && at < end && *at == '\t';
}

static int refuse_malformed(struct reader *r, const yaml_parser_t *parser)
{
	size_t line = parser->problem_mark.line;

	if (parser->error == YAML_MEMORY_ERROR)
		return out_of_memory(r);
	if (parser->error == YAML_READER_ERROR) {
		line = 0;
		for (size_t i = 0; i < parser->problem_offset && i < r->size; i++)
			line += r->text[i] == '\n';
	} else if (indented_by_tab(r, line)) {
		return why_set(r->why, -EINVAL, "%s:%zu: not YAML: indented by a tab", r->name, line + 1);
	}
	return why_set(r->why, -EINVAL, "%s:%zu: not YAML: %s%s%s", r->name, line + 1,
		       parser->context ? parser->context : "", parser->context ? ": " : "",
		       parser->problem ? parser->problem : "malformed");
}

int tree_parse_yaml(const char *name, const char *text, size_t size, struct why *why, struct tree *tree)
{
	_cleanup_(reader_done) struct reader r = { .name = name, .text = text, .size = size, .why = why };
	_cleanup_(yaml_parser_delete) yaml_parser_t parser;
	bool done = false;
	int error = 0;

	if (!yaml_parser_initialize(&parser))
		return out_of_memory(&r);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	while (!error && !done) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event))
			return refuse_malformed(&r, &parser);
		error = on_event(&r, &event, tree);
		done = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	return error;
}
