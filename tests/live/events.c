/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets that never block, as event-driven programs have them: a server that echoes, and a client that does on open
 * connections what it is told, line by line. Every byte is looked at, every wait has an end.
 */
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "place.h"

enum {
	CHUNK = 65536,
	WAIT_MS = 10000,
	MAX_CONNECTIONS = 1024,
	SERVE_SECONDS = 120,
};

static const char usage[] =
	"usage: events serve [-x KEY] [-d MS] [-a] [-l] ADDRESS/PORT...\n"
	"         sends back each byte, xor KEY (0), after MS; -a: accepted sockets block; -l: listening "
	"ones "
	"do\n"
	"       events talk [-x KEY] [-c COUNT] [-p PORT] [-b] [-m] ADDRESS/PORT\n"
	"         opens COUNT (1) connections, from PORT on; -b: that block; -m: IPv4 by IPv6 sockets; "
	"prints\n"
	"         \"open COUNT\", then a line for each line on stdin:\n"
	"           ask N BYTES   N exchanges of so many random bytes on each connection: \"asked N\"\n"
	"           block         the sockets block from now on\n"
	"           close         closes all, and ends\n";

static unsigned char key;

static void set_blocking(int fd, bool blocking)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

/* ---- serve ---- */

/* What has come and has not gone back yet. */
struct echo {
	int fd;
	bool listens;
	size_t begin, end;
	unsigned char bytes[CHUNK];
};

static int epoll;
static int delay_ms;
static bool accepted_block, listeners_block;

static void watch(struct echo *echo, bool added)
{
	struct epoll_event event = { .events = echo->end > echo->begin ? EPOLLOUT : EPOLLIN,
				     .data.ptr = echo };

	if (epoll_ctl(epoll, added ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, echo->fd, &event))
		die("epoll_ctl", strerror(errno));
}

static void add(int fd, bool listens)
{
	struct echo *echo = calloc(1, sizeof(*echo));

	if (!echo)
		die("out of memory", "");
	echo->fd = fd;
	echo->listens = listens;
	watch(echo, true);
}

static void accept_one(const struct echo *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | (accepted_block ? 0 : SOCK_NONBLOCK)),
	    on = 1;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	add(fd, false);
}

static void delay(void)
{
	struct timespec pause = { 0, delay_ms * 1000000L };

	if (delay_ms)
		nanosleep(&pause, NULL);
}

