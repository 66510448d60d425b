/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a connection ends, and what of it is seen at the other end. */
#include <fcntl.h>
#include <netinet/in.h>

#include "../place.h"
#include "battery.h"

static void shutdown_wr(struct pair *p)
{
	saw("send", put(p->tx, "hello"));
	saw("shutdown", shutdown(p->tx, SHUT_WR));
	saw("late", put(p->tx, "xyz"));
	saw_rest("rx", p->rx);
	saw("back", put(p->rx, "answer"));
	saw_bytes("tx", p->tx, 10);
}

static void shutdown_rd(struct pair *p)
{
	saw("shutdown", shutdown(p->rx, SHUT_RD));
	saw_bytes("empty", p->rx, 10);
	saw("send", put(p->tx, "hello"));
	settle();
	saw_rest("rx", p->rx);
	saw("send", put(p->tx, "again"));
	saw_rest("rx", p->rx);
}

static void shutdown_rd_pending(struct pair *p)
{
	saw("send", put(p->tx, "hello"));
	await(p->rx, POLLIN);
	saw("shutdown", shutdown(p->rx, SHUT_RD));
	saw_mask("poll", p->rx, POLLIN);
	saw_rest("rx", p->rx);
}

static void shutdown_both(struct pair *p)
{
	saw("send", put(p->tx, "hello"));
	saw("shutdown", shutdown(p->tx, SHUT_RDWR));
	saw_mask("tx_poll", p->tx, POLLRDHUP | POLLHUP);
	saw_rest("rx", p->rx);
	saw_mask("rx_poll", p->rx, POLLRDHUP);
	saw_bytes("tx", p->tx, 10);
	close(p->rx);
	saw_mask("tx_poll", p->tx, POLLHUP);
}

static void half_closes(struct pair *p)
{
	saw("send", put(p->tx, "one"));
	shutdown(p->tx, SHUT_WR);
	saw_rest("rx", p->rx);
	saw_state("tx_state", p->tx);
	saw_state("rx_state", p->rx);
	saw("back", put(p->rx, "two"));
	saw("back", put(p->rx, "three"));
	shutdown(p->rx, SHUT_WR);
	saw("late", put(p->rx, "four"));
	saw_rest("tx", p->tx);
	saw_state("tx_state", p->tx);
	saw_state("rx_state", p->rx);
}

static void close_clean(struct pair *p)
{
	saw("send", put(p->tx, "hello"));
	close(p->tx);
	saw_mask("poll", p->rx, POLLIN | POLLRDHUP);
	saw_rest("rx", p->rx);
	saw("first", put(p->rx, "abc"));
	saw_mask("poll", p->rx, POLLERR | POLLHUP);
	saw("second", put(p->rx, "def"));
	saw_bytes("rx", p->rx, 10);
}

static void close_both_pending(struct pair *p)
{
	saw("send", put(p->tx, "hello"));
	saw("back", put(p->rx, "answer"));
	await(p->tx, POLLIN);
	await(p->rx, POLLIN);
	shutdown(p->tx, SHUT_WR);
	shutdown(p->rx, SHUT_WR);
	saw_rest("rx", p->rx);
	saw_rest("tx", p->tx);
}

static void close_unread(struct pair *p)
{
	saw("send", put(p->tx, "hello"));
	await(p->rx, POLLIN);
	close(p->rx);
	saw_mask("poll", p->tx, POLLERR | POLLHUP);
	saw_bytes("tx", p->tx, 10);
	saw("error", get_option(p->tx, SOL_SOCKET, SO_ERROR));
	saw("first", put(p->tx, "abc"));
	settle();
	saw("second", put(p->tx, "def"));
	saw_mask("poll", p->tx, POLLERR | POLLHUP);
}

static void close_partly_read(struct pair *p)
{
	saw("send", put(p->tx, "hello"));
	saw_bytes("rx", p->rx, 2);
	close(p->rx);
	saw_mask("poll", p->tx, POLLERR | POLLHUP);
	saw_bytes("tx", p->tx, 10);
}

/* The end that closes has sent bytes itself, which the other one has not read yet. */
static void close_unread_sent(struct pair *p)
{
	saw("send", put(p->tx, "hello"));
	await(p->rx, POLLIN);
	saw("back", put(p->rx, "answer"));
	await(p->tx, POLLIN);
	close(p->rx);
	settle();
	saw_rest("tx", p->tx);
}

static void reset_pending(struct pair *p)
{
	saw("send", put(p->tx, "hello"));
	await(p->rx, POLLIN);
	reset_close(p->tx);
	saw_mask("poll", p->rx, POLLERR | POLLHUP);
	saw_rest("rx", p->rx);
	saw_bytes("rx", p->rx, 10);
	saw("back", put(p->rx, "abc"));
}

static void reset_error(struct pair *p)
{
	reset_close(p->tx);
	saw_mask("poll", p->rx, POLLERR | POLLHUP);
	saw("error", get_option(p->rx, SOL_SOCKET, SO_ERROR));
	saw("error", get_option(p->rx, SOL_SOCKET, SO_ERROR));
	saw_bytes("rx", p->rx, 10);
	saw("back", put(p->rx, "abc"));
	saw_mask("poll", p->rx, POLLHUP);
	saw_state("state", p->rx);
}

