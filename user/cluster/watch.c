/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* List and watch: one request at a time, and what its end means for the next. */
#include "cluster/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/text.h"
#include "base/vec.h"
#include "cluster/delay.h"
#include "cluster/lines.h"
#include "cluster/query.h"

enum {
	/* An object that etcd takes has 1.5 MB at the most; a page has some hundreds of smaller ones. */
	MAX_EVENT = 8 << 20,
	MAX_PAGE = 256 << 20,
	PAGE_OBJECTS = 500,
	/* A watch ends by itself between these, so that a load balancer has something to balance. */
	WATCH_S = 300,
	WATCH_MORE_S = 300,
	/* Bookmarks come every minute, other bytes sooner. */
	SILENT_LIST_MS = 30000,
	SILENT_WATCH_MS = 150000,
	/* A kind that the server does not have may come. */
	ABSENT_MS = 120000,
	/* After so long without one, the next failure is the first. */
	FORGIVEN_MS = 120000,
	/* A watch that ends so soon, with nothing in it, is a failure. */
	SHORT_MS = 1000,
	/* The server may not know any more what it is asked for, without saying so. */
	RELIST_AFTER = 3,
	MAX_VERSION = 128,
};

enum phase {
	PHASE_WAIT,
	PHASE_STREAM, /* a watch that begins with all there is */
	PHASE_PAGES,
	PHASE_WATCH,
};

struct watch {
	uv_timer_t timer; /* the next try, or silence */
	struct client *client;
	const struct watch_what *what;
	struct watch_events events;
	size_t api; /* which of the versions */
	enum phase phase;
	bool no_stream; /* the server does not have streaming lists */
	bool fresh;	/* the connection that there is was silent */
	bool well;
	struct request *request;
	struct lines lines;
	char *page;
	size_t page_length, page_room;
	char version[MAX_VERSION]; /* from which on to watch; "": all must be listed */
	char *next_page;
	uint64_t begun, heard; /* of the loop's clock */
	size_t news;	       /* of this request */
	unsigned failures;     /* in a row */
	uint64_t failed;       /* when it last did */
	enum watch_trouble wrong;
	struct why why; /* why `data` ended the request; "": it did not */
};

static void begin(struct watch *watch);

const char *object_metadata(yyjson_val *object, const char *key)
{
	const char *text = yyjson_get_str(yyjson_obj_get(yyjson_obj_get(object, "metadata"), key));

	return text ? text : "";
}

static void on_next(uv_timer_t *timer)
{
	begin(timer->data);
}

static void again_in(struct watch *watch, uint64_t ms)
{
	watch->phase = PHASE_WAIT;
	uv_timer_start(&watch->timer, on_next, ms, 0);
}

static uint32_t any_number(void)
{
	uint32_t number = 0;

	uv_random(NULL, NULL, &number, sizeof(number), 0, NULL);
	return number;
}

/* All is to be listed again; what is known stays until the list is whole. */
static void forget_place(struct watch *watch)
{
	*watch->version = '\0';
	free(watch->next_page);
	watch->next_page = NULL;
}

static void fail(struct watch *watch, enum watch_trouble kind, const struct why *why, uint64_t asked_ms)
{
	uint64_t now = uv_now(watch->timer.loop);

	watch->failures = now - watch->failed < FORGIVEN_MS ? watch->failures + 1 : 1;
	watch->failed = now;
	watch->well = false;
	/* It does not give what it is asked for: nothing but time is lost by asking for all. */
	if (kind == WATCH_GONE || (kind != WATCH_CONNECT && watch->failures % RELIST_AFTER == 0))
		forget_place(watch);
	again_in(watch, delay_ms(watch->failures, asked_ms, any_number()));
	watch->events.trouble(watch->events.arg, kind, why);
}

static void is_well(struct watch *watch)
{
	watch->fresh = false;
	if (watch->well)
		return;
	watch->well = true;
	watch->events.well(watch->events.arg);
}

static void keep_version(struct watch *watch, const char *version)
{
	if (*version && strlen(version) < sizeof(watch->version))
		strcpy(watch->version, version);
}

/* ---- what comes ---- */

