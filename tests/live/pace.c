/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two ends that talk over a stream socket of whatever kind, both non-blocking and in an event loop, and what that
 * took: times, bytes, processor time of both. A message begins with a head that says how long it is and what is wanted.
 */
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "place.h"

enum {
	MAX_MESSAGE = 1 << 20,
	READ_SIZE = 256 << 10,
	MAX_SAMPLES = 1 << 20,
	MAX_HELPERS = 64,
	WAIT_MS = 5000, /* for the other end */
};

enum {
	WANTS_ANSWER = 1, /* of the same length, with the same head */
	BEGINS = 2,	  /* what counts begins with this one */
	ENDS = 4,	  /* ... and ends; a struct result is wanted instead of an answer */
};

struct head {
	uint64_t number;
	uint32_t length, flags;
};

/* What the server has seen between the message that begins and the one that ends. */
struct result {
	uint64_t bytes, ns, cpu_ns;
	uint64_t wrong; /* heads that are not those of the next message */
};

static const char usage[] = "usage: pace serve [-c CPU] PLACE...\n"
			    "       pace ask [-c CPU] [-k PID]... [-m MS] [-b BYTES] PLACE\n"
			    "         requests and answers of so many bytes, by turns\n"
			    "       pace send [-c CPU] [-k PID]... [-m MS] [-b BYTES] PLACE\n"
			    "         one way, in writes of so many bytes\n"
			    "Both print a line of JSON. PLACE is ADDRESS/PORT or unix:PATH. The times of the "
			    "processes -k (the kernel's\n"
			    "threads for packets) count as this one's.\n";

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity", strerror(errno));
}

static char *make_buffer(size_t size)
{
	char *buffer = calloc(1, size);

	if (!buffer)
		die("out of memory", "");
	return buffer;
}

/* ---- places ---- */

struct spot {
	struct sockaddr_storage address;
	socklen_t length;
};

static void parse_spot(const char *text, struct spot *ret)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct place place;

	if (strncmp(text, "unix:", 5)) {
		parse_place(text, false, &place);
		memcpy(&ret->address, &place.any, place.length);
		ret->length = place.length;
		return;
	}
	if (strlen(text + 5) >= sizeof(local.sun_path))
		die("too long", text);
	strcpy(local.sun_path, text + 5);
	memcpy(&ret->address, &local, sizeof(local));
	ret->length = sizeof(local);
}

