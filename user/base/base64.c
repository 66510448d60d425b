/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* RFC 4648, section 4. */
#include "base/base64.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int value_of(char letter)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = letter ? strchr(letters, letter) : NULL;

	return found ? (int)(found - letters) : -1;
}

/* Behind the letters only as much padding as is missing of a group of four, if any. */
static int check_end(const char *rest, size_t letters)
{
	size_t padding = 0;

	for (; *rest; rest++) {
		if (*rest == '=')
			padding++;
		else if (!strchr(" \t\r\n", *rest))
			return -EINVAL;
	}
	return letters % 4 == 1 || (padding && (letters + padding) % 4) || padding > 2 ? -EINVAL : 0;
}

int base64_decode(const char *text, char **ret, size_t *ret_length)
{
	char *bytes = malloc(strlen(text) / 4 * 3 + 4);
	size_t length = 0, letters = 0;
	uint32_t bits = 0;

	if (!bytes)
		return -ENOMEM;
	for (; *text && *text != '='; text++) {
		int value = value_of(*text);

		if (value < 0 && strchr(" \t\r\n", *text))
			continue;
		if (value < 0)
			break;
		bits = bits << 6 | (uint32_t)value;
		if (++letters % 4 == 0) {
			bytes[length++] = (char)(bits >> 16);
			bytes[length++] = (char)(bits >> 8);
			bytes[length++] = (char)bits;
		}
	}
	if (check_end(text, letters)) {
		free(bytes);
		return -EINVAL;
	}
	if (letters % 4 == 2)
		bytes[length++] = (char)(bits >> 4);
	if (letters % 4 == 3) {
		bytes[length++] = (char)(bits >> 10);
		bytes[length++] = (char)(bits >> 2);
	}
	bytes[length] = '\0';
	*ret = bytes;
	if (ret_length)
		*ret_length = length;
	return 0;
}
