/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses on the command line of the tools of the live tests. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	NAME_LENGTH = 64, /* of an answer */
};

struct place {
	socklen_t length;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
};

static inline void die(const char *what, const char *detail)
{
	fprintf(stderr, "live: %s%s%s\n", what, *detail ? ": " : "", detail);
	exit(2);
}

/* "ADDRESS/PORT", and whatever follows a further slash. */
static inline const char *parse_place(const char *text, bool mapped, struct place *ret)
{
	char address[INET6_ADDRSTRLEN + 8];
	const char *slash = strchr(text, '/');
	unsigned long port;
	char *rest;
	int written;

	if (!slash)
		die("ADDRESS/PORT is wanted", text);
	written = snprintf(address, sizeof(address), "%s%.*s", mapped ? "::ffff:" : "", (int)(slash - text),
			   text);
	port = strtoul(slash + 1, &rest, 10);
	if (written >= (int)sizeof(address) || port > UINT16_MAX || (*rest && *rest != '/'))
		die("ADDRESS/PORT is wanted", text);
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET6, address, &ret->v6.sin6_addr) == 1) {
		ret->length = sizeof(ret->v6);
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons((uint16_t)port);
	} else if (inet_pton(AF_INET, address, &ret->v4.sin_addr) == 1) {
		ret->length = sizeof(ret->v4);
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons((uint16_t)port);
	} else {
		die("no address", address);
	}
	return *rest ? rest + 1 : NULL;
}

/* "ADDRESS PORT" */
static inline const char *print_place(const struct place *place)
{
	static char text[INET6_ADDRSTRLEN + 8];
	bool v6 = place->any.sa_family == AF_INET6;
	size_t length;

	if (!inet_ntop(place->any.sa_family, v6 ? (void *)&place->v6.sin6_addr : (void *)&place->v4.sin_addr,
		       text, sizeof(text)))
		return "none";
	length = strlen(text);
	snprintf(text + length, sizeof(text) - length, " %u",
		 ntohs(v6 ? place->v6.sin6_port : place->v4.sin_port));
	return text;
}
