/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Typed reading of a tree. A field knows the way to it from the root, so that what is wrong is told with file,
 * line and path: "dir/web.yaml:12: spec.ports[0].port: 70000 is not a port (1 to 65535)". As Kubernetes has it,
 * null counts as absent.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"
#include "source/name.h"
#include "source/tree.h"
#include "weft/abi.h"

/* What a field stands in: a document of a file. */
struct field_file {
	const char *name;
	const struct tree_document *document;
	struct why *why;
};

struct field {
	const struct field_file *file;
	const struct field *parent; /* NULL: the root */
	const char *key;	    /* NULL: an item of a list */
	size_t index;
	yyjson_val *value; /* NULL: absent */
};

/* Where the value begins; for one that is absent, the object that lacks it. */
uint32_t field_line(const struct field *field);

/* Fills `why` with place, path and the sentence; returns -EINVAL. */
int field_refuse(const struct field *field, const char *format, ...) _printf_(2, 3);

/* The same with the value in front: `"x" is not a port`; or "is missing". */
int field_refuse_value(const struct field *field, const char *format, ...) _printf_(2, 3);

int field_out_of_memory(const struct field *field);

/* A member of an object; of an absent object all members are absent. */
struct field field_member(const struct field *object, const char *key);
struct field field_item(const struct field *list, size_t index, yyjson_val *value);

/* These return 0, or -EINVAL with `why` if the field is there and is something else. */

int field_is_object(const struct field *field);
int field_is_list(const struct field *field);
/* NULL if absent. */
int field_string(const struct field *field, const char **ret);
int field_bool(const struct field *field, bool absent, bool *ret);
/* `what` is said of a number outside: "a port". An absent field leaves *ret as it was. */
int field_number(const struct field *field, uint32_t least, uint32_t most, const char *what, uint32_t *ret);
/* NULL if absent or, for what Kubernetes lets be empty, "". */
int field_name(const struct field *field, enum name_rule rule, const char **ret);
/* An address that can be a destination of one host; must be there. */
int field_address(const struct field *field, struct addr *ret);

/* Copies; NULL counts as "". Returns 0 or -ENOMEM with `why`. */
int field_copy(const struct field *field, const char *text, char **ret);
/* As field_copy(), to an interned text (base/intern.h). */
int field_intern(const struct field *field, const char *text, const char **ret);
