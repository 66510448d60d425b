/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Many ends in one thread. Those of edges go on until EAGAIN and are told of nothing twice; those of levels read once,
 * and rely on being told again. Either way a wake-up that is lost ends at the deadline.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../place.h"
#include "stress.h"

enum {
	LIVE_MOST = 65536,
	EVENTS_MOST = 256,
};

static int epoll;
static struct end *live[LIVE_MOST];
static size_t n_live;
static uint64_t due_ns; /* the next time at which one wants to go on by itself */
static void (*on_accept)(struct end *listener);
static void (*on_over)(void);

void loop_begin(void (*accepts)(struct end *listener), void (*over)(void))
{
	epoll = epoll_create1(EPOLL_CLOEXEC);
	on_accept = accepts;
	on_over = over;
	due_ns = UINT64_MAX;
}

size_t loop_live(void)
{
	return n_live;
}

static void await_at(uint64_t at_ns)
{
	if (at_ns < due_ns)
		due_ns = at_ns;
}

/* Asks epoll for what is needed next. An end of edges asks once, for all. */
static void ask(struct end *end, uint64_t now)
{
	struct epoll_event event = { .data.ptr = end };

	if (end->manner.edge && end->planned) {
		event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	} else {
		if (!end->ended && end->read_at_ns <= now && !end->connecting)
			event.events |= EPOLLIN;
		if (end->connecting || (!end->writable && end_may_send(end, now)))
			event.events |= EPOLLOUT;
	}
	if (!end->ended && end->read_at_ns > now)
		await_at(end->read_at_ns);
	if (end->send_at_ns > now)
		await_at(end->send_at_ns);
	if (end->registered && end->interest == event.events)
		return;
	if (epoll_ctl(epoll, end->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, end->fd, &event))
		die("epoll_ctl", strerror(errno));
	end->registered = true;
	end->interest = event.events;
}

static void drop(struct end *end)
{
	close(end->fd);
	live[end->place] = live[--n_live];
	live[end->place]->place = end->place;
	free(end);
	if (on_over)
		on_over();
}

static bool read_once(struct end *end, uint64_t now)
{
	enum step step;

	if (!end->readable || end->ended || end->done || end->read_at_ns > now)
		return false;
	step = end_receive(end, 0);
	if (step == STEP_WAITS || !end->manner.edge)
		end->readable = false;
	return step == STEP_MOVED;
}

static bool send_once(struct end *end, uint64_t now)
{
	enum step step;

	if (!end->writable || end->done || !end_may_send(end, now) || end->send_at_ns > now)
		return false;
	step = end_send(end, 0, NULL, 0);
	if (step == STEP_WAITS)
		end->writable = false;
	return step == STEP_MOVED;
}

static void go_on(struct end *end, uint64_t now)
{
	bool moved = true;

	while (moved && !end->done) {
		moved = read_once(end, now);
		moved |= send_once(end, now);
		end_finish(end);
	}
	if (end->done)
		drop(end);
	else
		ask(end, now);
}

void loop_add(struct end *end)
{
	if (n_live == LIVE_MOST)
		die("too many connections", "");
	end->place = n_live;
	live[n_live++] = end;
	if (end->listens || end->connecting)
		ask(end, now_ns());
	else
		go_on(end, now_ns());
}

static void connected(struct end *end)
{
	socklen_t length = sizeof(int);
	int error = 0;

	end->connecting = false;
	if (getsockopt(end->fd, SOL_SOCKET, SO_ERROR, &error, &length) || error)
		report_fault(end, FAULT_CONNECT, "%s", strerror(error ? error : errno));
}

static void happens(struct end *end, uint32_t events)
{
	if (end->listens) {
		on_accept(end);
		return;
	}
	if (end->connecting && events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		connected(end);
	end->readable |= !!(events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP));
	end->writable |= !!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP));
	go_on(end, now_ns());
}

/* Those that have waited on purpose. */
static void go_on_due(void)
{
	uint64_t now = now_ns();

	if (now < due_ns)
		return;
	due_ns = UINT64_MAX;
	for (size_t i = n_live; i-- > 0;) {
		struct end *end = live[i];
		bool reads = !end->ended && end->read_at_ns && end->read_at_ns <= now;
		bool sends = end->send_at_ns && end->send_at_ns <= now;

		if (reads)
			end->read_at_ns = 0;
		if (sends)
			end->send_at_ns = 0;
		await_at(end->read_at_ns > now && !end->ended ? end->read_at_ns : UINT64_MAX);
		await_at(end->send_at_ns > now ? end->send_at_ns : UINT64_MAX);
		if ((reads || sends) && !end->connecting)
			go_on(end, now);
	}
}

/* A wake-up that was lost and bytes that never came are different things. */
static void hangs(struct end *end)
{
	struct pollfd poll_fd = { .fd = end->fd, .events = POLLIN | POLLOUT | POLLRDHUP };
	char bytes[4096];
	ssize_t got;

	poll(&poll_fd, 1, 0);
	got = recv(end->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_PEEK);
	report_fault(end, FAULT_HANG,
		     "%sreadable %d, writable %d, asked for %#x; poll says %#x, a peek gives %zd (%s)",
		     end->connecting ? "connecting, " : "", end->readable, end->writable, end->interest,
		     poll_fd.revents, got, got < 0 ? strerror(errno) : "no error");
	drop(end);
}

void loop_check_deadlines(void)
{
	static uint64_t next_ns;
	uint64_t now = now_ns();

	if (now < next_ns)
		return;
	next_ns = now + (uint64_t)TICK_MS * 1000000;
	for (size_t i = n_live; i-- > 0;) {
		if (!live[i]->listens && live[i]->deadline_ns < now)
			hangs(live[i]);
	}
}

static int patience_ms(void)
{
	uint64_t now = now_ns();

	if (due_ns <= now)
		return 0;
	if (due_ns - now > (uint64_t)TICK_MS * 1000000)
		return TICK_MS;
	return (int)((due_ns - now + 999999) / 1000000);
}

void loop_once(int most_ms)
{
	struct epoll_event events[EVENTS_MOST];
	int wait_ms = patience_ms();
	int count = epoll_wait(epoll, events, EVENTS_MOST, wait_ms < most_ms ? wait_ms : most_ms);

	for (int i = 0; i < count; i++)
		happens(events[i].data.ptr, events[i].events);
	go_on_due();
	loop_check_deadlines();
}
