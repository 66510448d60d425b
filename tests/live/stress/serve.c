/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The server: it listens, and does what the head of each connection says. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../place.h"
#include "stress.h"

enum {
	DEFER_SECONDS = 5,
	FASTOPEN_QUEUE = 1024,
	SMALL_BUFFER = 8192,
};

static bool defers, opens_fast, small_buffers, blocks;
static uint32_t blocks_from;
static volatile sig_atomic_t asked_to_end;
static size_t n_listeners;

static void ask_to_end(int number)
{
	(void)number;
	asked_to_end = 1;
}

static void listen_at(const char *text)
{
	int fd, on = 1, seconds = DEFER_SECONDS, queue = FASTOPEN_QUEUE, size = SMALL_BUFFER;
	struct place place;
	struct end *end;

	parse_place(text, false, &place);
	fd = socket(place.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (place.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (small_buffers) {
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	if ((defers && setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds))) ||
	    (opens_fast && setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue))))
		die(text, strerror(errno));
	if (fd < 0 || bind(fd, &place.any, place.length) || listen(fd, 4096))
		die(text, strerror(errno));
	end = end_new(fd, SIDE_SERVER);
	end->listens = true;
	loop_add(end);
	n_listeners++;
}

static void accept_all(struct end *listener)
{
	int fd;

	while ((fd = accept4(listener->fd, NULL, NULL,
			     SOCK_CLOEXEC | (blocks && !blocks_from ? 0 : SOCK_NONBLOCK))) >= 0) {
		struct end *end = end_new(fd, SIDE_SERVER);

		end->blocks_from = blocks_from;
		if (blocks)
			block_begin(end);
		else
			loop_add(end);
	}
}

int serve(int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv, "+dfrbk:t")) >= 0) {
		switch (letter) {
		case 'd':
			defers = true;
			break;
		case 'f':
			opens_fast = true;
			break;
		case 'r':
			small_buffers = true;
			break;
		case 'b':
			blocks = true;
			break;
		case 'k':
			blocks = true;
			blocks_from = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 't':
			tolerant = true;
			break;
		default:
			return 2;
		}
	}
	signal(SIGTERM, ask_to_end);
	loop_begin(accept_all, NULL);
	for (int i = optind; i < argc; i++)
		listen_at(argv[i]);
	puts("serving");
	fflush(stdout);
	/* Those that are under way are waited for: each has a deadline. */
	while (!asked_to_end || loop_live() > n_listeners || block_live())
		loop_once(TICK_MS);
	return report_print();
}
