/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bytes there and back, every one of them looked at: a server that echoes, and a client that connects again and again
 * and says how that went. Every wait has an end.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "place.h"

enum {
	CHUNK = 65536,
	BACKLOG = 4096,
	MAX_ERRORS = 8,
	SERVE_SECONDS = 60,
	MPTCP = 262, /* IPPROTO_MPTCP, which older headers lack */
};

static const char usage[] =
	"usage: echo serve ADDRESS/PORT...\n"
	"       echo ask [-n COUNT] [-b BYTES] [-t MS] [-N] [-M] [-R] [-p PORT] [-g MS] KIND ADDRESS/PORT\n"
	"         connects COUNT times (1), sends so many BYTES (1000) on each connection and compares what "
	"comes\n"
	"         back, half-closes and waits for the end; prints a line of JSON.\n"
	"           -t MS    a connect that takes longer has failed (5000)\n"
	"           -N       connects without blocking\n"
	"           -M       by MPTCP\n"
	"           -R       resets the connection instead of closing it\n"
	"           -p PORT  binds each socket to this source port\n"
	"           -g MS    pauses so long before and behind the middle of the bytes, within one "
	"connection\n"
	"         KIND is tcp4, tcp6 or tcpm (IPv4 by an IPv6 socket)\n"
	"       echo dgram [-s SECONDS] [-b BYTES] KIND ADDRESS/PORT\n"
	"         sends a datagram (of 3 bytes) and waits for the answer, again and again over one "
	"connected\n"
	"         socket, for so long (1); prints a line of JSON. KIND is udp4, udp6 or udpm\n";

/* ---- the server ---- */

static int send_all(int fd, const unsigned char *bytes, size_t size)
{
	while (size) {
		ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);

		if (sent < 0)
			return -errno;
		bytes += sent;
		size -= (size_t)sent;
	}
	return 0;
}

static void *echo_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	unsigned char bytes[CHUNK];
	ssize_t size;

	while ((size = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		if (send_all(fd, bytes, (size_t)size))
			break;
	}
	close(fd);
	return NULL;
}

static void *listen_at(void *arg)
{
	struct timeval patience = { .tv_sec = SERVE_SECONDS };
	int one = 1, listener, fd;
	struct place place;
	pthread_t thread;

	parse_place(arg, false, &place);
	listener = socket(place.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, &place.any, place.length) || listen(listener, BACKLOG))
		die(arg, strerror(errno));
	puts("serving");
	fflush(stdout);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		if (pthread_create(&thread, NULL, echo_one, (void *)(intptr_t)fd))
			die("pthread_create", "");
		pthread_detach(thread);
	}
	return NULL;
}

static void *echo_datagrams(void *arg)
{
	unsigned char bytes[CHUNK];
	struct place place, from;
	ssize_t size;
	int fd;

	parse_place(arg, false, &place);
	fd = socket(place.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(fd, &place.any, place.length))
		die(arg, strerror(errno));
	for (;;) {
		from.length = sizeof(from.v6);
		size = recvfrom(fd, bytes, sizeof(bytes), 0, &from.any, &from.length);
		if (size < 0 || sendto(fd, bytes, (size_t)size, 0, &from.any, from.length) < 0)
			continue;
	}
	return NULL;
}

static int serve(int count, char **places)
{
	pthread_t thread;

	if (!count)
		die(usage, "");
	for (int i = 0; i < count; i++)
		pthread_create(&thread, NULL, echo_datagrams, places[i]);
	for (int i = 1; i < count; i++)
		pthread_create(&thread, NULL, listen_at, places[i]);
	listen_at(places[0]);
	return 1;
}

/* ---- the client ---- */

struct task {
	unsigned long count, bytes, patience_ms, pause_ms, port;
	bool nonblocking, mptcp, reset;
	struct place place;
};

struct report {
	unsigned long ok, failed, corrupt, wrong_peer;
	int errors[MAX_ERRORS];
	unsigned long error_counts[MAX_ERRORS];
	double *connect_us;
};

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void note_error(struct report *report, int error)
{
	size_t i;

	report->failed++;
	for (i = 0; i < MAX_ERRORS - 1 && report->errors[i] && report->errors[i] != error; i++)
		;
	report->errors[i] = error;
	report->error_counts[i]++;
}

static int wait_connected(int fd, int patience_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error = 0;

	if (poll(&poll_fd, 1, patience_ms) != 1)
		return -ETIMEDOUT;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	return -error;
}

