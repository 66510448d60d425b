/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Typed reading of a tree. */
#include "source/field.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/intern.h"

enum {
	PATH_SIZE = 256,
	VALUE_SIZE = 100,
};

uint32_t field_line(const struct field *field)
{
	while (!field->value && field->parent)
		field = field->parent;
	return field->value ? tree_line(field->file->document, field->value) : 1;
}

/* Writes the path, cut where it does not fit; returns how long it is now. */
static size_t print_path(const struct field *field, char path[PATH_SIZE], size_t length)
{
	int written;

	if (!field->parent)
		return length;
	length = print_path(field->parent, path, length);
	if (!field->key)
		written = snprintf(path + length, PATH_SIZE - length, "[%zu]", field->index);
	else if (strpbrk(field->key, "./"))
		written = snprintf(path + length, PATH_SIZE - length, "[%s]", field->key);
	else
		written = snprintf(path + length, PATH_SIZE - length, "%s%s", length ? "." : "", field->key);
	if (written > 0)
		length += (size_t)written;
	return length < PATH_SIZE ? length : PATH_SIZE - 1;
}

static const char *print_value(yyjson_val *value, char text[VALUE_SIZE])
{
	_cleanup_(freep) char *json = NULL;

	if (yyjson_is_obj(value))
		return "an object";
	if (yyjson_is_arr(value))
		return "a list";
	json = yyjson_val_write(value, YYJSON_WRITE_ALLOW_INF_AND_NAN, NULL);
	if (!json)
		return "this";
	if (snprintf(text, VALUE_SIZE, "%s", json) >= VALUE_SIZE)
		strcpy(text + VALUE_SIZE - sizeof("...\""), "...\"");
	return text;
}

static int refuse(const struct field *field, const char *what)
{
	char path[PATH_SIZE] = "";

	print_path(field, path, 0);
	return why_set(field->file->why, -EINVAL, "%s:%u: %s%s%s", field->file->name, field_line(field), path,
		       *path ? ": " : "", what);
}

int field_refuse(const struct field *field, const char *format, ...)
{
	struct why what;
	va_list args;

	va_start(args, format);
	vsnprintf(what.text, sizeof(what.text), format, args);
	va_end(args);
	return refuse(field, what.text);
}

int field_refuse_value(const struct field *field, const char *format, ...)
{
	char value[VALUE_SIZE];
	struct why what;
	va_list args;

	if (!field->value)
		return refuse(field, "is missing");
	va_start(args, format);
	vsnprintf(what.text, sizeof(what.text), format, args);
	va_end(args);
	return field_refuse(field, "%s %s", print_value(field->value, value), what.text);
}

int field_out_of_memory(const struct field *field)
{
	return why_set(field->file->why, -ENOMEM, "%s: out of memory", field->file->name);
}

struct field field_member(const struct field *object, const char *key)
{
	yyjson_val *value = yyjson_obj_get(object->value, key);

	return (struct field){
		.file = object->file,
		.parent = object,
		.key = key,
		.value = yyjson_is_null(value) ? NULL : value,
	};
}

struct field field_item(const struct field *list, size_t index, yyjson_val *value)
{
	return (struct field){
		.file = list->file,
		.parent = list,
		.index = index,
		.value = yyjson_is_null(value) ? NULL : value,
	};
}

int field_is_object(const struct field *field)
{
	if (field->value && !yyjson_is_obj(field->value))
		return field_refuse_value(field, "stands where an object belongs");
	return 0;
}

int field_is_list(const struct field *field)
{
	if (field->value && !yyjson_is_arr(field->value))
		return field_refuse_value(field, "stands where a list belongs");
	return 0;
}

int field_string(const struct field *field, const char **ret)
{
	const char *text = yyjson_get_str(field->value);

	if (field->value && !text)
		return field_refuse_value(field, "is not a string%s",
					  yyjson_is_ctn(field->value) ? "" : "; put it in quotes");
	if (text && strlen(text) != yyjson_get_len(field->value))
		return field_refuse(field, "holds a NUL character");
	*ret = text;
	return 0;
}

int field_bool(const struct field *field, bool absent, bool *ret)
{
	if (field->value && !yyjson_is_bool(field->value))
		return field_refuse_value(field, "is neither true nor false");
	*ret = field->value ? yyjson_get_bool(field->value) : absent;
	return 0;
}

int field_number(const struct field *field, uint32_t least, uint32_t most, const char *what, uint32_t *ret)
{
	if (!field->value)
		return 0;
	if (!yyjson_is_uint(field->value) || yyjson_get_uint(field->value) < least ||
	    yyjson_get_uint(field->value) > most)
		return field_refuse_value(field, "is not %s (%u to %u)", what, least, most);
	*ret = (uint32_t)yyjson_get_uint(field->value);
	return 0;
}

int field_name(const struct field *field, enum name_rule rule, const char **ret)
{
	const char *text = NULL;
	int error = field_string(field, &text);

	if (error)
		return error;
	if (text && *text && !name_fits(rule, text))
		return field_refuse_value(field, "is not %s", name_rule_text(rule));
	*ret = text;
	return 0;
}

/* 0.0.0.0 and :: mean "any", multicast is nobody's alone. */
static bool is_one_host(const struct addr *address)
{
	static const struct addr any6, any4 = { { [10] = 0xff, [11] = 0xff } };

	if (!addr_compare(address, &any6) || !addr_compare(address, &any4))
		return false;
	if (addr_is_v4(address))
		return address->bytes[12] < 224;
	return address->bytes[0] != 0xff;
}

int field_address(const struct field *field, struct addr *ret)
{
	struct addr address;
	const char *text = NULL;
	int error = field_string(field, &text);

	if (error)
		return error;
	/* An IPv4 address in IPv6 clothes is read differently by different programs. */
	if (!text || addr_parse(text, &address) || (addr_is_v4(&address) && strchr(text, ':')))
		return field_refuse_value(field, "is not an IP address");
	if (!is_one_host(&address))
		return field_refuse_value(field, "is not the address of one host");
	*ret = address;
	return 0;
}

int field_intern(const struct field *field, const char *text, const char **ret)
{
	const char *interned = intern(text);

	if (!interned)
		return field_out_of_memory(field);
	*ret = interned;
	return 0;
}

int field_copy(const struct field *field, const char *text, char **ret)
{
	char *copy = strdup(text ? text : "");

	if (!copy)
		return field_out_of_memory(field);
	*ret = copy;
	return 0;
}
