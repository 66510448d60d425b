/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What would become of a connect, and which rows decide: bpf/lib/route.h, told instead of done. */
#pragma once

#include "kern/client.h"
#include "watch/chance.h"
#include "watch/health.h"
#include "watch/list.h"

enum verdict {
	VERDICT_SEND,	 /* to one of the endpoints */
	VERDICT_REFUSE,	 /* nobody takes connections */
	VERDICT_DIRECT,	 /* no service: to the address itself */
	VERDICT_OUTSIDE, /* the client is not among those whose connects are looked at */
};

enum stay {
	STAY_OFF,     /* the service has no affinity */
	STAY_UNKNOWN, /* this kernel does not tell how it knows the client */
	STAY_NEW,     /* the client has no row */
	STAY_KEPT,
	STAY_EXPIRED,
	STAY_MOVED, /* its endpoint takes no connections any more */
};

/* Why an endpoint gets nothing. */
enum out {
	OUT_NOT, /* it may get this connect */
	OUT_NOT_READY,
	OUT_TERMINATING,
	OUT_WEIGHT,    /* zero, while others have more */
	OUT_ELSEWHERE, /* internalTrafficPolicy or topology hints leave it out */
	OUT_DRAINED,
	OUT_EJECTED,
	OUT_PROBED,   /* ejected, its time is over, and another connection finds out */
	OUT_AFFINITY, /* the client stays with another one */
	OUT_CHANCE,   /* nothing speaks against it but the algorithm */
};

struct explained_endpoint {
	const struct listed_endpoint *listed; /* with its state and health */
	enum health health;
	enum fitness fitness; /* without what is tolerated */
	bool chosen;	      /* it stands in the slots */
	enum out out;
	double next, share; /* as struct chance_endpoint has them */
	double cost;	    /* what algorithms of two choices compare; negative: these are not */
};

struct explained {
	struct service_key key;
	struct client client;
	enum verdict verdict;
	bool endpoint_address; /* of VERDICT_DIRECT: it is that of an endpoint */
	uint64_t now_ns;       /* CLOCK_MONOTONIC, of all that is told */

	/* From here on, of a service. */
	const char *name;
	struct service_row service;
	enum stay stay;
	uint64_t stay_endpoint; /* id; zero: none */
	uint64_t stay_until_ns;
	uint32_t listed, available, drained; /* endpoints in the slots; those that can be used, ... */
	uint32_t tolerance;		     /* enum tolerance */
	double refused; /* of many connects: the share of a route's backends that are missing; 0 to 1 */
	bool moves;	/* a connect that fails is moved to another endpoint */
	bool has_cursor;
	uint32_t cursor;
	struct explained_endpoint *endpoints; /* sorted by address and port */
	size_t n_endpoints;

	struct listing listing; /* owns what is borrowed */
};

void explained_done(struct explained *explained);

/*
 * Of a connect of the client to the key. Returns 0 or a negative errno with `why`; -EAGAIN: the service changes faster
 * than it can be read.
 */
int explain(struct kern *kern, const struct client *client, const struct service_key *key,
	    struct explained *ret, struct why *why);