static int open_socket(const struct spot *spot)
{
	int fd = socket(spot->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket", strerror(errno));
	return fd;
}

/* For AF_UNIX there is no such option, and no need of it. */
static void send_at_once(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* ---- the server ---- */

struct connection {
	int fd;
	bool listens;	  /* nothing else of it is used then */
	struct head head; /* of the message that is being read */
	size_t head_got, left;
	uint64_t next;
	char *answer;
	size_t room, answer_length, answer_sent;
	struct result result;
	uint64_t begin_ns, begin_cpu_ns;
};

static char *received; /* READ_SIZE bytes; a server has one thread */

static bool put_answer(struct connection *c)
{
	while (c->answer_sent < c->answer_length) {
		ssize_t put = send(c->fd, c->answer + c->answer_sent, c->answer_length - c->answer_sent,
				   MSG_NOSIGNAL);

		if (put < 0)
			return errno == EAGAIN;
		c->answer_sent += (size_t)put;
	}
	return true;
}

/* One at a time: who asks waits for the answer. */
static bool answer(struct connection *c, const void *data, size_t known, size_t length)
{
	if (c->answer_sent < c->answer_length)
		return false;
	if (c->room < length) {
		free(c->answer);
		c->answer = make_buffer(length);
		c->room = length;
	}
	memcpy(c->answer, data, known);
	c->answer_length = length;
	c->answer_sent = 0;
	return put_answer(c);
}

static bool head_done(struct connection *c)
{
	if (c->head.length < sizeof(c->head) || c->head.length > MAX_MESSAGE)
		return false;
	if (c->head.flags & BEGINS) {
		c->begin_ns = clock_ns(CLOCK_MONOTONIC);
		c->begin_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
		c->result.bytes = 0;
	}
	c->result.wrong += c->head.number != c->next;
	c->next = c->head.number + 1;
	c->result.bytes += c->head.length;
	c->left = c->head.length - sizeof(c->head);
	return true;
}

static bool message_done(struct connection *c)
{
	c->head_got = 0;
	if (c->head.flags & ENDS) {
		c->result.ns = clock_ns(CLOCK_MONOTONIC) - c->begin_ns;
		c->result.cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - c->begin_cpu_ns;
		return answer(c, &c->result, sizeof(c->result), sizeof(c->result));
	}
	return !(c->head.flags & WANTS_ANSWER) || answer(c, &c->head, sizeof(c->head), c->head.length);
}

static bool take(struct connection *c, const char *data, size_t length)
{
	while (length) {
		size_t part;

		if (c->head_got < sizeof(c->head)) {
			part = sizeof(c->head) - c->head_got < length ? sizeof(c->head) - c->head_got
								      : length;
			memcpy((char *)&c->head + c->head_got, data, part);
			c->head_got += part;
			if (c->head_got == sizeof(c->head) && !head_done(c))
				return false;
		} else {
			part = c->left < length ? c->left : length;
			c->left -= part;
		}
		data += part;
		length -= part;
		if (c->head_got == sizeof(c->head) && !c->left && !message_done(c))
			return false;
	}
	return true;
}

/* Until there is no more: a read that does not fill the buffer says so without another one. */
static bool read_connection(struct connection *c)
{
	ssize_t got;

	do {
		got = recv(c->fd, received, READ_SIZE, 0);
		if (got < 0)
			return errno == EAGAIN;
		if (!got || !take(c, received, (size_t)got))
			return false;
	} while (got == READ_SIZE);
	return true;
}

/* EPOLLOUT is only asked for while an answer does not fit. */
static void await_connection(int epoll, struct connection *c, int operation)
{
	struct epoll_event event = { .data.ptr = c };

	event.events = c->answer_sent < c->answer_length ? EPOLLIN | EPOLLOUT : EPOLLIN;
	if (epoll_ctl(epoll, operation, c->fd, &event))
		die("epoll_ctl", strerror(errno));
}

static void serve_connection(int epoll, struct connection *c, uint32_t events)
{
	bool was_full = c->answer_sent < c->answer_length;
	bool ok = !(events & EPOLLOUT) || put_answer(c);

	if (ok && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		ok = read_connection(c);
	if (!ok) {
		close(c->fd);
		free(c->answer);
		free(c);
	} else if (was_full != (c->answer_sent < c->answer_length)) {
		await_connection(epoll, c, EPOLL_CTL_MOD);
	}
}

static void add_connection(int epoll, int fd, bool listens)
{
	struct connection *c = (struct connection *)make_buffer(sizeof(*c));

	c->fd = fd;
	c->listens = listens;
	await_connection(epoll, c, EPOLL_CTL_ADD);
}

static void accept_connection(int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	send_at_once(fd);
	add_connection(epoll, fd, false);
}

static int listen_at(const char *text)
{
	struct spot spot;
	int fd, on = 1;

	parse_spot(text, &spot);
	fd = open_socket(&spot);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&spot.address, spot.length) || listen(fd, 128))
		die(text, strerror(errno));
	return fd;
}

static int serve(int argc, char **argv)
{
	int letter, epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[16];

	while ((letter = getopt(argc, argv, "+c:")) >= 0) {
		if (letter != 'c')
			die(usage, "");
		stay_on(atoi(optarg));
	}
	if (optind == argc || epoll < 0)
		die(usage, "");
	received = make_buffer(READ_SIZE);
	for (int i = optind; i < argc; i++)
		add_connection(epoll, listen_at(argv[i]), true);
	puts("serving");
	fflush(stdout);
	while (true) {
		int count = epoll_wait(epoll, events, sizeof(events) / sizeof(*events), -1);

		for (int i = 0; i < count; i++) {
			struct connection *c = events[i].data.ptr;

			if (c->listens)
				accept_connection(epoll, c->fd);
			else
				serve_connection(epoll, c, events[i].events);
		}
	}
	return 0;
}

/* ---- the client ---- */

struct client {
	int fd, n_helpers;
	bool waits; /* in send() and recv() */
	pid_t helpers[MAX_HELPERS];
	uint64_t number, measure_ns;
	uint32_t length;
	char *message, *read;
	uint32_t *took_ns;
	size_t n_took;
	uint64_t turns, wrong;
};

static void await(int fd, short events)
{
	struct pollfd wait = { .fd = fd, .events = events };

	if (poll(&wait, 1, WAIT_MS) != 1)
		die("the other end", "nothing happens any more");
}

static int dial(const char *text)
{
	socklen_t length = sizeof(int);
	struct spot spot;
	int fd, error = 0;

	parse_spot(text, &spot);
	fd = open_socket(&spot);
	if (connect(fd, (struct sockaddr *)&spot.address, spot.length)) {
		if (errno != EINPROGRESS)
			die(text, strerror(errno));
		await(fd, POLLOUT);
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) || error)
			die(text, strerror(error));
	}
	return fd;
}