/* Ends the request from within; on_done() takes it from there. */
static int stop(struct watch *watch, enum watch_trouble kind, const char *format, const char *word)
{
	watch->wrong = kind;
	why_set(&watch->why, -EINVAL, format, word);
	return -EINVAL;
}

static int on_error(struct watch *watch, yyjson_val *status)
{
	const char *message = yyjson_get_str(yyjson_obj_get(status, "message"));

	return stop(watch, yyjson_get_int(yyjson_obj_get(status, "code")) == 410 ? WATCH_GONE : WATCH_HTTP,
		    "the watch ends: %s", message ? message : "no reason is given");
}

static void on_bookmark(struct watch *watch, yyjson_val *object)
{
	yyjson_val *annotations = yyjson_obj_get(yyjson_obj_get(object, "metadata"), "annotations");
	bool ends = yyjson_equals_str(yyjson_obj_get(annotations, "k8s.io/initial-events-end"), "true");

	/* Before the end of a list its version says nothing: a watch from there would miss the rest. */
	if (watch->phase == PHASE_STREAM && !ends)
		return;
	keep_version(watch, object_metadata(object, "resourceVersion"));
	if (watch->phase == PHASE_STREAM) {
		watch->phase = PHASE_WATCH;
		watch->events.list_ends(watch->events.arg);
	}
	is_well(watch);
}

static int on_change(struct watch *watch, const char *type, yyjson_val *object)
{
	bool live = watch->phase == PHASE_WATCH;

	if (!yyjson_equals_str(yyjson_obj_get(object, "kind"), watch->what->kind))
		return stop(watch, WATCH_NONSENSE, "an event bears an object that is no %s",
			    watch->what->kind);
	if (!strcmp(type, "DELETED"))
		watch->events.gone(watch->events.arg, object);
	else
		watch->events.put(watch->events.arg, object, live);
	if (live) {
		keep_version(watch, object_metadata(object, "resourceVersion"));
		is_well(watch);
	}
	return 0;
}

static int on_line(void *arg, const char *line, size_t length)
{
	struct watch *watch = arg;
	yyjson_doc *doc = yyjson_read(line, length, 0);
	yyjson_val *root = yyjson_doc_get_root(doc), *object = yyjson_obj_get(root, "object");
	const char *type = yyjson_get_str(yyjson_obj_get(root, "type"));
	int error = 0;

	watch->news++;
	if (!type || !yyjson_is_obj(object))
		error = stop(watch, WATCH_NONSENSE, "what comes is no event of a watch%s", "");
	else if (!strcmp(type, "ERROR"))
		error = on_error(watch, object);
	else if (!strcmp(type, "BOOKMARK"))
		on_bookmark(watch, object);
	else if (!strcmp(type, "ADDED") || !strcmp(type, "MODIFIED") || !strcmp(type, "DELETED"))
		error = on_change(watch, type, object);
	yyjson_doc_free(doc);
	return error;
}

static bool add_to_page(struct watch *watch, const char *bytes, size_t count)
{
	if (count > MAX_PAGE - watch->page_length) {
		stop(watch, WATCH_NONSENSE, "a page of the list is too large%s", "");
		return false;
	}
	if (vec_reserve(&watch->page, watch->page_length + count, &watch->page_room, 1)) {
		stop(watch, WATCH_MEMORY, "out of memory%s", "");
		return false;
	}
	memcpy(watch->page + watch->page_length, bytes, count);
	watch->page_length += count;
	return true;
}

static bool on_data(void *arg, const char *bytes, size_t count)
{
	struct watch *watch = arg;
	int error;

	watch->heard = uv_now(watch->timer.loop);
	if (watch->phase == PHASE_PAGES)
		return add_to_page(watch, bytes, count);
	error = lines_feed(&watch->lines, bytes, count, on_line, watch);
	if (error == -E2BIG)
		stop(watch, WATCH_NONSENSE, "an event is too large%s", "");
	if (error == -ENOMEM)
		stop(watch, WATCH_MEMORY, "out of memory%s", "");
	return !error;
}

/* Of a watch nothing may come for a minute. */
static void on_answered(void *arg)
{
	struct watch *watch = arg;

	watch->heard = uv_now(watch->timer.loop);
	if (watch->phase == PHASE_WATCH)
		is_well(watch);
}

