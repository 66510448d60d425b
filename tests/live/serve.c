/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The server of the live tests: any number of addresses and ports, TCP and UDP, each answering with a name. Its TCP
 * half can be made to misbehave while it runs, so that one endpoint fails and recovers within a test.
 */
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "place.h"

enum {
	BACKLOG = 4096,
	MAX_LISTENERS = 64,
};

static const char usage[] =
	"usage: serve [-m FILE] NAME tcp|udp/ADDRESS/PORT[/NAME]...\n"
	"Answers each piece of data with its name; the name '@' is the address that was reached.\n"
	"  -m FILE  how TCP is served stands in FILE, is read again at SIGHUP, and is told as 'now MOOD':\n"
	"             answer   as without a mood\n"
	"             reset    each connection is reset as soon as it is accepted\n"
	"             cut      ... when its first data comes, before an answer\n"
	"             tear     ... after the answer\n"
	"             close    ... is closed in order, unanswered, as soon as it is accepted\n"
	"             hang     connections are accepted, and nothing is ever read\n"
	"             full     nothing is accepted, and the queue has room for one\n"
	"             refuse   nobody listens\n";

enum mood {
	MOOD_ANSWER,
	MOOD_RESET,
	MOOD_CUT,
	MOOD_TEAR,
	MOOD_CLOSE,
	MOOD_HANG,
	MOOD_FULL,
	MOOD_REFUSE,
	N_MOODS
};

static const char *const mood_names[N_MOODS] = {
	"answer", "reset", "cut", "tear", "close", "hang", "full", "refuse",
};

struct served {
	int fd;
	enum { SERVED_LISTENER, SERVED_STREAM, SERVED_DGRAM, SERVED_SIGNAL } what;
	char name[NAME_LENGTH];
};

static enum mood mood;
static const char *mood_file;
static struct served *listeners[MAX_LISTENERS];
static struct place listened[MAX_LISTENERS];
static int n_listeners;

static struct served *watch(int epoll, int fd, int what, const char *name)
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
	return served;
}

static int open_at(const struct place *place, bool stream)
{
	int fd = socket(place->any.sa_family,
			(stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		die("socket", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (place->any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &place->any, place->length) || (stream && listen(fd, BACKLOG)))
		die(print_place(place), strerror(errno));
	return fd;
}

static void listen_at(int epoll, const char *text, const char *default_name)
{
	bool stream = !strncmp(text, "tcp/", 4);
	struct served *served;
	struct place place;
	const char *name;

	if (!stream && strncmp(text, "udp/", 4))
		die("tcp/ or udp/ is wanted", text);
	name = parse_place(text + 4, false, &place);
	served = watch(epoll, open_at(&place, stream), stream ? SERVED_LISTENER : SERVED_DGRAM,
		       name ? name : default_name);
	if (!stream)
		return;
	if (n_listeners == MAX_LISTENERS)
		die("too many addresses", text);
	listened[n_listeners] = place;
	listeners[n_listeners++] = served;
}

/* A close that is a RST, whatever has not been read. */
static void reset(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

/* ---- moods ---- */

static enum mood read_mood(void)
{
	char text[16] = "";
	FILE *file = fopen(mood_file, "re");

	if (!file || fscanf(file, "%15s", text) != 1)
		die(mood_file, "no mood is in it");
	fclose(file);
	for (int i = 0; i < N_MOODS; i++) {
		if (!strcmp(text, mood_names[i]))
			return (enum mood)i;
	}
	die("there is no such mood", text);
	return MOOD_ANSWER;
}

/* Where nobody listens the descriptor is closed; the entry stays for the time when somebody does again. */
static void set_listener(int epoll, int i)
{
	struct served *served = listeners[i];
	struct epoll_event event = { .events = mood == MOOD_FULL ? 0 : EPOLLIN, .data.ptr = served };

	if (mood == MOOD_REFUSE) {
		if (served->fd >= 0)
			close(served->fd);
		served->fd = -1;
		return;
	}
	if (served->fd < 0) {
		served->fd = open_at(&listened[i], true);
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, served->fd, &event))
			die("epoll_ctl", strerror(errno));
	}
	/* A second listen() changes the length of the queue. */
	if (listen(served->fd, mood == MOOD_FULL ? 0 : BACKLOG) ||
	    epoll_ctl(epoll, EPOLL_CTL_MOD, served->fd, &event))
		die("listen", strerror(errno));
}

static void change_mood(int epoll)
{
	mood = read_mood();
	for (int i = 0; i < n_listeners; i++)
		set_listener(epoll, i);
	printf("now %s\n", mood_names[mood]);
	fflush(stdout);
}

static void watch_moods(int epoll)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (fd < 0)
		die("signalfd", strerror(errno));
	watch(epoll, fd, SERVED_SIGNAL, "");
	change_mood(epoll);
}

static void take_signal(int epoll, const struct served *served)
{
	struct signalfd_siginfo info;

	if (read(served->fd, &info, sizeof(info)) == sizeof(info))
		change_mood(epoll);
}

/* ---- conversations ---- */

static void accept_all(int epoll, const struct served *listener)
{
	char name[NAME_LENGTH];
	struct place own;
	int fd;

	while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (mood == MOOD_RESET)
			reset(fd);
		else if (mood == MOOD_CLOSE)
			close(fd);
		/* What hangs is left open, and nobody watches it. */
		if (mood == MOOD_RESET || mood == MOOD_CLOSE || mood == MOOD_HANG)
			continue;
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
	if (length > 0 && mood != MOOD_CUT &&
	    send(served->fd, served->name, strlen(served->name), MSG_NOSIGNAL) > 0 && mood != MOOD_TEAR)
		return;
	if (length > 0)
		reset(served->fd);
	else
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

static void serve_event(int epoll, struct served *served)
{
	switch (served->what) {
	case SERVED_LISTENER:
		accept_all(epoll, served);
		break;
	case SERVED_STREAM:
		answer_stream(served);
		break;
	case SERVED_DGRAM:
		answer_dgrams(served);
		break;
	case SERVED_SIGNAL:
		take_signal(epoll, served);
		break;
	}
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	struct epoll_event events[64];
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (argc > 2 && !strcmp(argv[1], "-m")) {
		mood_file = argv[2];
		argv += 2;
		argc -= 2;
	}
	if (argc < 3 || epoll < 0)
		die(usage, "");
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (int i = 2; i < argc; i++)
		listen_at(epoll, argv[i], argv[1]);
	if (mood_file)
		watch_moods(epoll);
	puts("serving");
	fflush(stdout);
	while (true) {
		int count = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < count; i++)
			serve_event(epoll, events[i].data.ptr);
	}
}
