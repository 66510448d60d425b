/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A path with its query (RFC 3986), escaped. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* Zero-initialised is empty. Memory that runs out shows in query_end(). */
struct query {
	char *text;
	int parameters;
	int error;
};

void query_path(struct query *query, const char *format, ...) _printf_(2, 3);
/* NULL and "" are left out. */
void query_text(struct query *query, const char *key, const char *value);
void query_number(struct query *query, const char *key, uint64_t value);
/* 0 or -ENOMEM; the text is there. */
int query_end(const struct query *query);
void query_done(struct query *query); /* for _cleanup_ */
