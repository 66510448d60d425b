/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Receivers that wait: admitted while they did not block, they block now. */
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>

#include "battery.h"

static void block_data(struct pair *p)
{
	struct sleeper sleeper;

	set_blocking(p->rx, true);
	block_recv(&sleeper, p->rx, 10, 0);
	saw("send", put(p->tx, "hello"));
	saw_wake("rx", &sleeper);
	saw("send", put(p->tx, "again"));
	block_recv(&sleeper, p->rx, 10, 0);
	saw_wake("rx", &sleeper);
}

static void block_end(struct pair *p)
{
	struct sleeper sleeper;

	set_blocking(p->rx, true);
	block_recv(&sleeper, p->rx, 10, 0);
	shutdown(p->tx, SHUT_WR);
	saw_wake("rx", &sleeper);
}

static void block_reset(struct pair *p)
{
	struct sleeper sleeper;

	set_blocking(p->rx, true);
	block_recv(&sleeper, p->rx, 10, 0);
	reset_close(p->tx);
	saw_wake("rx", &sleeper);
	saw_bytes("then", p->rx, 10);
}

static void on_signal(int number)
{
	(void)number;
}

static void interrupted(struct pair *p, int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };
	struct sleeper sleeper;

	sigaction(SIGUSR1, &action, NULL);
	set_blocking(p->rx, true);
	block_recv(&sleeper, p->rx, 10, 0);
	pthread_kill(sleeper.thread, SIGUSR1);
	settle();
	saw("send", put(p->tx, "hello"));
	saw_wake("rx", &sleeper);
	saw_rest("left", p->rx);
}

static void block_signal_restart(struct pair *p)
{
	interrupted(p, SA_RESTART);
}

static void block_signal(struct pair *p)
{
	interrupted(p, 0);
}

/* The peer acknowledges the end of this side: no reason to wake up. */
static void block_half_close(struct pair *p)
{
	struct sleeper sleeper;

	set_blocking(p->rx, true);
	block_recv(&sleeper, p->rx, 10, 0);
	shutdown(p->rx, SHUT_WR);
	settle();
	saw("send", put(p->tx, "hello"));
	saw_wake("rx", &sleeper);
	saw_rest("left", p->rx);
}

/* Another thread's end of the connection wakes it. */
static void block_own_shutdown(struct pair *p)
{
	struct sleeper sleeper;

	set_blocking(p->rx, true);
	block_recv(&sleeper, p->rx, 10, 0);
	shutdown(p->rx, SHUT_RD);
	saw_wake("rx", &sleeper);
}

static void block_waitall(struct pair *p)
{
	struct sleeper sleeper;

	set_blocking(p->rx, true);
	saw("send", put(p->tx, "hell"));
	await(p->rx, POLLIN);
	block_recv(&sleeper, p->rx, 10, MSG_WAITALL);
	saw("send", put(p->tx, "o you"));
	settle();
	saw("send", put(p->tx, "..."));
	saw_wake("rx", &sleeper);
	saw_rest("left", p->rx);
}

static void block_waitall_end(struct pair *p)
{
	struct sleeper sleeper;

	set_blocking(p->rx, true);
	saw("send", put(p->tx, "hell"));
	await(p->rx, POLLIN);
	block_recv(&sleeper, p->rx, 10, MSG_WAITALL);
	shutdown(p->tx, SHUT_WR);
	saw_wake("rx", &sleeper);
	saw_rest("left", p->rx);
}

static void block_peek(struct pair *p)
{
	struct sleeper sleeper;

	set_blocking(p->rx, true);
	block_recv(&sleeper, p->rx, 10, MSG_PEEK);
	saw("send", put(p->tx, "hello"));
	saw_wake("peek", &sleeper);
	saw_rest("rx", p->rx);
}

static void set_time_out(int fd, int option, int ms)
{
	struct timeval time = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time));
}

static void block_time_out(struct pair *p)
{
	char bytes[16];

	set_blocking(p->rx, true);
	set_time_out(p->rx, SO_RCVTIMEO, QUIET_MS);
	saw("none", recv(p->rx, bytes, sizeof(bytes), 0));
	saw("send", put(p->tx, "hello"));
	await(p->rx, POLLIN);
	saw_content("rx", recv(p->rx, bytes, sizeof(bytes), 0), bytes);
	saw("none", recv(p->rx, bytes, sizeof(bytes), 0));
	/* On a socket that blocks, this flag makes one call that does not. */
	saw("dontwait", recv(p->rx, bytes, sizeof(bytes), MSG_DONTWAIT));
}

