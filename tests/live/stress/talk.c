/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The client: it begins connections, so many at a time. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../place.h"
#include "stress.h"

static struct {
	struct place to;
	uint64_t seed;
	uint32_t flags;
	uint64_t most;	 /* connections */
	uint64_t end_ns; /* or until then; 0: no limit */
	size_t at_once;
	uint32_t gap_ms;
	uint32_t only; /* number of the one connection; 0: all */
	bool mapped, opens_fast, blocks, connects_blocking, flips;
	uint64_t progress_ns;
} how = { .most = 1000, .at_once = 64 };

static uint64_t n_begun;

/* How the first bytes travel with the SYN: both ways that there are. True: connect() is not needed any more. */
static bool open_fast(struct end *end)
{
	int on = 1;

	if (random_one_in(&end->random, 2)) {
		setsockopt(end->fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on));
		return false;
	}
	end->connecting = end_send(end, MSG_FASTOPEN, &how.to.any, how.to.length) == STEP_WAITS;
	return true;
}

static void dial(struct end *end)
{
	if (how.opens_fast && open_fast(end))
		return;
	if (!connect(end->fd, &how.to.any, how.to.length))
		return;
	end->connecting = errno == EINPROGRESS;
	if (!end->connecting)
		report_fault(end, FAULT_CONNECT, "%s", strerror(errno));
}

static bool await_connection(struct end *end)
{
	struct pollfd poll_fd = { .fd = end->fd, .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error = 0;

	if (!end->connecting)
		return !end->done;
	end->connecting = false;
	poll(&poll_fd, 1, DEADLINE_MS);
	if (!getsockopt(end->fd, SOL_SOCKET, SO_ERROR, &error, &length) && !error)
		return true;
	report_fault(end, FAULT_CONNECT, "%s", strerror(error));
	return false;
}

static void begin_one(uint32_t number)
{
	int type = SOCK_STREAM | SOCK_CLOEXEC | (how.connects_blocking ? 0 : SOCK_NONBLOCK);
	struct end *end = end_new(socket(how.to.any.sa_family, type, 0), SIDE_CLIENT);

	if (end->fd < 0)
		die("socket", strerror(errno));
	end->head.seed = random_mix(random_mix(how.seed) + number);
	end->head.number = number;
	end->head.flags = how.flags;
	end_plan(end);
	if (how.gap_ms)
		end->manner.delay_us = how.gap_ms * 1000;
	end_tune(end);
	if (how.flips)
		end->blocks_from = 1 + random_below(&end->random, 4);
	end->opened_fast = how.opens_fast;
	end->waits_for_all = !how.flips && random_one_in(&end->random, 2);
	dial(end);
	if (!how.blocks)
		loop_add(end);
	else if (await_connection(end))
		block_begin(end);
	else
		close(end->fd);
}

static bool wants_more(void)
{
	return n_begun < how.most && (!how.end_ns || now_ns() < how.end_ns);
}

static void go_on(void)
{
	uint64_t now = now_ns(), next_ns = now + how.progress_ns;

	while (wants_more() || loop_live() || block_live()) {
		/* Not all of them in one go: what has begun goes on in between. */
		for (int i = 0; i < 16 && wants_more() && loop_live() + block_live() < how.at_once; i++) {
			n_begun++;
			begin_one(how.only ? how.only : (uint32_t)n_begun);
		}
		/* Nothing tells of the end of one in a thread. */
		loop_once(how.blocks ? 1 : TICK_MS);
		if (!how.progress_ns || now_ns() < next_ns)
			continue;
		next_ns += how.progress_ns;
		fprintf(stderr, "%llu connections\n", (unsigned long long)report.connections);
	}
}

static void parse_options(int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv, "+n:s:c:x:k:g:p:w:mBTrLfblqt")) >= 0) {
		switch (letter) {
		case 'n':
			how.most = strtoull(optarg, NULL, 10);
			break;
		case 's':
			how.most = UINT32_MAX;
			how.end_ns = now_ns() + strtoull(optarg, NULL, 10) * 1000000000;
			break;
		case 'c':
			how.at_once = strtoull(optarg, NULL, 10);
			break;
		case 'x':
			how.seed = strtoull(optarg, NULL, 0);
			break;
		case 'k':
			how.only = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'g':
			how.gap_ms = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'p':
			how.progress_ns = strtoull(optarg, NULL, 10) * 1000000000;
			break;
		case 'w':
			slow_ns = strtoull(optarg, NULL, 10) * 1000000;
			break;
		case 'm':
			how.mapped = true;
			break;
		case 'B':
			how.flags |= PLAN_BIG;
			break;
		case 'T':
			how.flags |= PLAN_TURNS;
			break;
		case 'r':
			how.flags |= PLAN_SMALL;
			break;
		case 'L':
			how.flags |= PLAN_LONG;
			break;
		case 'f':
			how.opens_fast = true;
			break;
		case 'b':
			how.blocks = how.connects_blocking = true;
			break;
		case 'l':
			how.blocks = true;
			break;
		case 'q':
			how.blocks = how.flips = true;
			break;
		case 't':
			tolerant = true;
			break;
		default:
			exit(2);
		}
	}
}

int talk(int argc, char **argv)
{
	if (getrandom(&how.seed, sizeof(how.seed), 0) != sizeof(how.seed))
		die("getrandom", strerror(errno));
	parse_options(argc, argv);
	if (argc - optind != 1)
		return 2;
	parse_place(argv[optind], how.mapped, &how.to);
	if (how.blocks)
		how.flags |= PLAN_TURNS;
	/* Those that take long on purpose are nothing to tell of. */
	if (how.gap_ms)
		slow_ns = 0;
	fprintf(stderr, "seed %#llx\n", (unsigned long long)how.seed);
	loop_begin(NULL, NULL);
	go_on();
	return report_print();
}
