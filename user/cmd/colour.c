/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Colours on a terminal, for those who want them. */
#include "cmd/colour.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"

bool colours_are_wanted(FILE *to)
{
	const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return !(no && *no) && terminal && *terminal && strcmp(terminal, "dumb") && isatty(fileno(to));
}

const char *colour_of_state(const char *word)
{
	static const struct {
		const char *word;
		const char *colour;
	} known[] = {
		{ "active", "green" },	     { "draining", "yellow" }, { "not_ready", "yellow" },
		{ "probing", "yellow" },     { "ejected", "red" },     { "Accepted", "green" },
		{ "ResolvedRefs", "green" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (!strcmp(word, known[i].word))
			return known[i].colour;
	}
	/* A reason that the Gateway API gives, all others of which are refusals. */
	return *word >= 'A' && *word <= 'Z' ? "red" : NULL;
}
