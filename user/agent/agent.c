/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* source -> model -> plan -> kern, once per turn of the loop. */
#include "agent/agent.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "agent/attach.h"
#include "agent/tell.h"
#include "base/log.h"
#include "kern/cgroup.h"
#include "kern/events.h"
#include "kern/load.h"
#include "kern/splice.h"
#include "kern/recount.h"
#include "kern/status.h"
#include "model/model.h"
#include "plan/diff.h"
#include "plan/view.h"
#include "serve/server.h"
#include "source/source.h"

enum {
	/* Rows that were retired wait this long, so that one grace period serves many changes. */
	REAP_MS = 200,
	/* Where the kernel cannot tell when the last reader is gone, time must: readers take microseconds. */
	REAP_BLIND_MS = 1000,
	RETRY_MS = 1000,
	/* So many rows are put at once, or one service more: what a plan takes of memory does not grow with the mesh. */
	PLAN_PUTS = 16384,
};

struct agent {
	const struct agent_options *options;
	uv_loop_t loop;
	uv_prepare_t turn;
	uv_timer_t reap, retry, attach_retry;
	uv_signal_t signals[2];
	uv_poll_t told, linked;
	struct events *events;
	struct attach *attach;
	struct why attach_why; /* of its last failure, which is told once */
	struct kern kern;
	struct model *model;
	struct source *source;
	struct present *present;
	bool pending;	 /* the model may have changed since the last sync */
	bool conflicted; /* a want was not met because another service holds its address */
	bool swept;	 /* rows of services that nobody knows any more were looked for */
	bool ready;
	bool whole; /* the first complete state is in the kernel */
	struct server *server;
	uint64_t puts, deletes, kernel_errors; /* so far */
	struct why kernel_why;		       /* of the last failure; "": it went well since */
};

static void split_name(const char *full, char namespace[NAME_SIZE], const char **ret_name)
{
	const char *slash = strchr(full, '/');
	size_t length = slash ? (size_t)(slash - full) : 0;

	memcpy(namespace, full, length);
	namespace[length] = '\0';
	*ret_name = slash ? slash + 1 : full;
}

static int plan_one(struct agent *a, const struct model_service *service, struct plan *plan)
{
	struct diff_options options = { .keep = !source_complete(a->source) };
	struct vantage vantage = { a->options->node, model_zone(a->model, a->options->node) };
	_cleanup_(wants_done) struct wants wants = { 0 };
	const char *holder = NULL;
	char name[NAME_SIZE];
	int error;

	snprintf(name, sizeof(name), "%s/%s", service->namespace, service->name);
	error = view_build(a->model, service, &vantage, &wants);
	if (!error)
		error = diff_service(a->present, name, &wants, &options, plan, &holder);
	/* What was kept now has to be looked at again when everything is known. */
	if (options.keep)
		a->swept = false;
	if (!error && holder) {
		a->conflicted = true;
		log_line(LOG_WARN, "%s: Service %s: an address and port of it belong to %s; left to that one",
			 service->service ? service->service->place : "", name, holder);
	}
	return error;
}

/* Rows whose service is in no object: from before a restart, or kept while not all objects were known. */
static int plan_forgotten(struct agent *a, struct plan *plan)
{
	struct diff_options options = { .keep = false };
	struct name_entry *entry, *next;
	struct model_service service;
	struct wants none = { 0 };
	char namespace[NAME_SIZE];
	const char *name, *holder;
	int error = 0;

	if (a->swept || !source_complete(a->source))
		return 0;
	a->swept = true;
	HASH_ITER (by_id, a->present->names_by_id, entry, next) {
		if (error || (!entry->services && !entry->routes))
			continue;
		split_name(entry->text, namespace, &name);
		if (!model_find(a->model, namespace, name, &service))
			error = diff_service(a->present, entry->text, &none, &options, plan, &holder);
	}
	/* What was kept while objects were missing can go now. */
	model_mark_all_dirty(a->model);
	return error;
}

/* *ret_more: the plan has rows enough, and there may be more services that have changed. */
static int plan_dirty(struct agent *a, struct plan *plan, bool *ret_more)
{
	struct model_service service;
	int error = 0;

	*ret_more = true;
	while (!error && plan_count_puts(plan) < PLAN_PUTS) {
		if (!model_next_dirty(a->model, &service)) {
			*ret_more = false;
			return 0;
		}
		error = plan_one(a, &service, plan);
	}
	return error;
}

