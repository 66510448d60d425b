/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the words of 'weft explain' mean. */
#pragma once

#include "cmd/cli.h"
#include "kern/client.h"

/* SERVICE:PORT[/PROTOCOL] */
struct asked_service {
	char name[NAME_SIZE]; /* "namespace/name"; "": it is an address */
	struct addr address;
	uint16_t port;
	uint8_t protocol; /* zero: whichever there is, TCP before UDP */
};

struct asked_client {
	const char *text;
	long process;	 /* zero: none */
	bool is_address; /* else, and without a process, it is a pod */
	struct addr address;
	char namespace[NAME_SIZE];
	const char *name; /* borrowed from the text */
};

/* Both return 0, or -EINVAL with `why`. */
int asked_service_parse(const char *text, struct asked_service *ret, struct why *why);
int asked_client_parse(const char *text, struct asked_client *ret, struct why *why);

/* The service's key; of two families that of the client, else IPv4's. -ENOENT: there is no service of that name. */
int asked_service_find(struct kern *kern, const struct asked_service *asked,
		       const struct asked_client *client, struct service_key *ret, struct why *why);

int asked_client_find(const struct cli *cli, const struct kern *kern, const struct asked_client *asked,
		      struct client *ret, struct why *why);