static void put_message(struct client *client, uint32_t flags)
{
	struct head head = { client->number++, client->length, flags };
	size_t sent = 0;

	memcpy(client->message, &head, sizeof(head));
	while (sent < client->length) {
		ssize_t put = send(client->fd, client->message + sent, client->length - sent, MSG_NOSIGNAL);

		if (put >= 0)
			sent += (size_t)put;
		else if (errno == EAGAIN && !client->waits)
			await(client->fd, POLLOUT);
		else
			die("send", strerror(errno));
	}
}

/* As an event loop does: it is waited for first, and read then. */
static void get_all(struct client *client, size_t length)
{
	size_t had = 0;

	while (had < length) {
		ssize_t got;

		if (!client->waits)
			await(client->fd, POLLIN);
		got = recv(client->fd, client->read + had, length - had, 0);
		if (got > 0)
			had += (size_t)got;
		else if (!got || errno != EAGAIN || client->waits)
			die("recv", got ? strerror(errno) : "the other end has closed");
	}
}

static void ask_once(struct client *client, uint32_t flags)
{
	uint64_t begin = clock_ns(CLOCK_MONOTONIC), took;
	struct head head;

	put_message(client, flags | WANTS_ANSWER);
	get_all(client, client->length);
	took = clock_ns(CLOCK_MONOTONIC) - begin;
	memcpy(&head, client->read, sizeof(head));
	client->wrong += head.number != client->number - 1 || head.length != client->length;
	if (client->n_took < MAX_SAMPLES)
		client->took_ns[client->n_took++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
	client->turns++;
}

static void send_once(struct client *client, uint32_t flags)
{
	put_message(client, flags);
	client->turns++;
}

/* For so long; the clock is not looked at for each of many small messages. */
static void go_on(struct client *client, void (*once)(struct client *, uint32_t), uint64_t ns)
{
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + ns;

	do {
		for (uint32_t sent = 0; sent < 16 << 10; sent += client->length)
			once(client, 0);
	} while (clock_ns(CLOCK_MONOTONIC) < end);
}

static uint64_t cpu_of(const struct client *client)
{
	uint64_t all = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	for (int i = 0; i < client->n_helpers; i++) {
		unsigned long long ns;
		char path[64];
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/schedstat", client->helpers[i]);
		file = fopen(path, "re");
		if (!file || fscanf(file, "%llu", &ns) != 1)
			die(path, "no time of it");
		fclose(file);
		all += ns;
	}
	return all;
}

static int compare_times(const void *left, const void *right)
{
	const uint32_t *a = left;
	const uint32_t *b = right;

	return (*a > *b) - (*a < *b);
}

static double percentile_us(struct client *client, size_t percent)
{
	return client->n_took ? client->took_ns[client->n_took * percent / 100] / 1e3 : 0;
}

static void report(struct client *client, const struct result *result, uint64_t cpu_ns)
{
	double turns = (double)client->turns, ns = (double)result->ns;

	qsort(client->took_ns, client->n_took, sizeof(*client->took_ns), compare_times);
	printf("{\"messages\":%llu,\"bytes\":%llu,\"wrong\":%llu,", (unsigned long long)client->turns,
	       (unsigned long long)result->bytes, (unsigned long long)(client->wrong + result->wrong));
	printf("\"per_second\":%.0f,\"gbit\":%.3f,", turns / ns * 1e9, (double)result->bytes * 8 / ns);
	printf("\"p50_us\":%.2f,\"p99_us\":%.2f,", percentile_us(client, 50), percentile_us(client, 99));
	printf("\"cpu_us\":%.3f}\n", (double)(cpu_ns + result->cpu_ns) / turns / 1e3);
}

/* A fifth of the time goes before what counts. */
static void measure(struct client *client, void (*once)(struct client *, uint32_t))
{
	struct result result;
	uint64_t cpu_ns;

	go_on(client, once, client->measure_ns / 5);
	client->turns = client->n_took = 0;
	cpu_ns = cpu_of(client);
	once(client, BEGINS);
	go_on(client, once, client->measure_ns);
	put_message(client, ENDS);
	get_all(client, sizeof(result));
	cpu_ns = cpu_of(client) - cpu_ns;
	memcpy(&result, client->read, sizeof(result));
	report(client, &result, cpu_ns);
}

static void on_alarm(int number)
{
	(void)number;
}

/* From now on it waits in send() and recv(). A signal now and then does not end them: that is what SA_RESTART is for. */
static void wait_in_calls(int fd)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 3000 }, { 0, 3000 } };

	if (fcntl(fd, F_SETFL, 0) || sigaction(SIGALRM, &action, NULL) ||
	    setitimer(ITIMER_REAL, &often, NULL))
		die("waiting in calls", strerror(errno));
}

