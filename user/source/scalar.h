/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a YAML scalar means: the core schema of YAML 1.2, section 10.3. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <yyjson.h>

/*
 * The value of a scalar; `tag` may be NULL, `plain` is false for one in quotes and for a block. Returns 0,
 * -EINVAL if the text has no such tag's form or the tag is not known, or -ENOMEM.
 */
int scalar_value(yyjson_mut_doc *doc, const char *tag, bool plain, const char *text, size_t size,
		 yyjson_mut_val **ret);
