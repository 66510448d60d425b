/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * weft monitor. It never waits for whoever reads its output: lines queue up to a limit, then the kernel's ring fills, and
 * then events are lost and counted. So the lease is renewed in time, however slow the reader is.
 */
#include "kern/monitor.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/vec.h"
#include "cmd/cli.h"
#include "cmd/fail.h"
#include "cmd/place.h"
#include "watch/changes.h"

enum {
	QUEUE_BYTES = 65536,
	/* Reading all rows takes at most one part in so many of the time. */
	ROWS_SHARE = 20,
	/* An event may name what came after the rows were read; they are read again at most so often. */
	LOOK_AGAIN_MS = 200,
	/* The kernel wakes nobody for a few events. */
	READ_MS = 100,
};

struct watch {
	const struct cli *cli;
	struct happening_filter filter;
	struct kern kern;
	struct monitor *monitor;
	/* The rows before the last reading are kept: events may be of what has gone. */
	struct listing before, now;
	uint64_t read_ns, next_rows_ns; /* when the rows were read, and will be again */
	char *queue;
	size_t queued, room;
	int error; /* of the first line that could not be queued */
};

static volatile sig_atomic_t ended;

static void on_end(int number)
{
	ended = number;
}

static void put(void *arg, const struct happening *h)
{
	struct watch *w = arg;
	_cleanup_(freep) char *text = NULL;
	size_t length;

	if (w->error || !happening_passes(&w->filter, h))
		return;
	text = w->cli->output == SHEET_JSON ? happening_json(h) : happening_line(h);
	length = text ? strlen(text) : 0;
	if (!text || vec_reserve(&w->queue, w->queued + length, &w->room, 1)) {
		w->error = -ENOMEM;
		return;
	}
	memcpy(w->queue + w->queued, text, length);
	w->queued += length;
}

/* ---- rows ---- */

static int read_rows(struct watch *w, struct why *why)
{
	_cleanup_(listing_done) struct listing listing = { 0 };
	uint64_t began_ns = clock_now_ns();
	int error = listing_read(&w->kern, &listing, why);

	if (!error)
		error = listing_mark_drained(&listing, &w->kern);
	if (error)
		return error;
	if (w->now.present && w->filter.kinds & KINDS_OF_ROWS)
		changes_find(&w->now, &listing, clock_wall_ms(clock_now_ns()), put, w);
	listing_done(&w->before);
	w->before = w->now;
	w->now = listing;
	listing = (struct listing){ 0 };
	w->read_ns = clock_now_ns();
	w->next_rows_ns = w->read_ns + (w->read_ns - began_ns) * ROWS_SHARE;
	return 0;
}

/* ---- events ---- */

static const struct endpoint_row *find_endpoint(const struct watch *w, uint64_t id)
{
	const struct endpoint_row *row = listing_endpoint(&w->now, id);

	return row ? row : listing_endpoint(&w->before, id);
}

static const char *find_service(const struct watch *w, uint32_t id)
{
	const char *name = listing_service_name(&w->now, id);

	return *name ? name : listing_service_name(&w->before, id);
}

static bool is_unknown(const struct watch *w, const struct monitor_event *event)
{
	return (event->service && !*find_service(w, event->service)) ||
	       (event->endpoint && !find_endpoint(w, event->endpoint)) ||
	       (event->target && !find_endpoint(w, event->target));
}

static struct spot spot_of(const struct endpoint_row *row)
{
	return row ? (struct spot){ row->address, row->port } : (struct spot){ 0 };
}

/* The kernel takes a name as it is given; lines and JSON must not suffer from it. */
static void program_text(const struct monitor_event *event, char text[PROGRAM_NAME_SIZE + 1])
{
	memcpy(text, event->program, PROGRAM_NAME_SIZE);
	text[PROGRAM_NAME_SIZE] = '\0';
	for (char *c = text; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
}

static void put_event(struct watch *w, const struct monitor_event *event)
{
	char program[PROGRAM_NAME_SIZE + 1];
	struct happening h = {
		.time_ms = clock_wall_ms(event->time_ns),
		.kind = (enum happening_kind)event->kind,
		.service = find_service(w, event->service),
		.protocol = event->protocol,
		.target = spot_of(find_endpoint(w, event->target)),
		.client = { event->client, event->client_port },
		.cause = event->cause,
		.failures = event->failures,
		.out_ms = event->until_ns ? (event->until_ns - event->time_ns) / NS_PER_MS : 0,
		.pid = event->pid,
		.program = program,
	};
	struct spot spot = { event->address, event->port };

	program_text(event, program);
	if (event->kind == MONITOR_REFUSED)
		h.dialled = spot;
	else
		h.endpoint = spot.port ? spot : spot_of(find_endpoint(w, event->endpoint));
	put(w, &h);
}

static void put_lost(struct watch *w, uint64_t lost)
{
	const struct happening h = {
		.time_ms = clock_wall_ms(clock_now_ns()),
		.kind = HAPPENED_LOST,
		.service = "",
		.count = lost,
	};

	put(w, &h);
}

static int on_event(void *arg, const struct monitor_event *event, uint64_t lost)
{
	struct watch *w = arg;
	struct why why = { "" };

	if (lost)
		put_lost(w, lost);
	if (!event)
		return 0;
	if (event->kind >= MONITOR_KINDS)
		return 0;
	/* If they cannot be read now, the next turn says so. */
	if (is_unknown(w, event) && clock_now_ns() - w->read_ns > LOOK_AGAIN_MS * NS_PER_MS)
		read_rows(w, &why);
	put_event(w, event);
	return w->queued >= QUEUE_BYTES ? -EAGAIN : 0;
}

/* ---- the loop ---- */

/* As much as can be written without waiting. -EPIPE: nobody reads any more. */
static int write_some(struct watch *w)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
	size_t done = 0;
	int error = 0;

	while (!error && done < w->queued && poll(&out, 1, 0) > 0) {
		size_t size = w->queued - done < PIPE_BUF ? w->queued - done : PIPE_BUF;
		ssize_t n = out.revents & POLLOUT ? write(STDOUT_FILENO, w->queue + done, size) : 0;

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			error = -errno;
		else if (n <= 0)
			break;
		else
			done += n;
	}
	if (out.revents & POLLERR)
		error = -EPIPE;
	if (done)
		memmove(w->queue, w->queue + done, w->queued - done);
	w->queued -= done;
	return error;
}

