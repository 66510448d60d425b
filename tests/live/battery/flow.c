/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Many bytes: each of them arrives, once, in its place, and no more than there is room for. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>

#include "battery.h"

enum {
	RECORD = 64,
	N_RECORDS = 2000, /* of each thread */
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
	char mark;
};

static void *write_records(void *arg)
{
	const struct writer *writer = arg;
	char record[RECORD + 1];

	for (int i = 0; i < N_RECORDS; i++) {
		snprintf(record, sizeof(record), "%c%0*d", writer->mark, RECORD - 1, i);
		if (send(writer->fd, record, RECORD, MSG_NOSIGNAL) != RECORD)
			break;
	}
	return NULL;
}

/*
 * Two threads send records on one socket: none is torn, and those of each are in order. That holds while there is room
 * for all of them; a send() that has to wait may be divided.
 */
static void two_senders(struct pair *p)
{
	struct writer writers[2] = { { .fd = p->tx, .mark = 'a' }, { .fd = p->tx, .mark = 'b' } };
	int next[2] = { 0 }, torn = 0;
	char record[RECORD + 1] = "";

	set_option(p->tx, SOL_SOCKET, SO_SNDBUF, 2 << 20);
	set_blocking(p->tx, true);
	for (int i = 0; i < 2; i++)
		pthread_create(&writers[i].thread, NULL, write_records, &writers[i]);
	for (int i = 0; i < 2 * N_RECORDS; i++) {
		size_t used = 0;

		while (used < RECORD && await(p->rx, POLLIN)) {
			long size = recv(p->rx, record + used, RECORD - used, 0);

			if (size <= 0)
				break;
			used += (size_t)size;
		}
		if (used == RECORD && (record[0] == 'a' || record[0] == 'b') &&
		    atoi(record + 1) == next[record[0] - 'a'])
			next[record[0] - 'a']++;
		else
			torn++;
	}
	for (int i = 0; i < 2; i++)
		pthread_join(writers[i].thread, NULL);
	told("records", "%d+%d", next[0], next[1]);
	saw("torn", torn);
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
				   { 0 } };
