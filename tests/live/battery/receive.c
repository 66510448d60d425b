/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ways to receive that do not wait. */
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "battery.h"

static void peek(struct pair *p)
{
	char bytes[16];

	saw("send", put(p->tx, "hello"));
	saw("send", put(p->tx, "you"));
	settle();
	saw_content("peek", recv(p->rx, bytes, 2, MSG_PEEK), bytes);
	saw_content("peek", recv(p->rx, bytes, 16, MSG_PEEK), bytes);
	saw_content("peek", recv(p->rx, bytes, 16, MSG_PEEK), bytes);
	saw_bytes("part", p->rx, 3);
	saw_content("peek", recv(p->rx, bytes, 16, MSG_PEEK), bytes);
	saw_rest("rx", p->rx);
	saw_content("peek", recv(p->rx, bytes, 16, MSG_PEEK), bytes);
}

static void peek_off(struct pair *p)
{
	char bytes[16];

	saw("set", set_option(p->rx, SOL_SOCKET, SO_PEEK_OFF, 0));
	saw("send", put(p->tx, "hello"));
	saw("send", put(p->tx, "you"));
	settle();
	saw_content("peek", recv(p->rx, bytes, 2, MSG_PEEK), bytes);
	saw_content("peek", recv(p->rx, bytes, 2, MSG_PEEK), bytes);
	saw_content("peek", recv(p->rx, bytes, 16, MSG_PEEK), bytes);
	saw_bytes("part", p->rx, 3);
	saw("offset", get_option(p->rx, SOL_SOCKET, SO_PEEK_OFF));
	saw_rest("rx", p->rx);
}

/* What the ioctl says in the end, if it changes at all. */
static void saw_number(const char *what, int fd, unsigned long request, int wanted)
{
	int number = -1;

	for (int i = 0; i < QUIET_MS; i++) {
		if (ioctl(fd, request, &number) || number == wanted)
			break;
		usleep(1000);
	}
	saw(what, number);
}

static void fionread(struct pair *p)
{
	saw_number("fresh", p->rx, FIONREAD, 0);
	saw("send", put(p->tx, "hello"));
	saw_mask("poll", p->rx, POLLIN);
	saw_number("one", p->rx, FIONREAD, 5);
	saw("send", put(p->tx, "you"));
	saw_number("two", p->rx, FIONREAD, 8);
	saw_bytes("part", p->rx, 3);
	saw_number("left", p->rx, FIONREAD, 5);
	saw_rest("rx", p->rx);
	saw_number("none", p->rx, FIONREAD, 0);
}

static void siocoutq(struct pair *p)
{
	saw_number("fresh", p->tx, SIOCOUTQ, 0);
	saw("send", put(p->tx, "hello"));
	saw_bytes("rx", p->rx, 10);
	saw_number("read", p->tx, SIOCOUTQ, 0);
	saw_number("unsent", p->tx, SIOCOUTQNSD, 0);
}

static void urgent(struct pair *p)
{
	char byte;

	saw("send", put(p->tx, "hello"));
	saw_bytes("rx", p->rx, 10);
	saw("oob", send(p->tx, "ab!", 3, MSG_OOB));
	saw_mask("poll", p->rx, POLLIN | POLLPRI);
	saw_content("oob", recv(p->rx, &byte, 1, MSG_OOB), &byte);
	saw_bytes("rx", p->rx, 10);
	saw("send", put(p->tx, "more"));
	saw_rest("rx", p->rx);
}

static void urgent_inline(struct pair *p)
{
	saw("set", set_option(p->rx, SOL_SOCKET, SO_OOBINLINE, 1));
	saw("send", put(p->tx, "hello"));
	saw_bytes("rx", p->rx, 10);
	saw("oob", send(p->tx, "ab!", 3, MSG_OOB));
	saw_mask("poll", p->rx, POLLIN | POLLPRI);
	saw_bytes("before", p->rx, 10);
	saw_number("mark", p->rx, SIOCATMARK, 1);
	saw_bytes("mark", p->rx, 10);
	saw_rest("rx", p->rx);
}

static void waitall_part(struct pair *p)
{
	char bytes[16];

	saw("send", put(p->tx, "hello"));
	await(p->rx, POLLIN);
	saw_content("rx", recv(p->rx, bytes, 10, MSG_WAITALL), bytes);
	saw("send", put(p->tx, "hel"));
	saw("send", put(p->tx, "lo"));
	settle();
	saw_content("rx", recv(p->rx, bytes, 5, MSG_WAITALL), bytes);
}

static void rcvlowat(struct pair *p)
{
	saw("set", set_option(p->rx, SOL_SOCKET, SO_RCVLOWAT, 4));
	saw("send", put(p->tx, "he"));
	settle();
	saw_mask("two", p->rx, 0);
	saw("send", put(p->tx, "llo"));
	saw_mask("five", p->rx, POLLIN);
	saw_rest("rx", p->rx);
}

