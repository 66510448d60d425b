/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ways to send. */
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "battery.h"

static void send_nothing(struct pair *p)
{
	saw("send", send(p->tx, "", 0, MSG_NOSIGNAL));
	settle();
	saw_mask("poll", p->rx, 0);
	saw("send", put(p->tx, "hello"));
	saw("send", send(p->tx, "", 0, MSG_NOSIGNAL));
	saw_rest("rx", p->rx);
}

static void bad_buffer(struct pair *p)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(page + 4096, 4096);
	saw("bad", send(p->tx, page + 4096, 10, MSG_NOSIGNAL));
	saw("half", send(p->tx, page + 4086, 20, MSG_NOSIGNAL));
	settle();
	saw_mask("poll", p->rx, 0);
	saw("send", put(p->tx, "hello"));
	saw_rest("rx", p->rx);
}

/* One of two parts is bad: what was good before it may be sent, but no more is said to have been. */
static void bad_vector(struct pair *p)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec iov[] = { { "good", 4 }, { page + 4096, 10 } };

	munmap(page + 4096, 4096);
	saw("writev", writev(p->tx, iov, 2));
	saw("send", put(p->tx, "hello"));
	saw_rest("rx", p->rx);
}

static void no_delay(struct pair *p)
{
	saw("set", set_option(p->tx, IPPROTO_TCP, TCP_NODELAY, 1));
	saw("send", put(p->tx, "one "));
	saw_mask("poll", p->rx, POLLIN);
	saw("send", put(p->tx, "two"));
	saw_rest("rx", p->rx);
	saw("get", get_option(p->tx, IPPROTO_TCP, TCP_NODELAY));
}

static void cork(struct pair *p)
{
	saw("cork", set_option(p->tx, IPPROTO_TCP, TCP_CORK, 1));
	saw("send", put(p->tx, "one "));
	saw("send", put(p->tx, "two"));
	saw("uncork", set_option(p->tx, IPPROTO_TCP, TCP_CORK, 0));
	saw_rest("rx", p->rx);
}

static void more(struct pair *p)
{
	saw("send", send(p->tx, "one ", 4, MSG_MORE | MSG_NOSIGNAL));
	saw("send", put(p->tx, "two"));
	saw_rest("rx", p->rx);
	/* It goes out in the end even if no more comes. */
	saw("send", send(p->tx, "three", 5, MSG_MORE | MSG_NOSIGNAL));
	saw_bytes("rx", p->rx, 10);
}

static void more_then_end(struct pair *p)
{
	saw("send", send(p->tx, "one ", 4, MSG_MORE | MSG_NOSIGNAL));
	shutdown(p->tx, SHUT_WR);
	saw_rest("rx", p->rx);
}

static int file_of(const char *text)
{
	int fd = memfd_create("battery", MFD_CLOEXEC);

	if (write(fd, text, strlen(text)) < 0)
		return -1;
	return fd;
}

static void send_file(struct pair *p)
{
	int fd = file_of("hello you");
	off_t offset = 2;

	saw("sendfile", sendfile(p->tx, fd, &offset, 5));
	saw("offset", offset);
	saw("sendfile", sendfile(p->tx, fd, &offset, 5));
	saw("sendfile", sendfile(p->tx, fd, &offset, 5));
	saw_rest("rx", p->rx);
}

/* By pages of the file, which nobody copies on the way. */
static void send_big_file(struct pair *p)
{
	struct flow flow = { .to = p->rx };
	unsigned char bytes[65536];
	int fd = memfd_create("battery", MFD_CLOEXEC);
	off_t offset = 0;

	for (size_t at = 0; at < 1 << 20; at += sizeof(bytes)) {
		flow_fill(bytes, at, sizeof(bytes));
		if (write(fd, bytes, sizeof(bytes)) < 0)
			return;
	}
	while (offset < 1 << 20) {
		if (sendfile(p->tx, fd, &offset, 1 << 20) < 0 && errno != EAGAIN)
			break;
		while (flow_receive(&flow, 65536))
			;
	}
	saw("sent", offset);
	flow.sent = 1 << 20;
	flow_drain(&flow, 65536);
	saw("read", (long)flow.read);
	saw("wrong", (long)flow.wrong);
}