/* Reads the kernel anew: after a start, and after a plan that was not carried out whole. */
static int read_present(struct agent *a, struct why *why)
{
	_cleanup_(present_freep) struct present *present = NULL;
	int error = present_new(&present);

	if (!error)
		error = kern_read(&a->kern, true, present, why);
	if (error)
		return error;
	present_free(a->present);
	a->present = TAKE_PTR(present);
	a->swept = false;
	model_mark_all_dirty(a->model);
	return 0;
}

static void on_retry(uv_timer_t *timer);

/* The kernel did not do as it was told: what it holds is read again, and then planned anew. */
static void kernel_failed(struct agent *a, const struct why *why, const char *next)
{
	a->kernel_errors++;
	a->kernel_why = *why;
	log_line(LOG_ERROR, "%s; %s", why->text, next);
	uv_timer_start(&a->retry, on_retry, RETRY_MS, 0);
}

static void on_retry(uv_timer_t *timer)
{
	struct agent *a = timer->data;
	struct why why = { "" };

	if (read_present(a, &why)) {
		kernel_failed(a, &why, "trying again");
		return;
	}
	a->pending = true;
}

static void on_reap(uv_timer_t *timer)
{
	struct agent *a = timer->data;
	_cleanup_(plan_done) struct plan plan = { 0 };
	struct why why = { "" };
	int error;

	kern_barrier(&a->kern);
	error = present_reap(a->present, &plan);
	if (!error)
		error = kern_apply(&a->kern, &plan, &why);
	/* What was freed may be reused after one more, which is better waited for now than before an update. */
	kern_barrier(&a->kern);
	if (error) {
		kernel_failed(a, &why, "reading the kernel anew");
		return;
	}
	a->deletes += plan_count_deletes(&plan);
	log_line(LOG_DEBUG, "deleted %zu retired rows", plan_count_deletes(&plan));
	if (present_has_garbage(a->present))
		uv_timer_start(&a->reap, on_reap, REAP_MS, 0);
}

struct applied {
	size_t puts;
	size_t deletes;
	size_t services_deleted;
};

static int plan_and_apply_some(struct agent *a, struct applied *applied, bool *ret_more, struct why *why)
{
	_cleanup_(plan_done) struct plan plan = { 0 };
	int error = plan_forgotten(a, &plan);

	if (!error)
		error = plan_dirty(a, &plan, ret_more);
	if (!error && !plan_is_empty(&plan))
		error = kern_apply(&a->kern, &plan, why);
	applied->puts += plan_count_puts(&plan);
	applied->deletes += plan_count_deletes(&plan);
	applied->services_deleted += plan.deletes[TABLE_SERVICES].count;
	return error;
}

static int plan_and_apply(struct agent *a, struct why *why)
{
	struct applied applied = { 0 };
	bool more = true;
	int error = 0;

	while (!error && more)
		error = plan_and_apply_some(a, &applied, &more, why);
	a->puts += applied.puts;
	a->deletes += applied.deletes;
	if (error)
		return error;
	if (applied.puts || applied.deletes)
		log_line(LOG_INFO, "applied %zu puts, %zu deletes", applied.puts, applied.deletes);
	/* What the source read and what was planned, back to the system: the heap keeps it otherwise. */
	if (applied.puts >= PLAN_PUTS)
		malloc_trim(0);
	if (a->conflicted && applied.services_deleted) {
		a->conflicted = false;
		a->pending = true;
		model_mark_all_dirty(a->model);
	}
	return 0;
}

/* Connections that an unload forgot, now that the rows of their endpoints are there. */
static void recount(struct agent *a)
{
	char cgroup[PATH_MAX];
	struct why why = { "" };
	uint64_t adopted = 0;
	int error, fd = cgroup_open(a->options->kern.cgroup, cgroup, &why);

	if (fd < 0)
		return;
	close(fd);
	error = kern_recount(&a->kern, cgroup, &adopted, &why);
	if (error && error != -ENOENT)
		log_line(LOG_WARN, "%s; connections from before the load are not counted", why.text);
	if (adopted)
		log_line(LOG_INFO, "counted in %llu connections from before the load",
			 (unsigned long long)adopted);
}

/* Of a plan that failed, something may be missing until the kernel was read again, whatever went well since. */
static void note_success(struct agent *a)
{
	if (uv_is_active((uv_handle_t *)&a->retry))
		return;
	a->kernel_why = (struct why){ "" };
	if (source_complete(a->source) && !a->pending)
		a->whole = true;
}

