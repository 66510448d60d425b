/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Many bytes: each of them arrives, once, in its place, and no more than there is room for. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>

#include "battery.h"

enum {
	TWO_BYTES = 64 * 6000, /* of each of two threads */
};

static void saw_flow(const char *what, const struct flow *flow)
{
	told(what, "%zu/%zu,%s,%s", flow->read, flow->sent, flow->wrong ? "wrong" : "right",
	     flow->ended ? "EOF" : "open");
}

static void big(struct pair *p)
{
	struct flow flow = { .from = p->tx, .to = p->rx, .total = 2 << 20 };

	flow_pump(&flow, 1, 65536);
	saw_flow("flow", &flow);
}

static void big_both_ways(struct pair *p)
{
	struct flow flows[] = { { .from = p->tx, .to = p->rx, .total = 2 << 20 },
				{ .from = p->rx, .to = p->tx, .total = 1 << 20 } };

	flow_pump(flows, 2, 30011);
	saw_flow("there", &flows[0]);
	saw_flow("back", &flows[1]);
}

/* A reader that takes little at a time, and a sender that sends little at a time. */
static void small_pieces(struct pair *p)
{
	struct flow flow = { .from = p->tx, .to = p->rx, .total = 200000 };

	set_option(p->tx, IPPROTO_TCP, TCP_NODELAY, 1);
	flow_pump(&flow, 1, 97);
	saw_flow("flow", &flow);
}

/* One asks, the other answers, in all sizes. */
static void dialogue(struct pair *p)
{
	struct flow there = { .from = p->tx, .to = p->rx, .total = SIZE_MAX };
	struct flow back = { .from = p->rx, .to = p->tx, .total = SIZE_MAX };
	size_t size = 1;

	for (int i = 0; i < 200; i++) {
		struct flow *flow = i % 2 ? &back : &there;
		size_t until = flow->sent + size;

		flow->total = until;
		while (flow->read < until && (flow->sent == until || flow_send(flow, until - flow->sent))) {
			await(flow->to, POLLIN);
			if (!flow_receive(flow, 65536))
				break;
		}
		size = size * 7 % 60013;
	}
	saw_flow("there", &there);
	saw_flow("back", &back);
}

/* How much is taken that nobody reads? Limits of both buffers count, and what the kernel adds to them. */
static void stuff(struct pair *p, size_t piece, size_t most)
{
	struct flow flow = { .from = p->tx, .to = p->rx, .total = 256 << 20 };
	size_t taken = flow_stuff(&flow, piece);

	told("taken", "%s", taken > most ? "too-much" : taken < 4096 ? "too-little" : "bounded");
	if (taken > most)
		fprintf(stderr, "%zu bytes were taken, %zu would do\n", taken, most);
	flow_drain(&flow, 65536);
	saw("lost", (long)(flow.sent - flow.read));
	saw("wrong", (long)flow.wrong);
	saw_mask("poll", p->tx, POLLOUT);
}

static void stuff_small(struct pair *p)
{
	set_option(p->rx, SOL_SOCKET, SO_RCVBUF, 4096);
	set_option(p->tx, SOL_SOCKET, SO_SNDBUF, 32768);
	stuff(p, 1000, 1 << 19);
}

static void stuff_tiny_pieces(struct pair *p)
{
	set_option(p->rx, SOL_SOCKET, SO_RCVBUF, 16384);
	set_option(p->tx, SOL_SOCKET, SO_SNDBUF, 16384);
	set_option(p->tx, IPPROTO_TCP, TCP_NODELAY, 1);
	stuff(p, 10, 1 << 19);
}

/* Each message is small, and the buffers are not. */
static void stuff_small_pieces(struct pair *p)
{
	struct flow flow = { .from = p->tx, .to = p->rx, .total = 64 * 10000 };

	set_option(p->tx, IPPROTO_TCP, TCP_NODELAY, 1);
	flow_stuff(&flow, 64);
	flow_drain(&flow, 65536);
	saw("lost", (long)(flow.sent - flow.read));
	saw("wrong", (long)flow.wrong);
}

static void stuff_default(struct pair *p)
{
	stuff(p, 65536, 24 << 20);
}

/* Sent when there was no room is still sent when there is, though nobody sends any more. */
static void stuff_then_end(struct pair *p)
{
	struct flow flow = { .from = p->tx, .to = p->rx, .total = 256 << 20 };

	set_option(p->rx, SOL_SOCKET, SO_RCVBUF, 8192);
	set_option(p->tx, SOL_SOCKET, SO_SNDBUF, 65536);
	flow_stuff(&flow, 5000);
	close(p->tx);
	flow_drain(&flow, 3000);
	saw("lost", (long)(flow.sent - flow.read));
	saw("wrong", (long)flow.wrong);
	saw("end", flow.ended);
}

/* Full and emptied, again and again: the way changes under the bytes each time. */
static void stuff_again(struct pair *p)
{
	struct flow flow = { .from = p->tx, .to = p->rx, .total = 256 << 20 };

	set_option(p->rx, SOL_SOCKET, SO_RCVBUF, 16384);
	set_option(p->tx, SOL_SOCKET, SO_SNDBUF, 16384);
	for (int i = 0; i < 4; i++) {
		flow_stuff(&flow, 3000);
		flow_drain(&flow, i % 2 ? 65536 : 700);
	}
	saw("lost", (long)(flow.sent - flow.read));
	saw("wrong", (long)flow.wrong);
}

