/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One socket for both: it listens before it asks, so that what changes during a dump comes behind it and nothing is
 * missed.
 */
#include "link/follow.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/attr.h"
#include "base/log.h"
#include "link/route.h"

enum {
	/* Of the kernel's memory, used only while the reader is behind: some thousands of messages. */
	QUEUE_BYTES = 8 << 20,
	/* The kernel does not answer with more at a time, but for messages that are larger themselves. */
	ANSWER_BYTES = 128 << 10,
	PATIENCE_MS = 10000,
	/* A dump beside which interfaces come and go may miss one that stays. */
	MAX_DUMPS = 10,
};

struct follower {
	struct mnl_socket *socket;
	uint32_t sequence;
	struct link_table table;
	bool broken; /* the table is not complete */
	_Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
};

static const uint32_t groups = RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_IFADDR;

int follow_fd(const struct follower *follower)
{
	return mnl_socket_get_fd(follower->socket);
}

const struct link_table *follow_table(const struct follower *follower)
{
	return &follower->table;
}

void follow_close(struct follower *follower)
{
	if (!follower)
		return;
	if (follower->socket)
		mnl_socket_close(follower->socket);
	link_table_done(&follower->table);
	free(follower);
}

static void follow_closep(struct follower **follower)
{
	follow_close(*follower);
}

static int send_request(struct follower *f, unsigned type, unsigned flags, unsigned family, uint32_t index)
{
	_Alignas(struct nlmsghdr) char buffer[256];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nlmsg_seq = ++f->sequence;
	if (type == RTM_GETLINK) {
		struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));

		info->ifi_family = family;
		info->ifi_index = index;
		mnl_attr_put_u32(header, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	} else {
		struct rtmsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));

		info->rtm_family = family;
	}
	return mnl_socket_sendto(f->socket, header, header->nlmsg_len) < 0 ? -errno : 0;
}

struct reading {
	bool done;	  /* the end of the dump that was asked for */
	bool interrupted; /* what it says does not fit together */
	int error;
};

static void take_message(struct follower *f, const struct nlmsghdr *message, struct reading *reading)
{
	bool is_answer =
		message->nlmsg_seq == f->sequence && message->nlmsg_pid == mnl_socket_get_portid(f->socket);

	if (is_answer && message->nlmsg_flags & NLM_F_DUMP_INTR)
		reading->interrupted = true;
	if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
		reading->done = reading->done || is_answer;
	else if (!reading->error)
		reading->error = link_table_feed(&f->table, message);
	if (!f->table.doubt)
		return;
	/* If it is gone by then, a message of its own says so. */
	send_request(f, RTM_GETLINK, 0, AF_UNSPEC, f->table.doubt);
	f->table.doubt = 0;
}

/* One datagram. Returns 0 or a negative errno; -EAGAIN: there is none; -ENOBUFS: some were lost. */
static int read_some(struct follower *f, struct reading *reading)
{
	struct sockaddr_nl from = { 0 };
	socklen_t from_size = sizeof(from);
	ssize_t length = recvfrom(follow_fd(f), f->answer, sizeof(f->answer), MSG_DONTWAIT | MSG_TRUNC,
				  (struct sockaddr *)&from, &from_size);
	const struct nlmsghdr *message = (const struct nlmsghdr *)f->answer;
	int left = length;

	if (length < 0)
		return -errno;
	/* Only the kernel is believed. */
	if (from.nl_pid)
		return 0;
	if (length > (ssize_t)sizeof(f->answer))
		return -ENOBUFS;
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		take_message(f, message, reading);
	return reading->error;
}

static int dump(struct follower *f, unsigned type, unsigned family, bool *ret_interrupted)
{
	struct pollfd poller = { .fd = follow_fd(f), .events = POLLIN };
	struct reading reading = { 0 };
	int error = send_request(f, type, NLM_F_DUMP, family, 0);

	while (!error && !reading.done) {
		int ready = poll(&poller, 1, PATIENCE_MS);

		if (ready < 0 && errno != EINTR)
			return -errno;
		if (!ready)
			return -ETIMEDOUT;
		error = read_some(f, &reading);
		if (error == -EAGAIN || error == -EINTR)
			error = 0;
	}
	if (reading.interrupted)
		*ret_interrupted = true;
	return error;
}

static int dump_routes(struct follower *f, bool *ret_interrupted)
{
	int error;

	routes_drop(&f->table, NULL, NULL);
	error = dump(f, RTM_GETROUTE, AF_INET, ret_interrupted);
	if (!error)
		error = dump(f, RTM_GETROUTE, AF_INET6, ret_interrupted);
	return error;
}

/* Between the messages that are left and the next some were lost: what they say is of no use. */
static void drain(struct follower *f)
{
	while (recv(follow_fd(f), f->answer, sizeof(f->answer), MSG_DONTWAIT) >= 0 || errno == ENOBUFS ||
	       errno == EINTR)
		;
}

static int dump_all(struct follower *f, bool *ret_interrupted)
{
	uint64_t born = f->table.born;
	int error;

	drain(f);
	link_table_done(&f->table);
	f->table.born = born;
	error = dump(f, RTM_GETLINK, AF_UNSPEC, ret_interrupted);
	return error ? error : dump_routes(f, ret_interrupted);
}

/* With `all` false only routes, as no word of interfaces was missed. */
static int dump_again(struct follower *f, bool all, struct why *why)
{
	bool again = true;
	int error = 0;

	for (int i = 0; i < MAX_DUMPS && (error == -ENOBUFS || (!error && again)); i++) {
		bool interrupted = false;

		all = all || error;
		f->table.stale = false;
		error = all ? dump_all(f, &interrupted) : dump_routes(f, &interrupted);
		again = interrupted || f->table.stale;
	}
	f->broken = error;
	if (error)
		return why_set(why, error, "cannot read the interfaces of the node: %s", strerror(-error));
	/* Where things never stand still, the next message is reason enough to look again. */
	f->table.stale = again;
	f->table.changed = true;
	return 0;
}

static int open_socket(struct follower *f, struct why *why)
{
	int bytes = QUEUE_BYTES;

	f->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!f->socket || mnl_socket_bind(f->socket, groups, MNL_SOCKET_AUTOPID) < 0)
		return why_set(why, -errno, "cannot follow the interfaces of the node: %s", strerror(errno));
	/* Beyond the system's limit where that is allowed. */
	if (setsockopt(follow_fd(f), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		setsockopt(follow_fd(f), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return 0;
}

int follow_open(struct why *why, struct follower **ret)
{
	_cleanup_(follow_closep) struct follower *follower = calloc(1, sizeof(*follower));
	int error;

	if (!follower)
		return -ENOMEM;
	error = open_socket(follower, why);
	if (!error)
		error = dump_again(follower, true, why);
	if (error)
		return error;
	follower->table.changed = false;
	*ret = TAKE_PTR(follower);
	return 0;
}

int follow_read(struct follower *f, bool *ret_changed, struct why *why)
{
	struct reading reading = { 0 };
	int error;

	do {
		error = read_some(f, &reading);
	} while (!error || error == -EINTR);
	f->broken = f->broken || error != -EAGAIN;
	if (f->broken)
		log_line(LOG_DEBUG, "word of interfaces was lost; reading all anew");
	if (f->broken || f->table.stale)
		error = dump_again(f, f->broken, why);
	else
		error = 0;
	if (error)
		return error;
	*ret_changed = f->table.changed;
	f->table.changed = false;
	return 0;
}