/* The one place where wanted and present meet. */
static void agent_sync(struct agent *a)
{
	struct why why = { "out of memory" };

	a->pending = false;
	if (plan_and_apply(a, &why)) {
		kernel_failed(a, &why, "reading the kernel anew");
		return;
	}
	if (present_has_garbage(a->present) && !uv_is_active((uv_handle_t *)&a->reap))
		uv_timer_start(&a->reap, on_reap, a->kern.no_barrier ? REAP_BLIND_MS : REAP_MS, 0);
	note_success(a);
	if (!a->ready && !a->pending && source_has_begun(a->source)) {
		a->ready = true;
		recount(a);
		log_line(LOG_INFO, "ready");
	}
}

static void on_attach_retry(uv_timer_t *timer);

/* `error` of attach_read() or attach_sync(), which are tried again. */
static void attach_failed(struct agent *a, const struct why *why)
{
	bool known = !strcmp(a->attach_why.text, why->text);

	a->attach_why = *why;
	log_line(known ? LOG_DEBUG : LOG_WARN, "%s; trying again", why->text);
	uv_timer_start(&a->attach_retry, on_attach_retry, RETRY_MS, 0);
}

/* The programs at interfaces; they need nothing from the services. */
static void attach_now(struct agent *a)
{
	_cleanup_(attach_plan_done) struct attach_plan plan = { 0 };
	struct why why = { "out of memory" };
	int error = attach_sync(a->attach, &plan, &why);

	for (size_t i = 0; i < plan.count; i++) {
		const char *what = attach_tell(&plan.steps[i]);

		if (what)
			log_line(LOG_INFO, "%s %s (%u)", what, plan.steps[i].row.name, plan.steps[i].index);
	}
	if (error)
		attach_failed(a, &why);
	else
		a->attach_why = (struct why){ "" };
}

static void read_links(struct agent *a)
{
	struct why why = { "out of memory" };

	if (attach_read(a->attach, &why))
		attach_failed(a, &why);
	else
		attach_now(a);
}

static void on_attach_retry(uv_timer_t *timer)
{
	read_links(timer->data);
}

/* That messages were lost is an error of the socket, at which libuv stops to watch it. */
static void on_linked(uv_poll_t *poll, int status, int happened _unused_)
{
	if (status)
		uv_poll_start(poll, UV_READABLE, on_linked);
	read_links(poll->data);
}

static int watch_links(struct agent *a, struct why *why)
{
	int error = attach_open(&a->kern, &a->options->links, why, &a->attach);

	if (error)
		return error;
	attach_now(a);
	if (attach_fd(a->attach) < 0)
		return 0;
	error = uv_poll_init(&a->loop, &a->linked, attach_fd(a->attach));
	if (error)
		return why_set(why, error, "cannot watch the interfaces of the node: %s", uv_strerror(error));
	a->linked.data = a;
	uv_poll_start(&a->linked, UV_READABLE, on_linked);
	return 0;
}

static void on_turn(uv_prepare_t *turn)
{
	struct agent *a = turn->data;

	while (a->pending)
		agent_sync(a);
}

static void on_changed(void *arg)
{
	struct agent *a = arg;

	a->pending = true;
}

static void on_say(void *arg _unused_, bool bad, const char *line)
{
	log_line(bad ? LOG_ERROR : LOG_INFO, "%s", line);
}

static void on_signal(uv_signal_t *signal, int number)
{
	log_line(LOG_INFO, "signal %d: ending; what is in the kernel goes on", number);
	uv_stop(signal->loop);
}

static void on_event(void *arg, const struct event *event)
{
	const struct agent *a = arg;
	char text[TELL_SIZE];

	tell_event(a->present, event, text);
	log_line(event->kind == EVENT_READMITTED ? LOG_INFO : LOG_WARN, "%s", text);
}

static void on_told(uv_poll_t *poll, int status, int happened _unused_)
{
	struct agent *a = poll->data;

	if (!status)
		events_read(a->events);
}

static int watch_events(struct agent *a, struct why *why)
{
	int error = events_open(a->kern.dir, on_event, a, why, &a->events);

	if (error)
		return error;
	error = uv_poll_init(&a->loop, &a->told, events_fd(a->events));
	if (error)
		return why_set(why, error, "cannot watch the events of the programs: %s", uv_strerror(error));
	a->told.data = a;
	uv_poll_start(&a->told, UV_READABLE, on_told);
	return 0;
}