/* ---- how it ends ---- */

static void page_reset(struct watch *watch)
{
	free(watch->page);
	watch->page = NULL;
	watch->page_length = watch->page_room = 0;
}

static int read_page(struct watch *watch, yyjson_val *root)
{
	yyjson_val *items = yyjson_obj_get(root, "items"), *item;
	const char *next = object_metadata(root, "continue");
	yyjson_arr_iter iter;

	if (!yyjson_equals_str(yyjson_obj_get(root, "kind"), watch->what->list_kind) ||
	    (items && !yyjson_is_null(items) && !yyjson_is_arr(items)))
		return stop(watch, WATCH_NONSENSE, "what comes is no %s", watch->what->list_kind);
	yyjson_arr_iter_init(items, &iter);
	while ((item = yyjson_arr_iter_next(&iter)))
		watch->events.put(watch->events.arg, item, false);
	free(watch->next_page);
	watch->next_page = *next ? strdup(next) : NULL;
	if (*next && !watch->next_page)
		return stop(watch, WATCH_MEMORY, "out of memory%s", "");
	keep_version(watch, object_metadata(root, "resourceVersion"));
	return 0;
}

static void end_page(struct watch *watch)
{
	yyjson_doc *doc = yyjson_read(watch->page, watch->page_length, 0);
	int error = read_page(watch, yyjson_doc_get_root(doc));

	yyjson_doc_free(doc);
	page_reset(watch);
	if (error) {
		/* The version is that of a list of which a part is missing. */
		forget_place(watch);
		fail(watch, watch->wrong, &watch->why, 0);
		return;
	}
	if (!watch->next_page) {
		watch->events.list_ends(watch->events.arg);
		is_well(watch);
	}
	begin(watch);
}

static void absent(struct watch *watch, const struct why *why)
{
	*watch->version = '\0';
	if (watch->what->apis[watch->api + 1]) {
		watch->api++;
		again_in(watch, 0);
		return;
	}
	watch->api = 0;
	if (!watch->what->optional) {
		fail(watch, WATCH_HTTP, why, 0);
		return;
	}
	watch->events.list_begins(watch->events.arg);
	watch->events.list_ends(watch->events.arg);
	is_well(watch);
	again_in(watch, ABSENT_MS);
}

static void refused(struct watch *watch, const struct reply *reply)
{
	enum watch_trouble kind = WATCH_HTTP;

	switch (reply->status) {
	case 400:
	case 422:
		if (watch->phase == PHASE_STREAM) {
			watch->no_stream = true;
			again_in(watch, 0);
			return;
		}
		break;
	case 401:
		kind = WATCH_UNAUTHORIZED;
		break;
	case 403:
		kind = WATCH_FORBIDDEN;
		break;
	case 404:
		absent(watch, &reply->why);
		return;
	case 410:
		kind = WATCH_GONE;
		break;
	case 429:
	case 503:
		kind = reply->asked_ms ? WATCH_THROTTLED : WATCH_HTTP;
		break;
	}
	fail(watch, kind, &reply->why, reply->asked_ms);
}

/* It has an end in any case. */
static void ended_well(struct watch *watch)
{
	struct why why;

	if (watch->phase == PHASE_PAGES) {
		end_page(watch);
		return;
	}
	if (watch->phase == PHASE_STREAM) {
		why_set(&why, 0, "the list ends before its end");
		fail(watch, WATCH_CONNECT, &why, 0);
		return;
	}
	if (!watch->news && uv_now(watch->timer.loop) - watch->begun < SHORT_MS) {
		why_set(&why, 0, "the watch ends as soon as it begins");
		fail(watch, WATCH_CONNECT, &why, 0);
		return;
	}
	begin(watch);
}

static void on_done(void *arg, const struct reply *reply)
{
	struct watch *watch = arg;

	watch->request = NULL;
	lines_reset(&watch->lines);
	uv_timer_stop(&watch->timer);
	if (reply->error != 0 || reply->status != 200)
		page_reset(watch);
	if (*watch->why.text)
		fail(watch, watch->wrong, &watch->why, 0);
	else if (reply->error)
		fail(watch, reply->error == -ETIMEDOUT ? WATCH_TIMEOUT : WATCH_CONNECT, &reply->why, 0);
	else if (reply->status != 200)
		refused(watch, reply);
	else
		ended_well(watch);
}

