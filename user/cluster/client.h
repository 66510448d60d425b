/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * GET from one server, many requests at a time over one connection (HTTP/2 where it has it), on a loop of libuv.
 * Connections carry AGENT_MARK, which weft's own hooks leave alone: what the agent needs to know the services
 * must not depend on what it knows of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/why.h"
#include "cluster/access.h"

struct client;
struct request;

/* How a request ended. */
struct reply {
	/* 0; -ECANCELED: `data` wanted no more; -ETIMEDOUT; -EBADMSG: TLS; else -EIO: no connection, or it broke. */
	int error;
	long status;	   /* of HTTP; zero if there was none */
	uint64_t asked_ms; /* Retry-After; zero: none */
	struct why why;	   /* in words, if `error`, or if the status is not 200: what the server says */
};

struct request_events {
	void *arg;
	/* An answer of status 200 begins. As in `data`, no request may be begun or ended here. */
	void (*answered)(void *arg);
	/* Bytes of an answer of status 200, decoded. False ends the request. */
	bool (*data)(void *arg, const char *bytes, size_t count);
	/* The last call; the request is gone. */
	void (*done)(void *arg, const struct reply *reply);
};

/* `access` is borrowed; `agent` names us ("weft/1.0"). Returns 0, -EINVAL or -ENOMEM with `why`. */
int client_new(uv_loop_t *loop, const struct access *access, const char *agent, struct why *why,
	       struct client **ret);
/* Ends all requests, without a last call. The handles close on the next turns of the loop; memory goes with them. */
void client_free(struct client *client);

/*
 * `path` begins with "/". `fresh`: not over a connection that there is. Returns NULL without memory, or if a token or
 * certificate cannot be read, with `why`.
 */
struct request *client_get(struct client *client, const char *path, bool fresh,
			   const struct request_events *events, struct why *why);
/* Without a last call. Not from within `data`. */
void request_end(struct request *request);

/* Received so far, as they came over the wire (compressed), headers included. */
uint64_t client_received(const struct client *client);