static int bind_port(int fd, const struct task *task)
{
	struct place any = { .length = task->place.length };
	int one = 1;

	if (!task->port)
		return 0;
	any.any.sa_family = task->place.any.sa_family;
	any.v4.sin_port = htons((uint16_t)task->port); /* stands at the same place in both */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return bind(fd, &any.any, any.length) ? -errno : 0;
}

/* A connected socket that blocks, or a negative errno. */
static int open_connection(const struct task *task)
{
	struct timeval patience = { .tv_sec = task->patience_ms / 1000,
				    .tv_usec = task->patience_ms % 1000 * 1000 };
	int flags = SOCK_STREAM | SOCK_CLOEXEC | (task->nonblocking ? SOCK_NONBLOCK : 0);
	int fd = socket(task->place.any.sa_family, flags, task->mptcp ? MPTCP : 0);
	int error = fd < 0 ? -errno : bind_port(fd, task);

	if (fd < 0)
		return error;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (!error && connect(fd, &task->place.any, task->place.length))
		error = errno == EINPROGRESS && task->nonblocking ? wait_connected(fd, (int)task->patience_ms)
								  : -errno;
	if (!error && task->nonblocking)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	if (!error)
		return fd;
	close(fd);
	return error;
}

static unsigned char byte_at(unsigned long connection, unsigned long at)
{
	unsigned long mixed = (connection * 2654435761u + at) * 0x9e3779b97f4a7c15u;

	return (unsigned char)(mixed >> 56);
}

struct sending {
	int fd;
	unsigned long connection;
	const struct task *task;
};

static void *send_bytes(void *arg)
{
	const struct sending *s = arg;
	unsigned char bytes[CHUNK];
	unsigned long at = 0;

	while (at < s->task->bytes) {
		unsigned long size = s->task->bytes - at < CHUNK ? s->task->bytes - at : CHUNK;

		if (s->task->pause_ms && size > 1 && at < s->task->bytes / 2 &&
		    at + size > s->task->bytes / 2)
			size = s->task->bytes / 2 - at;
		for (unsigned long i = 0; i < size; i++)
			bytes[i] = byte_at(s->connection, at + i);
		if (send_all(s->fd, bytes, size))
			return NULL;
		at += size;
		if (s->task->pause_ms && at == s->task->bytes / 2)
			usleep((useconds_t)s->task->pause_ms * 1000);
	}
	if (!s->task->reset)
		shutdown(s->fd, SHUT_WR);
	return NULL;
}

/* Compares what comes back. Returns 0, -EBADMSG for wrong bytes, or what recv() failed with. */
static int compare_bytes(int fd, const struct task *task, unsigned long connection)
{
	unsigned char bytes[CHUNK];
	unsigned long at = 0;
	ssize_t size = 0;

	while (at < task->bytes || !task->reset) {
		size = recv(fd, bytes, sizeof(bytes), 0);
		if (size <= 0)
			break;
		for (ssize_t i = 0; i < size; i++) {
			if (at >= task->bytes || bytes[i] != byte_at(connection, at++))
				return -EBADMSG;
		}
	}
	if (size < 0)
		return -errno;
	return at == task->bytes ? 0 : -EBADMSG;
}

static bool shows_dialled(int fd, const struct task *task)
{
	struct place peer = { .length = sizeof(peer.v6) };

	return !getpeername(fd, &peer.any, &peer.length) && peer.v4.sin_port == task->place.v4.sin_port &&
	       (peer.any.sa_family == AF_INET
			? peer.v4.sin_addr.s_addr == task->place.v4.sin_addr.s_addr
			: !memcmp(&peer.v6.sin6_addr, &task->place.v6.sin6_addr, sizeof(peer.v6.sin6_addr)));
}