static void splice_in(struct pair *p)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) || write(ends[1], "hello you", 9) != 9)
		return;
	saw("splice", splice(ends[0], NULL, p->tx, NULL, 5, 0));
	saw("splice", splice(ends[0], NULL, p->tx, NULL, 5, SPLICE_F_MORE));
	saw_bytes("rx", p->rx, 5);
	saw_bytes("rx", p->rx, 5);
}

static void zerocopy(struct pair *p)
{
	static char bytes[5000];
	char control[256];
	struct msghdr message = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct sock_extended_err error;

	saw("set", set_option(p->tx, SOL_SOCKET, SO_ZEROCOPY, 1));
	saw("send", send(p->tx, bytes, sizeof(bytes), MSG_ZEROCOPY | MSG_NOSIGNAL));
	saw("send", send(p->tx, bytes, sizeof(bytes), MSG_ZEROCOPY | MSG_NOSIGNAL));
	for (size_t left = 2 * sizeof(bytes); left;) {
		long size = await(p->rx, POLLIN) ? recv(p->rx, bytes, sizeof(bytes), 0) : -1;

		if (size <= 0)
			break;
		left -= (size_t)size;
	}
	settle();
	saw_mask("poll", p->tx, POLLERR);
	if (recvmsg(p->tx, &message, MSG_ERRQUEUE) < 0 || !CMSG_FIRSTHDR(&message)) {
		saw("errors", -1);
		return;
	}
	memcpy(&error, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(error));
	told("origin", "%d", error.ee_origin);
	told("first", "%u", error.ee_info);
}

static volatile sig_atomic_t broken;

static void on_broken(int number)
{
	(void)number;
	broken++;
}

static void sigpipe(struct pair *p)
{
	signal(SIGPIPE, on_broken);
	shutdown(p->tx, SHUT_WR);
	saw("send", send(p->tx, "x", 1, 0));
	saw("signals", broken);
	saw("quiet", send(p->tx, "x", 1, MSG_NOSIGNAL));
	saw("signals", broken);
	saw("write", write(p->tx, "x", 1));
	saw("signals", broken);
}

/* An address is of no meaning to a connected socket, and an odd flag none either. */
static void odd_flags(struct pair *p)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6 };

	saw("sendto", sendto(p->tx, "one ", 4, MSG_NOSIGNAL, (struct sockaddr *)&name, sizeof(name)));
	saw("dontroute", send(p->tx, "two ", 4, MSG_NOSIGNAL | MSG_DONTROUTE));
	saw("confirm", send(p->tx, "three ", 6, MSG_NOSIGNAL | MSG_CONFIRM));
	saw("eor", send(p->tx, "four", 4, MSG_NOSIGNAL | MSG_EOR));
	saw_rest("rx", p->rx);
}

static void send_control(struct pair *p)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SO_MARK,
				  .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec iov = { "hello", 5 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};

	saw("good", sendmsg(p->tx, &message, MSG_NOSIGNAL));
	control.header.cmsg_type = 9999;
	saw("bad", sendmsg(p->tx, &message, MSG_NOSIGNAL));
	saw_rest("rx", p->rx);
}

const struct test send_tests[] = { { "send_nothing", send_nothing, 0, NULL },
				   { "bad_send_buffer", bad_buffer, 0, NULL },
				   { "bad_vector", bad_vector, 0, NULL },
				   { "no_delay", no_delay, 0, NULL },
				   { "cork", cork, 0, NULL },
				   { "more", more, 0, NULL },
				   { "more_then_end", more_then_end, 0, NULL },
				   { "send_file", send_file, 0, NULL },
				   { "send_big_file", send_big_file, 0, NULL },
				   { "splice_in", splice_in, 0, NULL },
				   { "zerocopy", zerocopy, PASSES, NULL },
				   { "sigpipe", sigpipe, PASSES, NULL },
				   { "odd_flags", odd_flags, 0, NULL },
				   { "send_control", send_control, 0, NULL },
				   { 0 } };