static void fill_report(void *arg, struct report *ret)
{
	const struct agent *a = arg;
	size_t rows[TABLE_COUNT];

	*ret = (struct report){
		.version = a->options->kern.version,
		.abi = WEFT_ABI,
		.ready = a->whole,
		.puts = a->puts,
		.deletes = a->deletes,
		.kernel_errors = a->kernel_errors,
		.kernel_wrong = *a->kernel_why.text ? a->kernel_why : a->attach_why,
	};
	source_status(a->source, &ret->source);
	for (int i = 0; i < OBJECT_KINDS; i++)
		ret->objects[i] = model_count(a->model, i);
	present_count(a->present, rows);
	for (int i = 0; i < TABLE_COUNT; i++) {
		if (i != TABLE_DRAINS)
			ret->tables[ret->n_tables++] = (struct report_table){
				table_shapes[i].map,
				rows[i],
				kern_room(&a->kern, i),
			};
	}
}

/* A place that nobody asked for, and that is taken, is no reason to leave the node without an agent. */
static int serve(struct agent *a, struct why *why)
{
	struct why mute = { "" };
	int error = server_new(&a->loop, fill_report, a, &a->server);

	if (error)
		return error;
	error = server_listen(a->server, a->options->listen, why);
	if (error && !a->options->listen_if_free)
		return error;
	if (error)
		log_line(LOG_WARN, "%s; there are no metrics of this agent", why->text);
	if (server_listen_local(a->server, a->kern.dir, &mute))
		log_line(LOG_WARN, "%s; 'weft get status' will not hear of the agent", mute.text);
	return 0;
}

static void report_feature(const struct feature_state *feature)
{
	if (!feature->on)
		log_line(LOG_WARN, "%s is off: %s; %s", feature->name, feature->why.text, feature->effect);
}

static void report_load(const struct agent *a, const struct load_report *report)
{
	struct feature_state auto_splice = splice_auto(report->splice_test, &report->splice_test_why);

	if (report->mounted)
		log_line(LOG_INFO, "mounted a BPF file system for %s", a->kern.dir);
	if (report->adopted)
		log_line(LOG_INFO, "adopted what is loaded under %s", a->kern.dir);
	else
		log_line(LOG_INFO, "loaded on %s, pinned under %s", report->cgroup, a->kern.dir);
	for (int i = 0; i < FEATURE_COUNT; i++)
		report_feature(&report->features[i]);
	report_feature(&auto_splice);
}

static void init_handles(struct agent *a)
{
	static const int numbers[] = { SIGTERM, SIGINT };

	uv_prepare_init(&a->loop, &a->turn);
	uv_timer_init(&a->loop, &a->reap);
	uv_timer_init(&a->loop, &a->retry);
	uv_timer_init(&a->loop, &a->attach_retry);
	a->turn.data = a->reap.data = a->retry.data = a->attach_retry.data = a;
	uv_prepare_start(&a->turn, on_turn);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		uv_signal_init(&a->loop, &a->signals[i]);
		uv_signal_start(&a->signals[i], on_signal, numbers[i]);
	}
}

static void close_handle(uv_handle_t *handle, void *arg _unused_)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static int begin(struct agent *a, struct why *why)
{
	const struct source_events events = { .arg = a, .changed = on_changed, .say = on_say };
	struct load_report report;
	int error = model_new(&a->model);

	if (!error)
		error = kern_adopt(&a->options->kern, why, &a->kern, &report);
	if (error)
		return error;
	report_load(a, &report);
	kern_sign(&a->kern);
	error = read_present(a, why);
	if (!error)
		error = watch_events(a, why);
	if (!error)
		error = watch_links(a, why);
	if (!error)
		error = serve(a, why);
	if (!error)
		error = source_open(a->options->source, &a->options->source_options, &a->loop, a->model,
				    &events, why, &a->source);
	a->pending = true;
	return error;
}

int agent_run(const struct agent_options *options, struct why *why)
{
	struct agent a = { .options = options };
	int error;

	kern_init(&a.kern, options->kern.bpffs);
	error = uv_loop_init(&a.loop);
	if (error)
		return why_set(why, error, "cannot begin an event loop: %s", uv_strerror(error));
	/* A reader of the log that goes away must not take the agent with it. */
	signal(SIGPIPE, SIG_IGN);
	init_handles(&a);
	error = begin(&a, why);
	if (!error)
		uv_run(&a.loop, UV_RUN_DEFAULT);
	if (a.source)
		source_close(a.source);
	uv_walk(&a.loop, close_handle, NULL);
	uv_run(&a.loop, UV_RUN_DEFAULT);
	uv_loop_close(&a.loop);
	server_close(a.server);
	events_close(a.events);
	attach_close(a.attach);
	present_free(a.present);
	model_free(a.model);
	kern_close(&a.kern);
	return error;
}