static void ask_once(const struct task *task, unsigned long connection, struct report *report)
{
	struct linger hard = { .l_onoff = 1 };
	double began = now_us();
	int fd = open_connection(task), error;
	struct sending sending = { fd, connection, task };
	pthread_t thread;

	report->connect_us[connection] = now_us() - began;
	if (fd < 0) {
		note_error(report, -fd);
		return;
	}
	report->wrong_peer += !shows_dialled(fd, task);
	/* What fits into any socket's buffer needs nobody beside it. */
	if (task->bytes <= CHUNK / 8)
		send_bytes(&sending);
	else
		pthread_create(&thread, NULL, send_bytes, &sending);
	error = compare_bytes(fd, task, connection);
	if (task->bytes > CHUNK / 8)
		pthread_join(thread, NULL);
	if (task->reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	report->corrupt += error == -EBADMSG;
	if (error)
		note_error(report, -error);
	else
		report->ok++;
}

static int compare_doubles(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

static void print_report(const struct task *task, struct report *report)
{
	double *us = report->connect_us;

	qsort(us, task->count, sizeof(*us), compare_doubles);
	printf("{\"connects\":%lu,\"ok\":%lu,\"failures\":%lu,\"corrupt\":%lu,\"wrong_peer\":%lu,\"errors\":"
	       "{",
	       task->count, report->ok, report->failed, report->corrupt, report->wrong_peer);
	for (size_t i = 0; i < MAX_ERRORS && report->errors[i]; i++)
		printf("%s\"%s\":%lu", i ? "," : "", strerrorname_np(report->errors[i]),
		       report->error_counts[i]);
	printf("},\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n", us[task->count / 2],
	       us[task->count - 1 - task->count / 100], us[task->count - 1]);
}

static unsigned long number(const char *text, unsigned long least, unsigned long most)
{
	char *rest;
	unsigned long value = strtoul(text, &rest, 10);

	if (*rest || !*text || value < least || value > most)
		die("not a number that will do", text);
	return value;
}

static int ask(int argc, char **argv)
{
	struct task task = { .count = 1, .bytes = 1000, .patience_ms = 5000 };
	struct report report = { 0 };
	int option;

	while ((option = getopt(argc, argv, "n:b:t:NMRp:g:")) != -1) {
		switch (option) {
		case 'n':
			task.count = number(optarg, 1, 1000000);
			break;
		case 'b':
			task.bytes = number(optarg, 1, 1000000000);
			break;
		case 't':
			task.patience_ms = number(optarg, 1, 60000);
			break;
		case 'N':
			task.nonblocking = true;
			break;
		case 'M':
			task.mptcp = true;
			break;
		case 'R':
			task.reset = true;
			break;
		case 'p':
			task.port = number(optarg, 1, UINT16_MAX);
			break;
		case 'g':
			task.pause_ms = number(optarg, 1, 10000);
			break;
		default:
			die(usage, "");
		}
	}
	if (argc - optind != 2)
		die(usage, "");
	parse_place(argv[optind + 1], !strcmp(argv[optind], "tcpm"), &task.place);
	report.connect_us = calloc(task.count, sizeof(*report.connect_us));
	if (!report.connect_us)
		die("calloc", "");
	for (unsigned long i = 0; i < task.count; i++)
		ask_once(&task, i, &report);
	print_report(&task, &report);
	free(report.connect_us);
	return 0;
}

/* ---- datagrams ---- */

/* Every answer to more than a word must be the question. */
static int dgram(int argc, char **argv)
{
	struct timeval patience = { .tv_usec = 200000 };
	unsigned long seconds = 1, size = 3, sent = 0, answers = 0, lost = 0, errors = 0;
	struct place place;
	static unsigned char question[CHUNK], answer[CHUNK];
	double end;
	int fd, option;

	while ((option = getopt(argc, argv, "s:b:")) != -1) {
		switch (option) {
		case 's':
			seconds = number(optarg, 1, 60);
			break;
		case 'b':
			size = number(optarg, 1, 60000);
			break;
		default:
			die(usage, "");
		}
	}
	for (unsigned long i = 0; i < size; i++)
		question[i] = byte_at(size, i);
	if (argc - optind != 2)
		die(usage, "");
	parse_place(argv[optind + 1], !strcmp(argv[optind], "udpm"), &place);
	fd = socket(place.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (fd < 0 || connect(fd, &place.any, place.length))
		die("connect", strerror(errno));
	end = now_us() + (double)seconds * 1e6;
	while (now_us() < end) {
		sent++;
		ssize_t came = 0;

		if (send(fd, question, size, 0) < 0)
			errors++;
		else if ((came = recv(fd, answer, sizeof(answer), 0)) > 0)
			answers +=
				size <= 3 || ((unsigned long)came == size && !memcmp(question, answer, size));
		else if (errno == EAGAIN)
			lost++;
		else
			errors++;
	}
	printf("{\"sent\":%lu,\"answers\":%lu,\"lost\":%lu,\"errors\":%lu}\n", sent, answers, lost, errors);
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc > 2 && !strcmp(argv[1], "serve"))
		return serve(argc - 2, argv + 2);
	if (argc > 2 && !strcmp(argv[1], "ask"))
		return ask(argc - 1, argv + 1);
	if (argc > 2 && !strcmp(argv[1], "dgram"))
		return dgram(argc - 1, argv + 1);
	fputs(usage, stderr);
	return 2;
}
