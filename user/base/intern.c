/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Texts that many bear, kept once. */
#include "base/intern.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

struct interned {
	size_t refs;
	UT_hash_handle hh;
	char text[];
};

static struct interned *texts;
static const char nothing[] = "";

const char *intern(const char *text)
{
	struct interned *found;
	size_t length;

	if (!text || !*text)
		return nothing;
	length = strlen(text);
	HASH_FIND(hh, texts, text, length, found);
	if (!found) {
		found = calloc(1, sizeof(*found) + length + 1);
		if (!found)
			return NULL;
		memcpy(found->text, text, length);
		HASH_ADD_KEYPTR(hh, texts, found->text, length, found);
	}
	found->refs++;
	return found->text;
}

void intern_release(const char *interned)
{
	struct interned *found;

	if (!interned || interned == nothing)
		return;
	found = (struct interned *)(interned - offsetof(struct interned, text));
	if (--found->refs)
		return;
	HASH_DELETE(hh, texts, found);
	free(found);
}
