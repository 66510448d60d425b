/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What was parsed, as text to compare with golden files. */
#pragma once

#include <stdio.h>

#include "source/parse.h"

void dump_parsed(const struct parsed *parsed, FILE *out);

/* The whole file, with a closing NUL; fails the test without it. */
char *load_file(const char *path, size_t *ret_size);
