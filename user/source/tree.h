/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The text of a file, YAML or JSON, as trees of values, each of which knows its line. Whatever the format, the
 * trees are yyjson's, so that one validator serves both.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <yyjson.h>

#include "base/why.h"

enum {
	TREE_MAX_DEPTH = 64,
	/* What aliases may copy, in bytes: a small file must not become a large tree. */
	TREE_MAX_COPIED = 16 << 20,
};

enum tree_format {
	TREE_YAML,
	TREE_JSON,
};

struct tree_document {
	yyjson_doc *json;
	uint32_t *lines; /* of each value and key, in the order of the text */
};

/* A YAML file may hold several documents, one of blanks and comments holds none. */
struct tree {
	struct tree_document *documents;
	size_t count;
	size_t room;
};

/*
 * Reads `size` bytes; `name` stands in front of messages: "dir/file.yaml:12: ...". YAML follows the core schema
 * of YAML 1.2; its keys are always strings. Refused beside what is malformed: a key that stands twice in an
 * object, merge keys, tags that are not of the core schema. Returns 0, -EINVAL with `why`, or -ENOMEM.
 */
int tree_parse(const char *name, enum tree_format format, const char *text, size_t size, struct why *why,
	       struct tree *ret);
void tree_done(struct tree *tree); /* also for _cleanup_ */

/* The line, from 1, where a value of this document begins. */
uint32_t tree_line(const struct tree_document *document, const yyjson_val *value);

/*
 * For tree*.c alone: appends a document, which it takes over, also on failure, or the documents of a YAML text.
 */
int tree_append(struct tree *tree, yyjson_doc *json, uint32_t *lines);
int tree_parse_yaml(const char *name, const char *text, size_t size, struct why *why, struct tree *tree);
