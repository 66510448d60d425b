/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Trees of values that know their line; how JSON becomes one. */
#include "source/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

/* Objects up to this size are searched for repeated keys without sorting. */
enum {
	FEW_KEYS = 16,
};

struct keys {
	yyjson_val **items;
	size_t room;
};

static void keys_done(struct keys *keys)
{
	free(keys->items);
}

static void documents_done(struct tree_document *document)
{
	yyjson_doc_free(document->json);
	free(document->lines);
}

void tree_done(struct tree *tree)
{
	for (size_t i = 0; i < tree->count; i++)
		documents_done(&tree->documents[i]);
	free(tree->documents);
	*tree = (struct tree){ 0 };
}

int tree_append(struct tree *tree, yyjson_doc *json, uint32_t *lines)
{
	struct tree_document document = { .json = json, .lines = lines };

	if (vec_reserve(&tree->documents, tree->count + 1, &tree->room, sizeof(*tree->documents))) {
		documents_done(&document);
		return -ENOMEM;
	}
	tree->documents[tree->count++] = document;
	return 0;
}

/* yyjson keeps the values of a document in one array, in the order of the text. */
uint32_t tree_line(const struct tree_document *document, const yyjson_val *value)
{
	return document->lines[value - yyjson_doc_get_root(document->json)];
}

static uint32_t count_lines(const char *text, size_t size)
{
	uint32_t line = 1;

	for (size_t i = 0; i < size; i++)
		line += text[i] == '\n';
	return line;
}

/* The index of the closing quote of a string that begins at `at`. */
static size_t skip_string(const char *text, size_t size, size_t at)
{
	for (at++; at < size && text[at] != '"'; at++)
		at += text[at] == '\\';
	return at;
}

/* The index of the last character of a number or of true, false, null. */
static size_t skip_word(const char *text, size_t size, size_t at)
{
	while (at + 1 < size && !strchr(",:]} \t\r\n", text[at + 1]))
		at++;
	return at;
}

/* Notes the line of each value of a JSON text that is known to be well-formed. */
static int find_lines(const char *name, const char *text, size_t size, uint32_t *lines, size_t count,
		      struct why *why)
{
	uint32_t line = 1;
	size_t depth = 0, found = 0;

	for (size_t i = 0; i < size && found < count; i++) {
		switch (text[i]) {
		case '\n':
			line++;
			break;
		case ' ':
		case '\t':
		case '\r':
		case ',':
		case ':':
			break;
		case ']':
		case '}':
			depth--;
			break;
		case '[':
		case '{':
			lines[found++] = line;
			if (++depth > TREE_MAX_DEPTH)
				return why_set(why, -EINVAL, "%s:%u: more than %d levels deep", name, line,
					       TREE_MAX_DEPTH);
			break;
		case '"':
			lines[found++] = line;
			i = skip_string(text, size, i);
			break;
		default:
			lines[found++] = line;
			i = skip_word(text, size, i);
			break;
		}
	}
	return 0;
}

static bool is_blank(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (!memchr(" \t\r\n", text[i], 4))
			return false;
	}
	return true;
}

static int parse_json(const char *name, const char *text, size_t size, struct why *why, struct tree *tree)
{
	yyjson_read_err failure;
	yyjson_doc *json;
	uint32_t *lines;
	size_t count;
	int error;

	/* yyjson takes a mutable text and does not change it without YYJSON_READ_INSITU. */
	json = yyjson_read_opts((char *)text, size, YYJSON_READ_NOFLAG, NULL, &failure);
	if (!json && failure.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
		return why_set(why, -ENOMEM, "%s: out of memory", name);
	if (!json)
		return why_set(why, -EINVAL, "%s:%u: not JSON: %s", name,
			       count_lines(text, failure.pos < size ? failure.pos : size), failure.msg);
	count = yyjson_doc_get_val_count(json);
	lines = calloc(count, sizeof(*lines));
	if (!lines) {
		yyjson_doc_free(json);
		return why_set(why, -ENOMEM, "%s: out of memory", name);
	}
	error = find_lines(name, text, size, lines, count, why);
	if (error) {
		yyjson_doc_free(json);
		free(lines);
		return error;
	}
	return tree_append(tree, json, lines);
}

/* By length, then by bytes, then by place. */
static int key_compare(const void *left, const void *right)
{
	yyjson_val *a = *(yyjson_val *const *)left;
	yyjson_val *b = *(yyjson_val *const *)right;
	size_t size = yyjson_get_len(a);
	size_t other = yyjson_get_len(b);
	int order;

	if (size != other)
		return size < other ? -1 : 1;
	order = memcmp(a->uni.str, b->uni.str, size);
	if (order)
		return order;
	return a < b ? -1 : a > b;
}

static bool same_key(yyjson_val *a, yyjson_val *b)
{
	return yyjson_get_len(a) == yyjson_get_len(b) && !memcmp(a->uni.str, b->uni.str, yyjson_get_len(a));
}

/* The key that repeats another one, or NULL. */
static yyjson_val *find_repeated(yyjson_val **keys, size_t count)
{
	if (count > FEW_KEYS) {
		qsort(keys, count, sizeof(*keys), key_compare);
		for (size_t i = 1; i < count; i++) {
			if (same_key(keys[i - 1], keys[i]))
				return keys[i];
		}
		return NULL;
	}
	for (size_t i = 1; i < count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (same_key(keys[i], keys[j]))
				return keys[i];
		}
	}
	return NULL;
}

static int check_keys(const char *name, const struct tree_document *document, struct keys *keys,
		      struct why *why)
{
	yyjson_val *root = yyjson_doc_get_root(document->json);
	size_t count = yyjson_doc_get_val_count(document->json);

	for (size_t i = 0; i < count; i++) {
		yyjson_val *repeated;
		yyjson_obj_iter iter;
		yyjson_val *key;
		size_t n = 0;

		if (!yyjson_is_obj(root + i))
			continue;
		if (vec_reserve(&keys->items, yyjson_obj_size(root + i), &keys->room, sizeof(*keys->items)))
			return why_set(why, -ENOMEM, "%s: out of memory", name);
		yyjson_obj_iter_init(root + i, &iter);
		while ((key = yyjson_obj_iter_next(&iter)))
			keys->items[n++] = key;
		repeated = find_repeated(keys->items, n);
		if (repeated)
			return why_set(why, -EINVAL, "%s:%u: \"%s\" stands twice in one object", name,
				       tree_line(document, repeated), repeated->uni.str);
	}
	return 0;
}

int tree_parse(const char *name, enum tree_format format, const char *text, size_t size, struct why *why,
	       struct tree *ret)
{
	static const char bom[] = "\xef\xbb\xbf";
	_cleanup_(tree_done) struct tree tree = { 0 };
	_cleanup_(keys_done) struct keys keys = { 0 };
	int error = 0;

	if (size >= strlen(bom) && !memcmp(text, bom, strlen(bom))) {
		text += strlen(bom);
		size -= strlen(bom);
	}
	if (format == TREE_YAML)
		error = tree_parse_yaml(name, text, size, why, &tree);
	else if (!is_blank(text, size))
		error = parse_json(name, text, size, why, &tree);
	for (size_t i = 0; !error && i < tree.count; i++)
		error = check_keys(name, &tree.documents[i], &keys, why);
	if (error)
		return error;
	*ret = tree;
	tree = (struct tree){ 0 };
	return 0;
}
