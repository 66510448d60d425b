/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All objects of one kind, and what becomes of them: list and watch, as the API concepts of Kubernetes describe them
 * (streaming lists where the server has them, else pages; bookmarks; a new list where the server has forgotten). It
 * goes on until it is ended, whatever the server does.
 */
#pragma once

#include <yyjson.h>

#include "cluster/client.h"

struct watch;

enum watch_trouble {
	WATCH_CONNECT,	    /* nobody answers, or the connection broke */
	WATCH_TIMEOUT,	    /* it was silent for too long */
	WATCH_UNAUTHORIZED, /* 401, or there is no token */
	WATCH_FORBIDDEN,
	WATCH_GONE,	 /* what was known is too old: all is listed again */
	WATCH_THROTTLED, /* 429, or 503 with a Retry-After */
	WATCH_HTTP,	 /* another status */
	WATCH_NONSENSE,	 /* what came cannot be read */
	WATCH_MEMORY,
};

struct watch_events {
	void *arg;
	/* A list begins: what it does not name when it ends is gone. It may begin anew before its end. */
	void (*list_begins)(void *arg);
	void (*list_ends)(void *arg);
	/* Is there, perhaps as it was. `live`: it is no part of a list. */
	void (*put)(void *arg, yyjson_val *object, bool live);
	void (*gone)(void *arg, yyjson_val *object);
	/* It will be tried again. */
	void (*trouble)(void *arg, enum watch_trouble kind, const struct why *why);
	/* After trouble: the server does as it should. Also after the first list. */
	void (*well)(void *arg);
};

/* What is watched. Strings are borrowed, and live as long as the watch. */
struct watch_what {
	const char *list_kind; /* "ServiceList" */
	const char *kind;      /* "Service" */
	/* The versions, the best first: "/api/v1", "/apis/discovery.k8s.io/v1"; ends with NULL. */
	const char *const *apis;
	const char *plural;    /* "services" */
	const char *namespace; /* NULL: all, or there are none */
	const char *labels;    /* a selector; NULL: none */
	bool optional;	       /* a server that does not have the kind has no objects of it */
};

/* Begins on the next turn of the loop. Returns 0 or -ENOMEM. */
int watch_new(uv_loop_t *loop, struct client *client, const struct watch_what *what,
	      const struct watch_events *events, struct watch **ret);
/* Memory goes on a later turn of the loop. Before client_free(). */
void watch_free(struct watch *watch);

/* The bytes of a name in the metadata of an object; "" if there is none. */
const char *object_metadata(yyjson_val *object, const char *key);
