/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* RFC 4648, section 4. */
#pragma once

#include <stddef.h>

/*
 * What the text stands for, with a NUL behind it, to be freed; blanks and ends of lines are passed over. *ret_length
 * (may be NULL) is without the NUL. Returns 0, -EINVAL or -ENOMEM.
 */
int base64_decode(const char *text, char **ret, size_t *ret_length);