/* False at the end of the connection. */
static bool echo_some(struct echo *echo)
{
	ssize_t n;

	if (echo->begin == echo->end) {
		n = recv(echo->fd, echo->bytes, CHUNK, 0);
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		echo->begin = 0;
		echo->end = (size_t)n;
		for (size_t i = 0; i < echo->end; i++)
			echo->bytes[i] ^= key;
		delay();
	}
	n = send(echo->fd, echo->bytes + echo->begin, echo->end - echo->begin, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		return false;
	echo->begin += n > 0 ? (size_t)n : 0;
	watch(echo, false);
	return true;
}

static void serve_at(const char *text)
{
	int type = SOCK_STREAM | SOCK_CLOEXEC | (listeners_block ? 0 : SOCK_NONBLOCK), fd, on = 1;
	struct place place;

	parse_place(text, false, &place);
	fd = socket(place.any.sa_family, type, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (place.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (fd < 0 || bind(fd, &place.any, place.length) || listen(fd, 4096))
		die(text, strerror(errno));
	add(fd, true);
}

static int serve(int argc, char **argv)
{
	struct epoll_event events[64];
	int letter, n;

	while ((letter = getopt(argc, argv, "+x:d:al")) >= 0) {
		if (letter == 'x')
			key = (unsigned char)atoi(optarg);
		else if (letter == 'd')
			delay_ms = atoi(optarg);
		else if (letter == 'a')
			accepted_block = true;
		else if (letter == 'l')
			listeners_block = true;
		else
			die(usage, "");
	}
	alarm(SERVE_SECONDS);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	for (int i = optind; i < argc; i++)
		serve_at(argv[i]);
	puts("serving");
	fflush(stdout);
	while ((n = epoll_wait(epoll, events, 64, -1)) >= 0 || errno == EINTR) {
		for (int i = 0; i < n; i++) {
			struct echo *echo = events[i].data.ptr;

			if (echo->listens) {
				accept_one(echo);
			} else if (!echo_some(echo)) {
				close(echo->fd);
				free(echo);
			}
		}
	}
	die("epoll_wait", strerror(errno));
	return 1;
}

/* ---- talk ---- */

static int fds[MAX_CONNECTIONS];
static int n_fds;

static bool await(int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	return poll(&poll_fd, 1, WAIT_MS) > 0;
}

static void bind_to(int fd, const struct place *to, int port)
{
	struct place from = *to;

	if (!port)
		return;
	if (from.any.sa_family == AF_INET) {
		from.v4.sin_addr.s_addr = htonl(INADDR_ANY);
		from.v4.sin_port = htons((uint16_t)port);
	} else {
		from.v6.sin6_addr = in6addr_any;
		from.v6.sin6_port = htons((uint16_t)port);
	}
	if (bind(fd, &from.any, from.length))
		die("bind", strerror(errno));
}

static int dial(const struct place *to, int port, bool blocking)
{
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0);
	int on = 1, error = 0;
	socklen_t length = sizeof(error);

	if (fd < 0)
		die("socket", strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	bind_to(fd, to, port);
	if (connect(fd, &to->any, to->length) && errno != EINPROGRESS)
		die("connect", strerror(errno));
	if (!await(fd, POLLOUT) || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) || error)
		die("connect", strerror(error ? error : ETIMEDOUT));
	return fd;
}

/* What is wrong, or NULL. Sends and reads at the same time. */
static const char *exchange(int fd, const unsigned char *bytes, size_t size)
{
	static unsigned char buffer[CHUNK];
	size_t sent = 0, got = 0;
	ssize_t n;

	while (got < size) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN | (sent < size ? POLLOUT : 0) };

		if (poll(&poll_fd, 1, WAIT_MS) <= 0)
			return "hangs";
		if (poll_fd.revents & POLLOUT) {
			n = send(fd, bytes + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
			if (n < 0 && errno != EAGAIN)
				return strerror(errno);
			sent += n > 0 ? (size_t)n : 0;
		}
		if (!(poll_fd.revents & (POLLIN | POLLHUP | POLLERR)))
			continue;
		n = recv(fd, buffer, size - got < CHUNK ? size - got : CHUNK, 0);
		if (!n)
			return "ended early";
		if (n < 0 && errno != EAGAIN)
			return strerror(errno);
		for (ssize_t i = 0; i < n; i++) {
			if (buffer[i] != (bytes[got + (size_t)i] ^ key))
				return "other bytes came back";
		}
		got += n > 0 ? (size_t)n : 0;
	}
	return NULL;
}

static void ask(unsigned long count, size_t size)
{
	unsigned char *bytes = malloc(size);
	const char *wrong = NULL;

	if (!bytes)
		die("out of memory", "");
	for (unsigned long i = 0; !wrong && i < count; i++) {
		for (size_t at = 0; at < size; at++)
			bytes[at] = (unsigned char)random();
		for (int c = 0; !wrong && c < n_fds; c++)
			wrong = exchange(fds[c], bytes, size);
	}
	free(bytes);
	if (wrong)
		printf("%s\n", wrong);
	else
		printf("asked %lu\n", count);
}

static void obey(const char *line)
{
	unsigned long count;
	size_t size;

	if (sscanf(line, "ask %lu %zu", &count, &size) == 2) {
		ask(count, size);
	} else if (!strcmp(line, "block\n")) {
		for (int i = 0; i < n_fds; i++)
			set_blocking(fds[i], true);
		puts("blocking");
	} else {
		for (int i = 0; i < n_fds; i++)
			close(fds[i]);
		puts("closed");
		exit(0);
	}
	fflush(stdout);
}

static int talk(int argc, char **argv)
{
	bool blocking = false, mapped = false;
	int letter, count = 1, port = 0;
	struct place to;
	char line[256];

	while ((letter = getopt(argc, argv, "+x:c:p:bm")) >= 0) {
		if (letter == 'x')
			key = (unsigned char)atoi(optarg);
		else if (letter == 'c')
			count = atoi(optarg);
		else if (letter == 'p')
			port = atoi(optarg);
		else if (letter == 'b')
			blocking = true;
		else if (letter == 'm')
			mapped = true;
		else
			die(usage, "");
	}
	if (argc - optind != 1 || count < 1 || count > MAX_CONNECTIONS)
		die(usage, "");
	parse_place(argv[optind], mapped, &to);
	for (n_fds = 0; n_fds < count; n_fds++)
		fds[n_fds] = dial(&to, port ? port + n_fds : 0, blocking);
	printf("open %d\n", n_fds);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "serve"))
		return serve(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "talk"))
		return talk(argc - 1, argv + 1);
	fputs(usage, stderr);
	return 2;
}