static uint64_t patience_ms(const struct watch *watch)
{
	return watch->phase == PHASE_WATCH ? SILENT_WATCH_MS : SILENT_LIST_MS;
}

static void on_silence(uv_timer_t *timer)
{
	struct watch *watch = timer->data;
	uint64_t silent = uv_now(timer->loop) - watch->heard;
	struct why why;

	if (silent < patience_ms(watch)) {
		uv_timer_start(timer, on_silence, patience_ms(watch) - silent, 0);
		return;
	}
	request_end(watch->request);
	watch->request = NULL;
	watch->fresh = true;
	/* One that does not know what it is asked for never says that its list has ended. */
	watch->no_stream = watch->no_stream || watch->phase == PHASE_STREAM;
	lines_reset(&watch->lines);
	page_reset(watch);
	why_set(&why, 0, "the server has been silent for %llu s", (unsigned long long)silent / 1000);
	fail(watch, WATCH_TIMEOUT, &why, 0);
}

/* ---- how it begins ---- */

static enum phase next_phase(const struct watch *watch)
{
	if (watch->next_page)
		return PHASE_PAGES;
	if (*watch->version)
		return PHASE_WATCH;
	return watch->no_stream ? PHASE_PAGES : PHASE_STREAM;
}

static int print_query(const struct watch *watch, struct query *query)
{
	unsigned lasts_s = WATCH_S + any_number() % WATCH_MORE_S;

	query_text(query, "labelSelector", watch->what->labels);
	if (watch->phase == PHASE_PAGES) {
		query_number(query, "limit", PAGE_OBJECTS);
		query_text(query, "continue", watch->next_page);
		return query_end(query);
	}
	query_text(query, "watch", "true");
	query_text(query, "allowWatchBookmarks", "true");
	query_number(query, "timeoutSeconds", lasts_s);
	if (watch->phase == PHASE_STREAM) {
		query_text(query, "sendInitialEvents", "true");
		query_text(query, "resourceVersionMatch", "NotOlderThan");
	} else {
		query_text(query, "resourceVersion", watch->version);
	}
	return query_end(query);
}

static char *print_path(const struct watch *watch)
{
	const struct watch_what *what = watch->what;
	_cleanup_(query_done) struct query query = { 0 };
	char *text;

	if (what->namespace)
		query_path(&query, "%s/namespaces/%s/%s", what->apis[watch->api], what->namespace,
			   what->plural);
	else
		query_path(&query, "%s/%s", what->apis[watch->api], what->plural);
	if (print_query(watch, &query))
		return NULL;
	text = query.text;
	query.text = NULL;
	return text;
}

static void begin(struct watch *watch)
{
	const struct request_events events = { watch, on_answered, on_data, on_done };
	_cleanup_(freep) char *path = NULL;
	struct why why = { "out of memory" };

	watch->phase = next_phase(watch);
	if (watch->phase != PHASE_WATCH && !watch->next_page)
		watch->events.list_begins(watch->events.arg);
	watch->why = (struct why){ "" };
	watch->news = 0;
	watch->begun = watch->heard = uv_now(watch->timer.loop);
	path = print_path(watch);
	if (path)
		watch->request = client_get(watch->client, path, watch->fresh, &events, &why);
	if (!watch->request) {
		fail(watch, path ? WATCH_UNAUTHORIZED : WATCH_MEMORY, &why, 0);
		return;
	}
	uv_timer_start(&watch->timer, on_silence, patience_ms(watch), 0);
}

int watch_new(uv_loop_t *loop, struct client *client, const struct watch_what *what,
	      const struct watch_events *events, struct watch **ret)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	*watch = (struct watch){ .client = client, .what = what, .events = *events, .lines.most = MAX_EVENT };
	uv_timer_init(loop, &watch->timer);
	watch->timer.data = watch;
	again_in(watch, 0);
	*ret = watch;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	if (watch->request)
		request_end(watch->request);
	lines_reset(&watch->lines);
	page_reset(watch);
	free(watch->next_page);
	uv_close((uv_handle_t *)&watch->timer, on_closed);
}
