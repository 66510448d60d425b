/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One thing that happened, as `weft monitor` tells it: a line for people, an object for programs. Pure. */
#pragma once

#include <stdbool.h>

#include "base/why.h"
#include "weft/monitor.h"

/* Those of the kernel first, under its own numbers. */
enum happening_kind {
	HAPPENED_REFUSED = MONITOR_REFUSED,
	HAPPENED_EJECTED = MONITOR_EJECTED,
	HAPPENED_READMITTED = MONITOR_READMITTED,
	HAPPENED_SPARED = MONITOR_SPARED,
	HAPPENED_RESCUED = MONITOR_RESCUED,
	HAPPENED_HEALED = MONITOR_HEALED,

	/* Rows that differ from what they were. */
	HAPPENED_DRAINED = MONITOR_KINDS,
	HAPPENED_UNDRAINED,
	HAPPENED_SERVICE_ADDED,
	HAPPENED_SERVICE_CHANGED,
	HAPPENED_SERVICE_REMOVED,
	HAPPENED_ENDPOINT_ADDED,
	HAPPENED_ENDPOINT_CHANGED,
	HAPPENED_ENDPOINT_REMOVED,

	HAPPENED_LOST, /* nobody knows what */
	HAPPENING_KINDS,
};

#define KINDS_OF_KERNEL ((1u << MONITOR_KINDS) - 1)
#define KINDS_OF_ROWS ((1u << HAPPENED_LOST) - 1 - KINDS_OF_KERNEL)

/* A port of zero: not known. */
struct spot {
	struct addr address;
	uint16_t port; /* host order */
};

struct happening {
	uint64_t time_ms; /* since 1970 */
	enum happening_kind kind;
	uint8_t protocol;    /* zero: not known */
	const char *service; /* "namespace/name"; "": not known */
	struct spot dialled; /* the service's own address */
	struct spot endpoint;
	struct spot target; /* rescued, healed: where it went instead */
	struct spot client;
	enum failure cause;
	uint32_t failures; /* in a row; rescued: endpoints that failed the connect */
	uint64_t out_ms;   /* ejected: for so long */
	uint32_t pid;	   /* refused: of the process that connects; zero: not known */
	const char *program;
	const char *change; /* rows: what is new, in words */
	uint64_t count;	    /* lost */
};

struct happening_filter {
	uint32_t kinds;	       /* bits */
	const char *namespace; /* NULL: any */
	const char *service;   /* "name" or "namespace/name"; NULL: any */
	bool has_endpoint;
	struct spot endpoint; /* a port of zero: all of the address */
};

/* Reads "ejected,rescued"; "service" and "endpoint" stand for all changes of such rows. Returns 0 or -EINVAL. */
int happening_parse_kinds(const char *text, uint32_t *ret, struct why *why);

/* What was lost passes always. */
bool happening_passes(const struct happening_filter *filter, const struct happening *h);

/* Both end with a newline and are to be freed; NULL without memory. */
char *happening_line(const struct happening *h);
char *happening_json(const struct happening *h);
