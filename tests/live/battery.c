/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What programs see of a TCP connection between two pods, case by case, in lines that are the same each time. Both ends
 * are in one process, whose sockets stand in two network namespaces; each case has a process and a connection of its
 * own, and an end.
 */
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "battery/battery.h"
#include "place.h"

enum {
	CASE_SECONDS = 10,
	BOARD_SIZE = 8192,
	N_COUNTERS = 3,
};

static const char usage[] =
	"usage: battery list\n"
	"         names of the cases, and \"passes\" where nothing may be spliced\n"
	"       battery run [-r] [-o] [-b END] [-h COMMAND] [-c FILE] CLIENT-NETNS SERVER-NETNS LISTEN DIAL "
	"[CASE...]\n"
	"         plays all cases, or these, and prints a line for each; LISTEN and DIAL are ADDRESS/PORT\n"
	"           -r          the server sends, the client receives\n"
	"           -h COMMAND  `COMMAND off` and `on` turn the splice off and on, `COMMAND counters` "
	"prints\n"
	"                       how many sockets were admitted, bytes redirected, messages passed\n"
	"           -o          turns it off when the connection is there\n"
	"           -b client   it blocks when it connects; or \"listener\": it blocks always\n"
	"           -c FILE     a line for each case: what was counted meanwhile\n";

static const struct test *const groups[] = { close_tests,   kill_tests,	  poll_tests,
					     receive_tests, block_tests,  send_tests,
					     flow_tests,    option_tests, ring_tests };

struct plan {
	bool reverse, off;
	const char *hook, *blocks, *netns[2]; /* of the client and the server */
	struct place listen, dial;
	FILE *counters;
	long counted[N_COUNTERS]; /* until now */
};

/* In memory that the process of a case shares with the one that prints. */
static char *board;

void told(const char *what, const char *format, ...)
{
	size_t used = strlen(board);
	va_list args;

	used += (size_t)snprintf(board + used, BOARD_SIZE - used, " %s=", what);
	va_start(args, format);
	if (used < BOARD_SIZE)
		vsnprintf(board + used, BOARD_SIZE - used, format, args);
	va_end(args);
}

/* ---- the switch ---- */

static void turn(const struct plan *plan, const char *how)
{
	char command[512];

	snprintf(command, sizeof(command), "%s %s", plan->hook, how);
	if (system(command))
		die("the hook fails", command);
}

static void count(const struct plan *plan, long counters[N_COUNTERS])
{
	char command[512];
	FILE *pipe;

	snprintf(command, sizeof(command), "%s counters", plan->hook);
	pipe = popen(command, "re");
	if (!pipe || fscanf(pipe, "%ld %ld %ld", &counters[0], &counters[1], &counters[2]) != N_COUNTERS)
		die("no counters", command);
	pclose(pipe);
}

/* ---- one case ---- */

static int socket_in(const char *netns, const struct place *place)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die(netns, strerror(errno));
	close(fd);
	return socket(place->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void open_pair(const struct plan *plan, const struct test *test, struct pair *ret)
{
	ret->listener = socket_in(plan->netns[1], &plan->listen);
	ret->client = socket_in(plan->netns[0], &plan->dial);
	if (test->prepare)
		test->prepare(ret->listener, ret->client);
	set_option(ret->listener, SOL_SOCKET, SO_REUSEADDR, 1);
	if (plan->blocks)
		set_blocking(*plan->blocks == 'c' ? ret->client : ret->listener, true);
	if (bind(ret->listener, &plan->listen.any, plan->listen.length) || listen(ret->listener, 8))
		die("listen", strerror(errno));
	if (connect(ret->client, &plan->dial.any, plan->dial.length) && errno != EINPROGRESS)
		die("connect", strerror(errno));
	set_blocking(ret->client, false);
	await(ret->client, POLLOUT);
	if (get_option(ret->client, SOL_SOCKET, SO_ERROR))
		die("connect", "fails");
	ret->server = -1;
	if (!(test->flags & LATE))
		accept_late(ret);
}

/* Nothing is handed to a client that has not sent yet. */
static void greet(const struct pair *pair)
{
	char byte = 'g';

	if (pair->server < 0)
		return;
	if (send(pair->client, &byte, 1, MSG_NOSIGNAL) != 1)
		die("greeting", strerror(errno));
	await(pair->server, POLLIN);
	if (recv(pair->server, &byte, 1, 0) != 1)
		die("greeting", strerror(errno));
}

static void play(const struct plan *plan, const struct test *test)
{
	struct pair pair = { .reverse = plan->reverse, .dial = &plan->dial };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(CASE_SECONDS);
	open_pair(plan, test, &pair);
	if (pair.reverse)
		greet(&pair);
	pair.tx = pair.reverse ? pair.server : pair.client;
	pair.rx = pair.reverse ? pair.client : pair.server;
	if (plan->off)
		turn(plan, "off");
	test->run(&pair);
	exit(0);
}

static void run_case(struct plan *plan, const struct test *test)
{
	long after[N_COUNTERS];
	int status;
	pid_t pid;

	*board = '\0';
	if (plan->hook)
		turn(plan, "trust");
	fflush(NULL);
	pid = fork();
	if (!pid)
		play(plan, test);
	waitpid(pid, &status, 0);
	if (plan->off)
		turn(plan, "on");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		told("end", "hangs");
	else if (status)
		told("end", "%#x", status);
	printf("%s:%s\n", test->name, board);
	if (!plan->counters)
		return;
	count(plan, after);
	fprintf(plan->counters, "%s", test->name);
	for (size_t i = 0; i < N_COUNTERS; i++) {
		fprintf(plan->counters, " %ld", after[i] - plan->counted[i]);
		plan->counted[i] = after[i];
	}
	fputc('\n', plan->counters);
}

/* ---- all of them ---- */

static bool is_chosen(const struct test *test, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++) {
		if (!strcmp(test->name, *names))
			return true;
	}
	return false;
}

static int run(int argc, char **argv)
{
	struct plan plan = { 0 };
	int option;

	while ((option = getopt(argc, argv, "rob:h:c:")) != -1) {
		if (option == 'r')
			plan.reverse = true;
		else if (option == 'o')
			plan.off = true;
		else if (option == 'b')
			plan.blocks = optarg;
		else if (option == 'h')
			plan.hook = optarg;
		else if (option == 'c')
			plan.counters = fopen(optarg, "we");
		else
			die(usage, "");
	}
	if (argc - optind < 4 || ((plan.off || plan.counters) && !plan.hook))
		die(usage, "");
	plan.netns[0] = argv[optind];
	plan.netns[1] = argv[optind + 1];
	parse_place(argv[optind + 2], false, &plan.listen);
	parse_place(argv[optind + 3], false, &plan.dial);
	if (plan.counters)
		count(&plan, plan.counted);
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		for (const struct test *test = groups[i]; test->name; test++) {
			if (is_chosen(test, argv + optind + 4) && !(plan.reverse && test->flags & FORWARD))
				run_case(&plan, test);
		}
	}
	return 0;
}

static int list(void)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		for (const struct test *test = groups[i]; test->name; test++)
			printf("%s%s\n", test->name,
			       test->flags & PASSES   ? " passes"
			       : test->flags & LEAVES ? " leaves"
						      : "");
	}
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	board = mmap(NULL, BOARD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		die("mmap", strerror(errno));
	if (argc > 1 && !strcmp(argv[1], "list"))
		return list();
	if (argc > 1 && !strcmp(argv[1], "run"))
		return run(argc - 1, argv + 1);
	fputs(usage, stderr);
	return 2;
}
