/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the agent listens: a port, or a unix socket. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/why.h"

/* Outside of 9100 to 9999, all of which are given to exporters. */
#define SERVE_DEFAULT "127.0.0.1:19338"

struct serve_place {
	bool off;
	union {
		struct sockaddr any;
		struct sockaddr_storage inet;
		struct sockaddr_un local;
	} address;
	socklen_t length;
	bool dual; /* also for IPv4, though the address is of IPv6 */
};

/*
 * Reads "ADDRESS:PORT", "[ADDRESS]:PORT", ":PORT" (all addresses), "unix:PATH", or "off" or "" for none.
 * Returns 0, or -EINVAL with `why`.
 */
int serve_place_parse(const char *text, struct serve_place *ret, struct why *why);

/*
 * The abstract socket of the agent of a directory of pins. Named after what the directory is, not after the path
 * that leads there: a pod has another one to it than the node.
 */
int serve_place_of(const char *bpffs, struct serve_place *ret);

/* Returns a socket that listens, or a negative errno with `why`. */
int serve_place_listen(const struct serve_place *place, struct why *why);

/* Takes the name of a unix socket out of its directory. */
void serve_place_leave(const struct serve_place *place);

/* Is whoever is at the other end of an abstract socket root, or who we are? Any process may take any such name. */
bool serve_peer_is_trusted(int fd);
