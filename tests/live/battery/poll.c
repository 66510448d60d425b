/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What poll(), epoll, select() and SIGIO say, and when. */
#include <fcntl.h>
#include <signal.h>
#include <sys/select.h>

#include "battery.h"

static void poll_stages(struct pair *p)
{
	saw_mask("tx", p->tx, POLLOUT);
	saw_mask("rx", p->rx, POLLOUT);
	saw("send", put(p->tx, "hello"));
	saw_mask("rx", p->rx, POLLIN);
	saw_bytes("part", p->rx, 2);
	saw_mask("rx", p->rx, POLLIN);
	saw_bytes("all", p->rx, 10);
	saw_mask("rx", p->rx, POLLOUT);
	shutdown(p->tx, SHUT_WR);
	saw_mask("rx", p->rx, POLLIN | POLLRDHUP);
	saw_mask("tx", p->tx, POLLOUT);
	saw("back", put(p->rx, "answer"));
	saw_mask("tx", p->tx, POLLIN);
	shutdown(p->rx, SHUT_WR);
	saw_mask("tx", p->tx, POLLHUP);
	saw_mask("rx", p->rx, POLLHUP);
	saw_rest("tx", p->tx);
	saw_mask("tx", p->tx, POLLHUP);
}

static void poll_pending_end(struct pair *p)
{
	saw("send", put(p->tx, "hello"));
	close(p->tx);
	saw_mask("rx", p->rx, POLLIN | POLLRDHUP);
	saw_bytes("part", p->rx, 2);
	saw_mask("rx", p->rx, POLLIN);
	saw_rest("rx", p->rx);
	saw_mask("rx", p->rx, POLLIN);
}

static int watch(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	return epoll;
}

static void watch_again(int epoll, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };

	epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
}

static void saw_event(const char *what, int epoll, bool patient)
{
	struct epoll_event event = { 0 };
	uint32_t events;

	if (epoll_wait(epoll, &event, 1, patient ? PATIENCE_MS / 4 : QUIET_MS) != 1) {
		told(what, "none");
		return;
	}
	events = event.events;
	told(what, "%s%s%s%s%s", events & EPOLLIN ? "I" : "", events & EPOLLOUT ? "O" : "",
	     events & EPOLLRDHUP ? "R" : "", events & EPOLLERR ? "E" : "", events & EPOLLHUP ? "H" : "");
}

static void epoll_level(struct pair *p)
{
	int epoll = watch(p->rx, EPOLLIN | EPOLLRDHUP);

	saw_event("fresh", epoll, false);
	saw("send", put(p->tx, "hello"));
	saw_event("data", epoll, true);
	saw_event("again", epoll, true);
	saw_bytes("part", p->rx, 2);
	saw_event("left", epoll, true);
	saw_bytes("all", p->rx, 10);
	saw_event("read", epoll, false);
	shutdown(p->tx, SHUT_WR);
	saw_event("end", epoll, true);
	saw_rest("rx", p->rx);
	saw_event("again", epoll, true);
}

/* An edge for each arrival, read or not, and none without. */
static void epoll_edge(struct pair *p)
{
	int epoll = watch(p->rx, EPOLLIN | EPOLLRDHUP | EPOLLET);

	saw_event("fresh", epoll, false);
	saw("send", put(p->tx, "hello"));
	saw_event("data", epoll, true);
	saw_event("again", epoll, false);
	saw("send", put(p->tx, "more"));
	saw_event("more", epoll, true);
	saw_bytes("part", p->rx, 2);
	saw_event("left", epoll, false);
	saw_rest("rx", p->rx);
	saw_event("read", epoll, false);
	saw("send", put(p->tx, "last"));
	saw_event("last", epoll, true);
	close(p->tx);
	saw_event("end", epoll, true);
	saw_event("again", epoll, false);
	saw_rest("rx", p->rx);
}

static void epoll_edge_out(struct pair *p)
{
	struct flow flow = { .from = p->tx, .to = p->rx, .total = SIZE_MAX };
	int epoll;

	set_option(p->tx, SOL_SOCKET, SO_SNDBUF, 16384);
	set_option(p->rx, SOL_SOCKET, SO_RCVBUF, 16384);
	epoll = watch(p->tx, EPOLLOUT | EPOLLET);
	saw_event("fresh", epoll, true);
	saw_event("again", epoll, false);
	flow_stuff(&flow, 4096);
	/* Edges of the filling itself do not count. */
	saw_mask("full", p->tx, 0);
	watch_again(epoll, p->tx, EPOLLOUT | EPOLLET);
	saw_event("full", epoll, false);
	flow_drain(&flow, 65536);
	saw_event("room", epoll, true);
	saw("lost", (long)(flow.sent - flow.read));
}

static void epoll_both_edges(struct pair *p)
{
	int epoll = watch(p->rx, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);

	saw_event("fresh", epoll, true);
	saw("send", put(p->tx, "hello"));
	saw_event("data", epoll, true);
	saw("back", put(p->rx, "answer"));
	saw_bytes("tx", p->tx, 10);
	saw_event("sent", epoll, false);
	shutdown(p->tx, SHUT_WR);
	saw_event("end", epoll, true);
	shutdown(p->rx, SHUT_WR);
	saw_event("both", epoll, true);
}

