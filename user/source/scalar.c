/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a YAML scalar means. */
#include "source/scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/attr.h"

static const char digits[] = "0123456789";

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(text, words[i]))
			return true;
	}
	return false;
}

static bool read_null(const char *text)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	return is_one_of(text, words, ARRAY_LEN(words));
}

static bool read_bool(const char *text, bool *ret)
{
	static const char *const yes[] = { "true", "True", "TRUE" };
	static const char *const no[] = { "false", "False", "FALSE" };

	*ret = is_one_of(text, yes, ARRAY_LEN(yes));
	return *ret || is_one_of(text, no, ARRAY_LEN(no));
}

/* Does all of `text` consist of these characters, and of one at the least? */
static bool is_made_of(const char *text, const char *characters)
{
	return *text && !text[strspn(text, characters)];
}

/* [-+]?[0-9]+, 0o[0-7]+ or 0x[0-9a-fA-F]+; false also for what 64 bits do not hold. */
static bool read_integer(const char *text, bool *ret_negative, uint64_t *ret)
{
	bool negative = *text == '-';
	int base = 10;

	if (!strncmp(text, "0o", 2) && is_made_of(text + 2, "01234567"))
		base = 8;
	else if (!strncmp(text, "0x", 2) && is_made_of(text + 2, "0123456789abcdefABCDEF"))
		base = 16;
	else if (!is_made_of(text + (negative || *text == '+'), digits))
		return false;
	text += base != 10 ? 2 : (negative || *text == '+');
	errno = 0;
	*ret = strtoull(text, NULL, base);
	*ret_negative = negative;
	return !errno && !(negative && *ret > (uint64_t)INT64_MAX);
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_decimal(const char *text)
{
	size_t whole, fraction = 0;

	text += *text == '-' || *text == '+';
	whole = strspn(text, digits);
	text += whole;
	if (*text == '.') {
		fraction = strspn(++text, digits);
		text += fraction;
	}
	if (!whole && !fraction)
		return false;
	if (!*text)
		return true;
	if (*text != 'e' && *text != 'E')
		return false;
	text++;
	text += *text == '-' || *text == '+';
	return is_made_of(text, digits);
}

static bool read_real(const char *text, double *ret)
{
	static const char *const infinite[] = { ".inf", ".Inf", ".INF" };
	static const char *const nan_words[] = { ".nan", ".NaN", ".NAN" };
	bool sign = *text == '-' || *text == '+';

	if (is_one_of(text + sign, infinite, ARRAY_LEN(infinite)))
		*ret = *text == '-' ? -INFINITY : INFINITY;
	else if (is_one_of(text, nan_words, ARRAY_LEN(nan_words)))
		*ret = NAN;
	else if (is_decimal(text))
		*ret = strtod(text, NULL);
	else
		return false;
	return true;
}

/* What the text looks like, if it may look like `tag`; NULL for any. Without memory and for no match NULL. */
static yyjson_mut_val *resolve(yyjson_mut_doc *doc, const char *tag, const char *text, bool *ret_matched)
{
	bool any = !tag, truth, negative;
	uint64_t integer;
	double real;

	*ret_matched = true;
	if ((any || !strcmp(tag, YAML_NULL_TAG)) && read_null(text))
		return yyjson_mut_null(doc);
	if ((any || !strcmp(tag, YAML_BOOL_TAG)) && read_bool(text, &truth))
		return yyjson_mut_bool(doc, truth);
	if ((any || !strcmp(tag, YAML_INT_TAG)) && read_integer(text, &negative, &integer))
		return negative ? yyjson_mut_sint(doc, -(int64_t)integer) : yyjson_mut_uint(doc, integer);
	if ((any || !strcmp(tag, YAML_FLOAT_TAG)) && read_real(text, &real))
		return yyjson_mut_real(doc, real);
	*ret_matched = false;
	return NULL;
}

int scalar_value(yyjson_mut_doc *doc, const char *tag, bool plain, const char *text, size_t size,
		 yyjson_mut_val **ret)
{
	yyjson_mut_val *value = NULL;
	bool matched = false;
	bool string = tag ? !strcmp(tag, YAML_STR_TAG) || !strcmp(tag, "!") : !plain;

	/* A text with a NUL inside is none of the others. */
	if (!string && strlen(text) == size)
		value = resolve(doc, tag, text, &matched);
	if (!matched && !string && tag)
		return -EINVAL;
	if (!matched)
		value = yyjson_mut_strncpy(doc, text, size);
	if (!value)
		return -ENOMEM;
	*ret = value;
	return 0;
}