/* The sender has more to send than anybody takes. */
static void reset_stuffed(struct pair *p)
{
	struct flow flow = { .from = p->tx, .to = p->rx, .total = SIZE_MAX };

	set_option(p->rx, SOL_SOCKET, SO_RCVBUF, 8192);
	set_option(p->tx, SOL_SOCKET, SO_SNDBUF, 8192);
	flow_stuff(&flow, 4096);
	reset_close(p->rx);
	saw_mask("poll", p->tx, POLLERR | POLLHUP);
	saw("first", put(p->tx, "abc"));
	saw("second", put(p->tx, "def"));
	saw_bytes("tx", p->tx, 10);
}

static void late_accept(struct pair *p)
{
	saw("send", put(p->tx, "early"));
	settle();
	saw("send", put(p->tx, "bird"));
	settle();
	accept_late(p);
	saw_mask("poll", p->rx, POLLIN);
	saw("send", put(p->tx, "late"));
	saw_rest("rx", p->rx);
	saw("back", put(p->rx, "answer"));
	saw_bytes("tx", p->tx, 10);
}

static void late_closed(struct pair *p)
{
	saw("send", put(p->tx, "early"));
	close(p->tx);
	settle();
	accept_late(p);
	saw_rest("rx", p->rx);
}

static void late_reset(struct pair *p)
{
	saw("send", put(p->tx, "early"));
	settle();
	reset_close(p->tx);
	settle();
	accept_late(p);
	saw_rest("rx", p->rx);
}

static void late_never(struct pair *p)
{
	saw("send", put(p->tx, "early"));
	settle();
	close(p->listener);
	saw_mask("poll", p->tx, POLLERR | POLLHUP);
	saw_bytes("tx", p->tx, 10);
	saw("late", put(p->tx, "abc"));
}

/* The accepted socket exists only when the first bytes are there. */
static void defers(int listener, int client)
{
	(void)client;
	set_option(listener, IPPROTO_TCP, 9 /* TCP_DEFER_ACCEPT */, 5);
}

static void deferred(struct pair *p)
{
	settle();
	saw("send", put(p->tx, "one "));
	saw("send", put(p->tx, "two "));
	accept_late(p);
	saw("send", put(p->tx, "three"));
	saw_rest("rx", p->rx);
	saw("back", put(p->rx, "answer"));
	saw_bytes("tx", p->tx, 10);
}

static void dissolve(struct pair *p)
{
	struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
	int first = p->server;

	saw("send", put(p->client, "hello"));
	saw("back", put(p->server, "unread"));
	await(p->client, POLLIN);
	saw("unspec", connect(p->client, &nowhere, sizeof(nowhere)));
	saw_rest("first", first);
	saw("send", put(p->client, "nobody"));
	saw_bytes("client", p->client, 10);
	if (connect(p->client, &p->dial->any, p->dial->length) && errno != EINPROGRESS)
		saw("connect", -1);
	await(p->client, POLLOUT);
	accept_late(p);
	saw("send", put(p->client, "anew"));
	saw_rest("second", p->server);
	saw("back", put(p->server, "again"));
	saw_rest("client", p->client);
	saw_bytes("first", first, 10);
}

/* What nobody read of a connection is not read from the next one. */
static void dissolve_unread(struct pair *p)
{
	struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

	saw("send", put(p->client, "hello"));
	saw_bytes("server", p->server, 5);
	saw("back", put(p->server, "old"));
	await(p->client, POLLIN);
	saw("unspec", connect(p->client, &nowhere, sizeof(nowhere)));
	close(p->server);
	if (connect(p->client, &p->dial->any, p->dial->length) && errno != EINPROGRESS)
		saw("connect", -1);
	await(p->client, POLLOUT);
	accept_late(p);
	saw("back", put(p->server, "new"));
	saw_rest("client", p->client);
}

const struct test close_tests[] = { { "shutdown_wr", shutdown_wr, 0, NULL },
				    { "shutdown_rd", shutdown_rd, PASSES, NULL },
				    { "shutdown_rd_pending", shutdown_rd_pending, 0, NULL },
				    { "shutdown_both", shutdown_both, 0, NULL },
				    { "half_closes", half_closes, 0, NULL },
				    { "close_clean", close_clean, 0, NULL },
				    { "close_both_pending", close_both_pending, 0, NULL },
				    { "close_unread", close_unread, 0, NULL },
				    { "close_partly_read", close_partly_read, 0, NULL },
				    { "close_unread_sent", close_unread_sent, 0, NULL },
				    { "reset_pending", reset_pending, 0, NULL },
				    { "reset_error", reset_error, PASSES, NULL },
				    { "reset_stuffed", reset_stuffed, 0, NULL },
				    { "late_accept", late_accept, LATE | FORWARD, NULL },
				    { "late_closed", late_closed, LATE | FORWARD, NULL },
				    { "late_reset", late_reset, LATE | FORWARD, NULL },
				    { "late_never", late_never, LATE | FORWARD, NULL },
				    { "deferred", deferred, LATE | FORWARD, defers },
				    { "dissolve", dissolve, FORWARD, NULL },
				    { "dissolve_unread", dissolve_unread, FORWARD, NULL },
				    { 0 } };