/* Until there is something to do, `timeout_ms` at most. */
static int wait_for_something(const struct watch *w, int timeout_ms, const sigset_t *signals)
{
	const struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * (long)NS_PER_MS };
	struct pollfd fds[] = {
		/* Errors are told without being asked for. */
		{ .fd = STDOUT_FILENO, .events = w->queued ? POLLOUT : 0 },
		{ .fd = w->queued < QUEUE_BYTES ? monitor_fd(w->monitor) : -1, .events = POLLIN },
	};

	if (ppoll(fds, ARRAY_LEN(fds), &timeout, signals) < 0)
		return errno == EINTR ? 0 : -errno;
	return fds[0].revents & POLLERR ? -EPIPE : 0;
}

/* Once a second. */
static int do_turn(struct watch *w, struct why *why)
{
	int error;

	if (!kern_is_pinned(&w->kern))
		return why_set(why, -ENOENT, "weft was unloaded from %s: there is nothing to watch any more",
			       w->kern.dir);
	error = monitor_renew(w->monitor, why);
	if (!error && w->filter.kinds & KINDS_OF_ROWS && w->queued < QUEUE_BYTES &&
	    clock_now_ns() >= w->next_rows_ns)
		error = read_rows(w, why);
	return error;
}

static int watch(struct watch *w, const sigset_t *signals, struct why *why)
{
	uint64_t turn_ns = clock_now_ns() + MONITOR_RENEW_MS * NS_PER_MS;
	int error = 0;

	while (!error && !ended) {
		error = wait_for_something(w, READ_MS, signals);
		if (!error && clock_now_ns() >= turn_ns) {
			error = do_turn(w, why);
			turn_ns = clock_now_ns() + MONITOR_RENEW_MS * NS_PER_MS;
		}
		if (!error && w->queued < QUEUE_BYTES)
			error = monitor_read(w->monitor);
		if (error == -EAGAIN)
			error = 0;
		if (!error)
			error = w->error;
		if (!error)
			error = write_some(w);
	}
	return error;
}

/* ---- from the command line ---- */

static int parse(const struct cli *cli, struct happening_filter *ret, struct why *why)
{
	struct place place = { 0 };
	int error = 0;

	*ret = (struct happening_filter){
		.kinds = KINDS_OF_KERNEL | KINDS_OF_ROWS,
		.namespace = cli->namespace,
		.service = cli->service,
		.has_endpoint = cli->endpoint,
	};
	if (cli->output != SHEET_TABLE && cli->output != SHEET_JSON)
		return why_set(why, -EINVAL, "events come as lines or, with -o json, as JSON");
	if (cli->kinds)
		error = happening_parse_kinds(cli->kinds, &ret->kinds, why);
	if (!error && cli->endpoint && place_parse(cli->endpoint, &place))
		error = why_set(why, -EINVAL,
				"'%s' is no endpoint; give ADDRESS:PORT, [ADDRESS]:PORT or ADDRESS",
				cli->endpoint);
	ret->endpoint = (struct spot){ place.address, place.port };
	return error;
}

/* They interrupt the waiting, and nothing else. */
static void catch_signals(sigset_t *ret_waiting)
{
	const struct sigaction end = { .sa_handler = on_end };
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, ret_waiting);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void watch_done(struct watch *w)
{
	monitor_close(w->monitor);
	listing_done(&w->before);
	listing_done(&w->now);
	kern_close(&w->kern);
	free(w->queue);
}

int cmd_monitor(const struct cli *cli)
{
	_cleanup_(watch_done) struct watch w = { .cli = cli };
	struct why why = { "" };
	sigset_t signals;
	int error;

	kern_init(&w.kern, cli->bpffs);
	if (parse(cli, &w.filter, &why)) {
		fprintf(stderr, "weft monitor: %s; see 'weft monitor --help'\n", why.text);
		return 2;
	}
	catch_signals(&signals);
	error = kern_open(cli->bpffs, &why, &w.kern);
	if (!error)
		error = monitor_open(&w.kern, w.filter.kinds & KINDS_OF_KERNEL, on_event, &w, &why,
				     &w.monitor);
	if (!error)
		error = read_rows(&w, &why);
	if (!error) {
		log_line(LOG_DEBUG, "listening");
		error = watch(&w, &signals, &why);
	}
	return error && error != -EPIPE ? fail("monitor", error, &why) : 0;
}
