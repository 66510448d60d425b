/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Address, then perhaps a port. */
#include "cmd/place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"

static int parse_port(const char *text, uint16_t *ret)
{
	unsigned long port = 0;

	if (!*text || strlen(text) > 5 || strspn(text, "0123456789") != strlen(text))
		return -EINVAL;
	for (; *text; text++)
		port = port * 10 + (*text - '0');
	if (!port || port > UINT16_MAX)
		return -EINVAL;
	*ret = port;
	return 0;
}

static int parse_address(const char *text, size_t length, struct addr *ret)
{
	char copy[ADDR_TEXT];

	if (length >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return addr_parse(copy, ret);
}

int place_parse(const char *text, struct place *ret)
{
	const char *first = strchr(text, ':'), *last = strrchr(text, ':');
	struct place place = { 0 };
	const char *end;
	int error;

	if (*text == '[') {
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		error = parse_address(text + 1, end - text - 1, &place.address);
		if (!error && addr_is_v4(&place.address))
			error = -EINVAL;
		last = end[1] ? end + 1 : NULL;
	} else {
		/* More than one colon is an IPv6 address, which has no port without brackets. */
		last = first == last ? first : NULL;
		error = parse_address(text, last ? (size_t)(last - text) : strlen(text), &place.address);
	}
	if (!error && last)
		error = parse_port(last + 1, &place.port);
	if (!error)
		*ret = place;
	return error;
}