static int begin_client(int argc, char **argv, bool asks)
{
	struct client client = { .measure_ns = 100000000, .length = 64 };
	int letter;

	while ((letter = getopt(argc, argv, "+wc:k:m:b:")) >= 0) {
		if (letter == 'c')
			stay_on(atoi(optarg));
		else if (letter == 'k' && client.n_helpers < MAX_HELPERS)
			client.helpers[client.n_helpers++] = atoi(optarg);
		else if (letter == 'w')
			client.waits = true;
		else if (letter == 'm')
			client.measure_ns = strtoull(optarg, NULL, 10) * 1000000;
		else if (letter == 'b')
			client.length = (uint32_t)strtoul(optarg, NULL, 10);
		else
			die(usage, "");
	}
	if (argc - optind != 1 || client.length < sizeof(struct head) || client.length > MAX_MESSAGE)
		die(usage, "");
	client.message = make_buffer(client.length);
	/* Real memory: pages that were never written are all the same one. */
	memset(client.message, 'x', client.length);
	client.read = make_buffer(client.length + sizeof(struct result));
	client.took_ns = (uint32_t *)make_buffer(MAX_SAMPLES * sizeof(*client.took_ns));
	client.fd = dial(argv[optind]);
	if (client.waits)
		wait_in_calls(client.fd);
	/* What goes one way is left to TCP, which puts small writes together. */
	if (asks)
		send_at_once(client.fd);
	measure(&client, asks ? ask_once : send_once);
	return client.wrong ? 1 : 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (!strcmp(command, "serve"))
		return serve(argc - 1, argv + 1);
	if (!strcmp(command, "ask") || !strcmp(command, "send"))
		return begin_client(argc - 1, argv + 1, !strcmp(command, "ask"));
	fputs(usage, stderr);
	return 2;
}