/* Set when it has sent and received already. */
static void rcvlowat_later(struct pair *p)
{
	saw("send", put(p->tx, "first"));
	saw_bytes("rx", p->rx, 10);
	rcvlowat(p);
}

static void trunc_discards(struct pair *p)
{
	char bytes[8];

	saw("send", put(p->tx, "hello"));
	saw("send", put(p->tx, "you"));
	settle();
	saw("discard", recv(p->rx, NULL, 3, MSG_TRUNC));
	saw_bytes("rx", p->rx, 2);
	saw("discard", recv(p->rx, bytes, 2, MSG_TRUNC));
	saw_rest("rx", p->rx);
}

/* Receives once and tells which control messages came with it. */
static void saw_control(const char *what, int fd, int flags)
{
	char bytes[64], control[512];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	long size;

	await(fd, POLLIN);
	size = recvmsg(fd, &message, flags);
	saw_content(what, size, bytes);
	if (size < 0)
		return;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		if (c->cmsg_level == SOL_SOCKET) {
			told("cmsg", "%s", c->cmsg_type == SCM_TIMESTAMP ? "time" : "times");
		} else if (c->cmsg_level == IPPROTO_TCP && c->cmsg_type == TCP_CM_INQ) {
			int left;

			memcpy(&left, CMSG_DATA(c), sizeof(left));
			told("inq", "%d", left);
		} else {
			told("cmsg", "error");
		}
	}
}

static void timestamp(struct pair *p)
{
	saw("set", set_option(p->rx, SOL_SOCKET, SO_TIMESTAMP, 1));
	/* The kernel begins to take the time a while later. */
	settle();
	saw("send", put(p->tx, "hello"));
	saw_control("rx", p->rx, 0);
}

static void timestamping(struct pair *p)
{
	saw("set", set_option(p->rx, SOL_SOCKET, SO_TIMESTAMPING,
			      SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE));
	settle();
	saw("send", put(p->tx, "hello"));
	saw_control("rx", p->rx, 0);
}

static void timestamping_tx(struct pair *p)
{
	saw("set", set_option(p->tx, SOL_SOCKET, SO_TIMESTAMPING,
			      SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID |
				      SOF_TIMESTAMPING_OPT_TSONLY));
	saw("send", put(p->tx, "hello"));
	saw_rest("rx", p->rx);
	saw_mask("poll", p->tx, POLLERR);
	saw_control("errors", p->tx, MSG_ERRQUEUE);
}

static void tcp_inq(struct pair *p)
{
	char bytes[4];
	struct iovec iov = { bytes, 3 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	saw("set", set_option(p->rx, IPPROTO_TCP, TCP_INQ, 1));
	saw("send", put(p->tx, "hello"));
	await(p->rx, POLLIN);
	saw_content("rx", recvmsg(p->rx, &message, 0), bytes);
	saw("send", put(p->tx, "you"));
	settle();
	saw_control("rx", p->rx, 0);
}

static void zerocopy_receive(struct pair *p)
{
	void *window = mmap(NULL, 4096, PROT_READ, MAP_SHARED, p->rx, 0);
	struct tcp_zerocopy_receive ask = { .address = (uintptr_t)window, .length = 4096 };
	socklen_t length = 16; /* address, length and recv_skip_hint */

	told("mmap", "%s", window == MAP_FAILED ? strerrorname_np(errno) : "ok");
	saw("send", put(p->tx, "hello"));
	await(p->rx, POLLIN);
	saw("get", getsockopt(p->rx, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &ask, &length));
	saw("mapped", ask.length);
	saw("copy", ask.recv_skip_hint);
	saw_rest("rx", p->rx);
}

static void splice_out(struct pair *p)
{
	char bytes[16];
	int ends[2];

	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC))
		return;
	saw("send", put(p->tx, "hello"));
	await(p->rx, POLLIN);
	saw("splice", splice(p->rx, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
	saw_content("pipe", read(ends[0], bytes, sizeof(bytes)), bytes);
	saw_rest("rx", p->rx);
}

/* It says that all was read only when all was. */
static void splice_out_end(struct pair *p)
{
	int ends[2];

	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC))
		return;
	saw("send", put(p->tx, "hello"));
	shutdown(p->tx, SHUT_WR);
	await(p->rx, POLLRDHUP);
	saw("splice", splice(p->rx, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
	saw("splice", splice(p->rx, NULL, ends[1], NULL, 100, SPLICE_F_NONBLOCK));
	saw_rest("rx", p->rx);
}

static void vectors(struct pair *p)
{
	char a[2], b[3], c[8];
	struct iovec out[] = { { "he", 2 }, { "", 0 }, { "llo", 3 }, { " you", 4 } };
	struct iovec in[] = { { a, 2 }, { b, 3 }, { c, 8 } };
	long size;

	saw("writev", writev(p->tx, out, 4));
	saw("send", put(p->tx, "..."));
	settle();
	size = readv(p->rx, in, 3);
	saw("readv", size);
	if (size >= 5)
		told("parts", "%.2s/%.3s/%.*s", a, b, (int)size - 5, c);
	saw_rest("rx", p->rx);
}

static void many_messages(struct pair *p)
{
	char bytes[3][4] = { 0 };
	struct iovec in[3] = { { bytes[0], 4 }, { bytes[1], 4 }, { bytes[2], 4 } };
	struct iovec out[3] = { { "one ", 4 }, { "two ", 4 }, { "three", 5 } };
	struct mmsghdr messages[3] = { 0 };

	for (int i = 0; i < 3; i++)
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &out[i], .msg_iovlen = 1 };
	saw("sendmmsg", sendmmsg(p->tx, messages, 3, MSG_NOSIGNAL));
	settle();
	for (int i = 0; i < 3; i++)
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &in[i], .msg_iovlen = 1 };
	saw("recvmmsg", recvmmsg(p->rx, messages, 3, MSG_DONTWAIT, NULL));
	for (int i = 0; i < 3; i++)
		told("part", "%.*s", (int)messages[i].msg_len, bytes[i]);
	saw_rest("rx", p->rx);
}

