/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An end in a thread of its own, as programs have it that wait in send() and recv(); some do only after a while. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../place.h"
#include "stress.h"

bool tolerant;

static size_t n_live;

size_t block_live(void)
{
	return __atomic_load_n(&n_live, __ATOMIC_ACQUIRE);
}

static void sleep_until(uint64_t at_ns)
{
	struct timespec at = { (time_t)(at_ns / 1000000000), (long)(at_ns % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

static bool is_blocking(const struct end *end)
{
	return !(fcntl(end->fd, F_GETFL) & O_NONBLOCK);
}

/* What blocks must not come back with nothing: unless it was spliced before, which the documents say. */
static void waited(struct end *end, short events)
{
	struct pollfd poll_fd = { .fd = end->fd, .events = events };

	if (now_ns() > end->deadline_ns) {
		report_fault(end, FAULT_HANG, "waits for %s", events == POLLIN ? "bytes" : "room");
	} else if (!is_blocking(end)) {
		poll(&poll_fd, 1, 1000);
	} else {
		report_add(&report.spurious, 1);
		if (!tolerant)
			report_fault(end, FAULT_ERROR, "EAGAIN from a call that should wait for %s",
				     events == POLLIN ? "bytes" : "room");
	}
}

static void go_on(struct end *end)
{
	uint64_t now = now_ns();

	if (end->planned && end->message >= end->blocks_from && !is_blocking(end))
		fcntl(end->fd, F_SETFL, 0);
	if (end_may_send(end, now)) {
		if (end->send_at_ns > now)
			sleep_until(end->send_at_ns);
		if (end_send(end, 0, NULL, 0) == STEP_WAITS)
			waited(end, POLLOUT);
		return;
	}
	if (end->read_at_ns > now)
		sleep_until(end->read_at_ns);
	if (end_receive(end, end->planned && end->waits_for_all && is_blocking(end) ? MSG_WAITALL : 0) ==
	    STEP_WAITS)
		waited(end, POLLIN);
}

static void *run(void *data)
{
	struct end *end = data;

	while (!end->done && !end_finish(end))
		go_on(end);
	close(end->fd);
	free(end);
	__atomic_fetch_sub(&n_live, 1, __ATOMIC_RELEASE);
	return NULL;
}

void block_begin(struct end *end)
{
	struct timeval patience = { DEADLINE_MS / 1000 + 1, 0 };
	pthread_attr_t attributes;
	pthread_t thread;

	setsockopt(end->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(end->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	__atomic_fetch_add(&n_live, 1, __ATOMIC_RELAXED);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attributes, run, end))
		die("pthread_create", "");
	pthread_attr_destroy(&attributes);
}
