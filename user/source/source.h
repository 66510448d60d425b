/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who exists: a source tells a model what its origins say now. It watches on the agent's loop and calls back
 * when something changed; it never reaches past the model.
 */
#pragma once

#include <uv.h>

#include "base/why.h"
#include "model/model.h"

struct source;

/* What can go wrong between an origin and the model; by this errors are counted. */
enum source_error {
	SOURCE_ERROR_READ,	   /* a file or directory could not be read */
	SOURCE_ERROR_PARSE,	   /* what was read is no object, or not one that Kubernetes would take */
	SOURCE_ERROR_DUPLICATE,	   /* an object that stands elsewhere already */
	SOURCE_ERROR_CONNECT,	   /* the server could not be reached, or went away in the middle */
	SOURCE_ERROR_TIMEOUT,	   /* it took too long, or fell silent */
	SOURCE_ERROR_UNAUTHORIZED, /* it does not know who asks (401) */
	SOURCE_ERROR_FORBIDDEN,	   /* it does not let this one (403) */
	SOURCE_ERROR_GONE,	   /* it does not know any more from where to go on (410) */
	SOURCE_ERROR_THROTTLED,	   /* it is asked too often (429) */
	SOURCE_ERROR_HTTP,	   /* any other answer that is no success */
	SOURCE_ERROR_MEMORY,
	SOURCE_ERRORS,
};

/* "read", "parse", ...: as labels of metrics have it. */
const char *source_error_name(enum source_error error);

/* How the source is doing. */
struct source_status {
	const char *kind; /* "file" */
	bool complete;	  /* as source_complete() says */
	/* Of the monotonic clock, when the last news came, whatever became of it; zero: none so far. */
	uint64_t last_event_ns;
	uint64_t events; /* news so far: files read, events of watches */
	uint64_t errors[SOURCE_ERRORS];
	struct why wrong; /* in one line, what is wrong now; "": nothing */
};

struct source_events {
	void *arg;
	/* The model changed, or may have: plan again. */
	void (*changed)(void *arg);
	/* One line for the operator: a file that is wrong ("dir/web.yaml:12: spec.ports[0].port: 70000 is not a
	 * port (1 to 65535)"), an object that is ignored and why. `bad` tells an error from a notice. */
	void (*say)(void *arg, bool bad, const char *line);
};

/* Of the kind `kubernetes` alone; NULL where nothing is asked for. Borrowed for the time of source_open(). */
struct source_options {
	const char *server;	/* the API server, instead of the one that kubeconfig or pod name */
	const char *namespaces; /* "a,b": only these */
	const char *labels;	/* a selector of labels: only such services, and slices that bear them */
	const char *agent;	/* how we call ourselves */
};

/*
 * Opens what `spec` names and begins to watch: "file:DIR", whose files are read into the model at once;
 * "kubernetes" in a pod or "kubernetes:KUBECONFIG", whose objects come later. Returns 0, or -EINVAL for a spec it does
 * not know, or the error of the directory or file, with `why` filled. A file that is wrong is said through events
 * and is no failure, nor is an API server that cannot be reached.
 */
int source_open(const char *spec, const struct source_options *options, uv_loop_t *loop, struct model *model,
		const struct source_events *events, struct why *why, struct source **ret);

/* Stops watching. The uv handles close on the next turn of the loop; memory goes with the last of them. */
void source_close(struct source *source);

/*
 * Was every origin readable at least once? While this is false, part of the wanted state is not known, and
 * rows that nobody wants may belong to it: they must stay.
 */
bool source_complete(const struct source *source);

/*
 * Was everything looked at once, well or not? Before that nothing can be said of what should be, and `changed` is
 * not called.
 */
bool source_has_begun(const struct source *source);

void source_status(const struct source *source, struct source_status *ret);