/* Small pieces of what came in small pieces of other sizes. */
static void crumbs(struct pair *p)
{
	saw("send", put(p->tx, "abc"));
	saw("send", put(p->tx, "defg"));
	saw("send", put(p->tx, "hijkl"));
	settle();
	for (int i = 0; i < 6; i++)
		saw_bytes("rx", p->rx, 2);
	saw_rest("rx", p->rx);
}

static void empty_buffer(struct pair *p)
{
	char bytes[8];

	saw("none", recv(p->rx, bytes, 0, 0));
	saw("send", put(p->tx, "hello"));
	await(p->rx, POLLIN);
	saw("some", recv(p->rx, bytes, 0, 0));
	saw_rest("rx", p->rx);
	shutdown(p->tx, SHUT_WR);
	saw_rest("rx", p->rx);
	saw("end", recv(p->rx, bytes, 0, 0));
}

/* A buffer that cannot be written to takes nothing away. */
static void bad_buffer(struct pair *p)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(page + 4096, 4096);
	saw("send", put(p->tx, "hello"));
	await(p->rx, POLLIN);
	saw("bad", recv(p->rx, page + 4096, 5, 0));
	saw("half", recv(p->rx, page + 4094, 5, 0));
	saw_rest("rx", p->rx);
}

static void read_write(struct pair *p)
{
	char bytes[16];

	saw("write", write(p->tx, "hello", 5));
	await(p->rx, POLLIN);
	saw_content("read", read(p->rx, bytes, sizeof(bytes)), bytes);
	saw_content("read", read(p->rx, bytes, sizeof(bytes)), bytes);
	saw("seek", lseek(p->rx, 0, SEEK_SET));
	saw("pread", pread(p->rx, bytes, 1, 0));
}

/* The address that recvfrom() gives is none. */
static void recvfrom_name(struct pair *p)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	char bytes[16];

	memset(&name, 0xff, sizeof(name));
	saw("send", put(p->tx, "hello"));
	await(p->rx, POLLIN);
	saw_content("rx", recvfrom(p->rx, bytes, sizeof(bytes), 0, (struct sockaddr *)&name, &length), bytes);
	saw("name", (long)length);
}

const struct test receive_tests[] = { { "peek", peek, 0, NULL },
				      { "peek_off", peek_off, PASSES, NULL },
				      { "fionread", fionread, 0, NULL },
				      { "siocoutq", siocoutq, 0, NULL },
				      { "urgent", urgent, 0, NULL },
				      { "urgent_inline", urgent_inline, PASSES, NULL },
				      { "waitall_part", waitall_part, 0, NULL },
				      { "rcvlowat", rcvlowat, PASSES, NULL },
				      { "rcvlowat_later", rcvlowat_later, 0, NULL },
				      { "trunc_discards", trunc_discards, 0, NULL },
				      { "timestamp", timestamp, PASSES, NULL },
				      { "timestamping", timestamping, PASSES, NULL },
				      { "timestamping_tx", timestamping_tx, PASSES, NULL },
				      { "tcp_inq", tcp_inq, PASSES, NULL },
				      { "zerocopy_receive", zerocopy_receive, 0, NULL },
				      { "splice_out", splice_out, 0, NULL },
				      { "splice_out_end", splice_out_end, 0, NULL },
				      { "vectors", vectors, 0, NULL },
				      { "many_messages", many_messages, 0, NULL },
				      { "crumbs", crumbs, 0, NULL },
				      { "empty_buffer", empty_buffer, 0, NULL },
				      { "bad_receive_buffer", bad_buffer, 0, NULL },
				      { "read_write", read_write, 0, NULL },
				      { "recvfrom_name", recvfrom_name, 0, NULL },
				      { 0 } };