static void epoll_reset(struct pair *p)
{
	int epoll = watch(p->rx, EPOLLIN | EPOLLRDHUP | EPOLLET);

	saw("send", put(p->tx, "hello"));
	saw_event("data", epoll, true);
	reset_close(p->tx);
	saw_event("reset", epoll, true);
	saw_event("again", epoll, false);
	saw_rest("rx", p->rx);
}

static void epoll_once(struct pair *p)
{
	int epoll = watch(p->rx, EPOLLIN | EPOLLONESHOT);

	saw("send", put(p->tx, "hello"));
	saw_event("data", epoll, true);
	saw("send", put(p->tx, "more"));
	saw_event("more", epoll, false);
	watch_again(epoll, p->rx, EPOLLIN | EPOLLONESHOT);
	saw_event("armed", epoll, true);
	saw_rest("rx", p->rx);
	watch_again(epoll, p->rx, EPOLLIN | EPOLLONESHOT);
	saw_event("empty", epoll, false);
}

/* Registered when the bytes are there already. */
static void epoll_late(struct pair *p)
{
	int epoll;

	saw("send", put(p->tx, "hello"));
	await(p->rx, POLLIN);
	epoll = watch(p->rx, EPOLLIN | EPOLLET);
	saw_event("data", epoll, true);
	saw_event("again", epoll, false);
	saw_rest("rx", p->rx);
}

static void backpressure(struct pair *p)
{
	struct flow flow = { .from = p->tx, .to = p->rx, .total = SIZE_MAX };

	set_option(p->tx, SOL_SOCKET, SO_SNDBUF, 16384);
	set_option(p->rx, SOL_SOCKET, SO_RCVBUF, 16384);
	saw_mask("empty", p->tx, POLLOUT);
	flow_stuff(&flow, 4096);
	saw_mask("full", p->tx, 0);
	saw("more", put(p->tx, "x"));
	flow_drain(&flow, 65536);
	saw_mask("room", p->tx, POLLOUT);
	saw("lost", (long)(flow.sent - flow.read));
	saw("wrong", (long)flow.wrong);
	saw("send", put(p->tx, "hello"));
	saw_rest("rx", p->rx);
}

static void selected(struct pair *p)
{
	struct timeval patience = { .tv_sec = 1 };
	fd_set in, out;

	saw("send", put(p->tx, "hello"));
	await(p->rx, POLLIN);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(p->rx, &in);
	FD_SET(p->rx, &out);
	saw("select", select(p->rx + 1, &in, &out, NULL, &patience));
	saw_rest("rx", p->rx);
	FD_SET(p->rx, &in);
	patience = (struct timeval){ 0 };
	saw("select", select(p->rx + 1, &in, NULL, NULL, &patience));
}

struct poller {
	pthread_t thread;
	int fd;
	struct pollfd poll_fd;
};

static void *poll_in_thread(void *arg)
{
	struct poller *poller = arg;

	poller->poll_fd = (struct pollfd){ .fd = poller->fd, .events = POLLIN };
	poll(&poller->poll_fd, 1, PATIENCE_MS);
	return NULL;
}

/* It sleeps in poll() when the bytes come. */
static void poll_wakes(struct pair *p)
{
	struct poller poller = { .fd = p->rx };

	pthread_create(&poller.thread, NULL, poll_in_thread, &poller);
	settle();
	saw("send", put(p->tx, "hello"));
	pthread_join(poller.thread, NULL);
	told("woken", "%s", poller.poll_fd.revents == POLLIN ? "IN" : "otherwise");
	saw_rest("rx", p->rx);
}

static volatile sig_atomic_t signals;

static void note_signal(int number)
{
	(void)number;
	signals++;
}

static void signal_driven(struct pair *p)
{
	signal(SIGIO, note_signal);
	fcntl(p->rx, F_SETOWN, getpid());
	fcntl(p->rx, F_SETFL, fcntl(p->rx, F_GETFL) | O_ASYNC);
	told("fresh", "%s", signals ? "signal" : "none");
	saw("send", put(p->tx, "hello"));
	for (int i = 0; i < PATIENCE_MS && !signals; i++)
		usleep(1000);
	told("data", "%s", signals ? "signal" : "none");
	saw_rest("rx", p->rx);
	signals = 0;
	shutdown(p->tx, SHUT_WR);
	for (int i = 0; i < PATIENCE_MS && !signals; i++)
		usleep(1000);
	told("end", "%s", signals ? "signal" : "none");
}

const struct test poll_tests[] = { { "poll_stages", poll_stages, 0, NULL },
				   { "poll_pending_end", poll_pending_end, 0, NULL },
				   { "poll_wakes", poll_wakes, 0, NULL },
				   { "epoll_level", epoll_level, 0, NULL },
				   { "epoll_edge", epoll_edge, 0, NULL },
				   { "epoll_edge_out", epoll_edge_out, 0, NULL },
				   { "epoll_both_edges", epoll_both_edges, 0, NULL },
				   { "epoll_reset", epoll_reset, 0, NULL },
				   { "epoll_once", epoll_once, 0, NULL },
				   { "epoll_late", epoll_late, 0, NULL },
				   { "backpressure", backpressure, 0, NULL },
				   { "select", selected, 0, NULL },
				   { "signal_driven", signal_driven, 0, NULL },
				   { 0 } };