struct writer {
	pthread_t thread;
	int fd;
	unsigned char top;
	size_t record, sent;
};

/* The highest bit says whose byte it is; the others, which of them. */
static unsigned char written_byte(unsigned char top, size_t at)
{
	unsigned char byte;

	flow_fill(&byte, at, 1);
	return top | (byte & 0x7f);
}

static void *write_records(void *arg)
{
	struct writer *writer = arg;
	size_t length = writer->record;
	unsigned char record[8192];
	ssize_t size;

	while (writer->sent < TWO_BYTES) {
		for (size_t i = 0; i < writer->record; i++)
			record[i] = written_byte(writer->top, writer->sent + i);
		if (writer->sent + length > TWO_BYTES)
			length = TWO_BYTES - writer->sent;
		size = send(writer->fd, record, length, MSG_NOSIGNAL);
		if (size > 0)
			writer->sent += (size_t)size;
		else if (errno != EAGAIN || !await(writer->fd, POLLOUT))
			break;
	}
	return NULL;
}

/* Reads what two threads send. In how many bytes are those of one out of order, in how many places is a record divided? */
static void read_writers(struct pair *p, size_t record, size_t next[2], size_t *wrong, size_t *torn)
{
	unsigned char bytes[4096], before = 0;

	while (next[0] + next[1] < 2 * TWO_BYTES && await(p->rx, POLLIN)) {
		long size = recv(p->rx, bytes, sizeof(bytes), 0);

		for (long i = 0; i < size; i++) {
			unsigned char top = bytes[i] & 0x80;

			*torn += top != before && next[!!before] % record;
			before = top;
			*wrong += bytes[i] != written_byte(top, next[!!top]++);
		}
		if (size <= 0)
			break;
	}
}

static void write_by_two(struct pair *p, size_t record, size_t *wrong, size_t *torn)
{
	struct writer writers[2] = { { .fd = p->tx, .record = record },
				     { .fd = p->tx, .record = record, .top = 0x80 } };
	size_t next[2] = { 0 };

	*wrong = *torn = 0;
	set_option(p->tx, SOL_SOCKET, SO_SNDBUF, 4 << 20);
	for (int i = 0; i < 2; i++)
		pthread_create(&writers[i].thread, NULL, write_records, &writers[i]);
	read_writers(p, record, next, wrong, torn);
	for (int i = 0; i < 2; i++)
		pthread_join(writers[i].thread, NULL);
	told("read", "%zu+%zu", next[0], next[1]);
}

/* Nothing is lost or doubled. */
static void two_senders(struct pair *p)
{
	size_t wrong, torn;

	write_by_two(p, 640, &wrong, &torn);
}

/* And the bytes of each are in order; each call is one piece, as there is room for it. */
static void two_senders_order(struct pair *p)
{
	size_t wrong, torn;

	write_by_two(p, 64, &wrong, &torn);
	saw("wrong", (long)wrong);
	saw("torn", (long)torn);
}

struct reader {
	pthread_t thread;
	int fd;
	unsigned char top;
	size_t read, wrong;
};

static void *read_records(void *arg)
{
	struct reader *reader = arg;
	unsigned char bytes[1000];

	while (reader->read < TWO_BYTES && await(reader->fd, POLLIN)) {
		long size = recv(reader->fd, bytes, 1 + reader->read * 7 % sizeof(bytes), MSG_DONTWAIT);

		for (long i = 0; i < size; i++)
			reader->wrong += bytes[i] != written_byte(reader->top, reader->read++);
		if (!size)
			break;
	}
	return NULL;
}

/* Each end has a thread that sends and one that receives. */
static void four_threads(struct pair *p)
{
	struct writer writers[2] = { { .fd = p->tx, .record = 64 },
				     { .fd = p->rx, .record = 640, .top = 0x80 } };
	struct reader readers[2] = { { .fd = p->rx }, { .fd = p->tx, .top = 0x80 } };

	for (int i = 0; i < 2; i++) {
		pthread_create(&readers[i].thread, NULL, read_records, &readers[i]);
		pthread_create(&writers[i].thread, NULL, write_records, &writers[i]);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(writers[i].thread, NULL);
		pthread_join(readers[i].thread, NULL);
		saw("read", (long)readers[i].read);
		saw("wrong", (long)readers[i].wrong);
	}
}

const struct test flow_tests[] = { { "big", big, 0, NULL },
				   { "big_both_ways", big_both_ways, 0, NULL },
				   { "small_pieces", small_pieces, 0, NULL },
				   { "dialogue", dialogue, 0, NULL },
				   { "stuff_small", stuff_small, 0, NULL },
				   { "stuff_tiny_pieces", stuff_tiny_pieces, 0, NULL },
				   { "stuff_default", stuff_default, 0, NULL },
				   { "stuff_then_end", stuff_then_end, 0, NULL },
				   { "stuff_again", stuff_again, 0, NULL },
				   { "two_senders", two_senders, 0, NULL },
				   { "two_senders_order", two_senders_order, 0, NULL },
				   { "four_threads", four_threads, 0, NULL },
				   { "stuff_small_pieces", stuff_small_pieces, 0, NULL },
				   { 0 } };
