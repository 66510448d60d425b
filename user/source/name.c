/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What Kubernetes allows as a name. */
#include "source/name.h"

#include <stddef.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

enum {
	LABEL_MAX = 63,
	SUBDOMAIN_MAX = 253,
};

/* Only `inner` characters, neither first nor last one of `edges`. */
static bool is_word(const char *text, size_t length, const char *inner, const char *edges)
{
	return length && strspn(text, inner) >= length && !strchr(edges, text[0]) &&
	       !strchr(edges, text[length - 1]);
}

static bool is_label(const char *text, size_t length)
{
	return length <= LABEL_MAX && is_word(text, length, LOWER DIGITS "-", "-");
}

static bool is_subdomain(const char *text)
{
	if (strlen(text) > SUBDOMAIN_MAX)
		return false;
	for (;;) {
		size_t length = strcspn(text, ".");

		if (!is_word(text, length, LOWER DIGITS "-", "-"))
			return false;
		if (!text[length])
			return true;
		text += length + 1;
	}
}

static bool is_value(const char *text)
{
	size_t length = strlen(text);

	return !length || (length <= LABEL_MAX && is_word(text, length, LOWER UPPER DIGITS "-_.", "-_."));
}

bool name_fits(enum name_rule rule, const char *text)
{
	switch (rule) {
	case NAME_LABEL:
		return is_label(text, strlen(text));
	case NAME_SUBDOMAIN:
		return is_subdomain(text);
	case NAME_VALUE:
		return is_value(text);
	}
	return false;
}

const char *name_rule_text(enum name_rule rule)
{
	switch (rule) {
	case NAME_LABEL:
		return "a DNS label (a-z, 0-9 and -, at most 63 characters)";
	case NAME_SUBDOMAIN:
		return "a DNS name (a-z, 0-9, - and ., at most 253 characters)";
	case NAME_VALUE:
		return "a label value (letters, digits, -, _ and ., at most 63 characters)";
	}
	return "a name";
}
