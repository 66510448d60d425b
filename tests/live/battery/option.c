/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Options of sockets, and what the kernel says of a connection. */
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include "../place.h"
#include "battery.h"

/* The one of <netinet/tcp.h> ends before the fields that are wanted. */
static void saw_info(const char *what, int fd)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
	told(what, "%llu/%llu", (unsigned long long)info.tcpi_bytes_sent,
	     (unsigned long long)info.tcpi_bytes_received);
}

static void tcp_info(struct pair *p)
{
	saw("send", put(p->tx, "hello"));
	saw_bytes("rx", p->rx, 10);
	saw("back", put(p->rx, "answer"));
	saw_bytes("tx", p->tx, 10);
	saw_info("tx_bytes", p->tx);
	saw_info("rx_bytes", p->rx);
	saw_state("state", p->rx);
}

static void meminfo(struct pair *p)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t length = sizeof(info);
	static char bytes[5000];

	saw("send", send(p->tx, bytes, sizeof(bytes), MSG_NOSIGNAL));
	await(p->rx, POLLIN);
	getsockopt(p->rx, SOL_SOCKET, SO_MEMINFO, info, &length);
	told("unread", "%s", info[SK_MEMINFO_RMEM_ALLOC] >= sizeof(bytes) ? "charged" : "free");
	for (size_t left = sizeof(bytes); left && await(p->rx, POLLIN);) {
		long size = recv(p->rx, bytes, sizeof(bytes), 0);

		if (size <= 0)
			break;
		left -= (size_t)size;
	}
	getsockopt(p->rx, SOL_SOCKET, SO_MEMINFO, info, &length);
	told("read", "%s", info[SK_MEMINFO_RMEM_ALLOC] ? "charged" : "free");
	saw("drops", info[SK_MEMINFO_DROPS]);
}

static void names(struct pair *p)
{
	struct place peer = { .length = sizeof(peer.v6) }, own = { .length = sizeof(own.v6) };
	struct place seen = { .length = sizeof(seen.v6) };

	getpeername(p->client, &peer.any, &peer.length);
	getsockname(p->client, &own.any, &own.length);
	getpeername(p->server, &seen.any, &seen.length);
	told("dialled", "%s",
	     peer.length == p->dial->length && !memcmp(&peer.v6, &p->dial->v6, 8) ? "same" : "other");
	told("client", "%s", !memcmp(&own.v6, &seen.v6, own.length) ? "same" : "other");
	saw("protocol", get_option(p->client, SOL_SOCKET, SO_PROTOCOL));
	saw("type", get_option(p->server, SOL_SOCKET, SO_TYPE));
	saw("listens", get_option(p->server, SOL_SOCKET, SO_ACCEPTCONN));
	saw("send", put(p->tx, "hello"));
	saw_rest("rx", p->rx);
}

/* Long enough idle for a probe. */
static void keepalive(struct pair *p)
{
	saw("set", set_option(p->tx, SOL_SOCKET, SO_KEEPALIVE, 1));
	saw("idle", set_option(p->tx, IPPROTO_TCP, TCP_KEEPIDLE, 1));
	saw("interval", set_option(p->tx, IPPROTO_TCP, TCP_KEEPINTVL, 1));
	saw("count", set_option(p->tx, IPPROTO_TCP, TCP_KEEPCNT, 1));
	saw("timeout", set_option(p->tx, IPPROTO_TCP, TCP_USER_TIMEOUT, 1000));
	saw("send", put(p->tx, "hello"));
	usleep(1400 * 1000);
	saw_mask("poll", p->tx, POLLOUT);
	saw("send", put(p->tx, "still"));
	saw_rest("rx", p->rx);
}

static bool layer(int fd)
{
	int error = setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 4);

	saw("ulp", error);
	return !error;
}

/* On kernels that can do TLS: until there are keys, it lets everything through. */
static void ulp_tls(struct pair *p)
{
	if (!layer(p->tx))
		return;
	saw("send", put(p->tx, "hello"));
	saw_rest("rx", p->rx);
}

static void ulp_tls_receiver(struct pair *p)
{
	saw("send", put(p->tx, "first"));
	saw_bytes("rx", p->rx, 10);
	if (!layer(p->rx))
		return;
	saw("send", put(p->tx, "hello"));
	saw_rest("rx", p->rx);
}

/* Options that must stay what they are set to, and do nothing to the bytes. */
static void harmless(struct pair *p)
{
	static const struct {
		const char *name;
		int level, option, value;
	} options[] = {
		{ "quickack", IPPROTO_TCP, TCP_QUICKACK, 1 },
		{ "notsent", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 16384 },
		{ "maxseg", IPPROTO_TCP, TCP_MAXSEG, 1000 },
		{ "clamp", IPPROTO_TCP, TCP_WINDOW_CLAMP, 65536 },
		{ "linger2", IPPROTO_TCP, TCP_LINGER2, 5 },
		{ "priority", SOL_SOCKET, SO_PRIORITY, 3 },
		{ "mark", SOL_SOCKET, SO_MARK, 7 },
		{ "busy", SOL_SOCKET, SO_BUSY_POLL, 10 },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		if (set_option(p->tx, options[i].level, options[i].option, options[i].value))
			saw(options[i].name, -1);
		saw("send", put(p->tx, "hello"));
		saw_bytes("rx", p->rx, 10);
	}
}

static void small_buffers(struct pair *p)
{
	set_option(p->rx, SOL_SOCKET, SO_RCVBUF, 5000);
	set_option(p->tx, SOL_SOCKET, SO_SNDBUF, 5000);
	saw("rcvbuf", get_option(p->rx, SOL_SOCKET, SO_RCVBUF));
	saw("sndbuf", get_option(p->tx, SOL_SOCKET, SO_SNDBUF));
	saw("send", put(p->tx, "hello"));
	saw_rest("rx", p->rx);
}

/* What is refused to a connected socket stays refused. */
static void refused(struct pair *p)
{
	saw("connect", connect(p->client, &p->dial->any, p->dial->length));
	saw("listen", listen(p->server, 1));
	told("bind", "%s", bind(p->client, &p->dial->any, p->dial->length) ? "refused" : "done");
	saw("accept", accept(p->client, NULL, NULL));
	saw("send", put(p->tx, "hello"));
	saw_rest("rx", p->rx);
}

const struct test option_tests[] = {
	{ "tcp_info", tcp_info, 0, NULL },    { "meminfo", meminfo, 0, NULL },
	{ "names", names, 0, NULL },	      { "keepalive", keepalive, 0, NULL },
	{ "ulp_tls", ulp_tls, PASSES, NULL }, { "ulp_tls_receiver", ulp_tls_receiver, 0, NULL },
	{ "harmless", harmless, 0, NULL },    { "small_buffers", small_buffers, 0, NULL },
	{ "refused", refused, 0, NULL },      { 0 }
};