static void block_send_time_out(struct pair *p)
{
	struct flow flow = { .from = p->tx, .to = p->rx, .total = SIZE_MAX };

	set_option(p->tx, SOL_SOCKET, SO_SNDBUF, 8192);
	set_option(p->rx, SOL_SOCKET, SO_RCVBUF, 8192);
	flow_stuff(&flow, 4096);
	set_blocking(p->tx, true);
	set_time_out(p->tx, SO_SNDTIMEO, QUIET_MS);
	saw("full", put(p->tx, "hello"));
	flow_drain(&flow, 4096);
	saw("room", put(p->tx, "hello"));
	saw("lost", (long)(flow.sent - flow.read));
	saw_rest("rx", p->rx);
}

struct sending {
	pthread_t thread;
	int fd;
	size_t size;
	long result;
	int error;
};

static void *send_in_thread(void *arg)
{
	static unsigned char bytes[1 << 20];
	struct sending *sending = arg;

	flow_fill(bytes, 0, sizeof(bytes));
	sending->result = send(sending->fd, bytes, sending->size, MSG_NOSIGNAL);
	sending->error = errno;
	return NULL;
}

static void send_more_than_fits(struct pair *p, struct sending *sending)
{
	set_option(p->tx, SOL_SOCKET, SO_SNDBUF, 16384);
	set_option(p->rx, SOL_SOCKET, SO_RCVBUF, 16384);
	set_blocking(p->tx, true);
	*sending = (struct sending){ .fd = p->tx, .size = 1 << 20 };
	pthread_create(&sending->thread, NULL, send_in_thread, sending);
	settle();
}

/* A sender that waits for room while its reader takes its time. */
static void block_send(struct pair *p)
{
	struct flow flow = { .to = p->rx, .sent = 1 << 20 };
	struct sending sending;

	send_more_than_fits(p, &sending);
	flow_drain(&flow, 10000);
	pthread_join(sending.thread, NULL);
	errno = sending.error;
	saw("sent", sending.result);
	saw("read", (long)flow.read);
	saw("wrong", (long)flow.wrong);
}

static void block_send_reset(struct pair *p)
{
	struct sending sending;

	send_more_than_fits(p, &sending);
	reset_close(p->rx);
	pthread_join(sending.thread, NULL);
	told("sent", "%s", sending.result > 0 && sending.result < 1 << 20 ? "part" : "otherwise");
	saw("then", put(p->tx, "x"));
	saw_bytes("tx", p->tx, 10);
}

/* Who reads learns that it was no orderly end. */
static void block_send_reset_read(struct pair *p)
{
	struct sending sending;

	send_more_than_fits(p, &sending);
	reset_close(p->rx);
	pthread_join(sending.thread, NULL);
	saw_bytes("tx", p->tx, 10);
}

/* Both ends have something to say, and wait in send() and recv() of the same socket. */
static void block_both_ways(struct pair *p)
{
	struct flow flow = { .to = p->rx, .sent = 1 << 20 };
	struct sending sending;
	struct sleeper sleeper;

	block_recv(&sleeper, p->tx, 10, 0);
	send_more_than_fits(p, &sending);
	flow_drain(&flow, 10000);
	pthread_join(sending.thread, NULL);
	saw("back", put(p->rx, "answer"));
	saw_wake("tx", &sleeper);
	saw("read", (long)flow.read);
}

static void becomes_blocking(struct pair *p)
{
	set_blocking(p->tx, true);
	set_blocking(p->rx, true);
	block_both_ways(p);
}

const struct test block_tests[] = { { "block_data", block_data, PASSES, NULL },
				    { "block_end", block_end, PASSES, NULL },
				    { "block_reset", block_reset, PASSES, NULL },
				    { "block_signal_restart", block_signal_restart, PASSES, NULL },
				    { "block_signal", block_signal, PASSES, NULL },
				    { "block_half_close", block_half_close, PASSES, NULL },
				    { "block_own_shutdown", block_own_shutdown, PASSES, NULL },
				    { "block_waitall", block_waitall, PASSES, NULL },
				    { "block_waitall_end", block_waitall_end, PASSES, NULL },
				    { "block_peek", block_peek, PASSES, NULL },
				    { "block_time_out", block_time_out, PASSES, NULL },
				    { "block_send_time_out", block_send_time_out, 0, NULL },
				    { "block_send", block_send, LEAVES, NULL },
				    { "block_send_reset", block_send_reset, LEAVES, NULL },
				    { "block_send_reset_read", block_send_reset_read, LEAVES, NULL },
				    { "block_both_ways", becomes_blocking, PASSES, NULL },
				    { 0 } };
