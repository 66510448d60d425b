/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The server of the live tests: any number of addresses and ports, TCP and UDP, each answering with a name. */
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "place.h"

static const char usage[] =
	"usage: serve NAME tcp|udp/ADDRESS/PORT[/NAME]...\n"
	"Answers each piece of data with its name; the name '@' is the address that was reached.\n";

struct served {
	int fd;
	enum { SERVED_LISTENER, SERVED_STREAM, SERVED_DGRAM } what;
	char name[NAME_LENGTH];
};

static void watch(int epoll, int fd, int what, const char *name)
{
	struct served *served = calloc(1, sizeof(*served));
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = served };

	if (!served)
		die("out of memory", "");
	served->fd = fd;
	served->what = what;
	snprintf(served->name, sizeof(served->name), "%s", name);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		die("epoll_ctl", strerror(errno));
}

static void listen_at(int epoll, const char *text, const char *default_name)
{
	bool stream = !strncmp(text, "tcp/", 4);
	struct place place;
	const char *name;
	int fd, on = 1;

	if (!stream && strncmp(text, "udp/", 4))
		die("tcp/ or udp/ is wanted", text);
	name = parse_place(text + 4, false, &place);
	fd = socket(place.any.sa_family, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    0);
	if (fd < 0)
		die("socket", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (place.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &place.any, place.length) || (stream && listen(fd, 4096)))
		die(text, strerror(errno));
	watch(epoll, fd, stream ? SERVED_LISTENER : SERVED_DGRAM, name ? name : default_name);
}

static void accept_all(int epoll, const struct served *listener)
{
	char name[NAME_LENGTH];
	struct place own;
	int fd;

	while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		snprintf(name, sizeof(name), "%s", listener->name);
		own.length = sizeof(own.v6);
		if (!strcmp(name, "@") && !getsockname(fd, &own.any, &own.length)) {
			snprintf(name, sizeof(name), "%s", print_place(&own));
			*strchrnul(name, ' ') = '\0';
		}
		watch(epoll, fd, SERVED_STREAM, name);
	}
}

static void answer_stream(struct served *served)
{
	char data[512];
	ssize_t length = recv(served->fd, data, sizeof(data), 0);

	if (length < 0 && errno == EAGAIN)
		return;
	if (length > 0 && send(served->fd, served->name, strlen(served->name), MSG_NOSIGNAL) > 0)
		return;
	close(served->fd);
	free(served);
}

static void answer_dgrams(const struct served *served)
{
	struct place from;
	char data[512];

	while (from.length = sizeof(from.v6),
	       recvfrom(served->fd, data, sizeof(data), 0, &from.any, &from.length) >= 0)
		sendto(served->fd, served->name, strlen(served->name), 0, &from.any, from.length);
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	struct epoll_event events[64];
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (argc < 3 || epoll < 0)
		die(usage, "");
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (int i = 2; i < argc; i++)
		listen_at(epoll, argv[i], argv[1]);
	puts("serving");
	fflush(stdout);
	while (true) {
		int count = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < count; i++) {
			struct served *served = events[i].data.ptr;

			if (served->what == SERVED_LISTENER)
				accept_all(epoll, served);
			else if (served->what == SERVED_STREAM)
				answer_stream(served);
			else
				answer_dgrams(served);
		}
	}
}
