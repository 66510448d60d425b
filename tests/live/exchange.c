/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Conversations with a known course: a server that is slow or resets on demand, clients that measure what they see,
 * and connections that end in every way there is. A request is 64 bytes and says how long its answer shall be.
 */
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "place.h"

enum {
	REQUEST_SIZE = 64,
	MAX_ANSWER = 1 << 20,
	MAX_THREADS = 64,
	MAX_NAMES = 16,
	MAX_SAMPLES = 1 << 20, /* of each thread */
	MAX_PIPELINE = 64,
	STACK_SIZE = 64 << 10,
	WAIT_S = 5, /* for one answer */
};

static const char usage[] =
	"usage: exchange serve [-d MS[,LATER]] [-r] NAME ADDRESS/PORT...\n"
	"         answers each request after MS, or resets each connection that it has accepted (-r);\n"
	"         after SIGUSR1 answers come after LATER (by default at once), after SIGUSR2 after MS again\n"
	"       exchange ask [-k] [-t THREADS] [-n EACH | -s SECONDS] [-b BYTES] [-p PIPELINE] ADDRESS/PORT\n"
	"         asks, over one connection for each thread (-k) or a new one each time; prints a line of "
	"JSON\n"
	"       exchange hold COUNT ADDRESS/PORT\n"
	"         opens connections, one exchange on each, and holds them until SIGTERM\n"
	"       exchange fates COUNT ADDRESS/PORT\n"
	"         opens connections that end in all ways: closed, reset, killed, shared, given up\n";

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void sleep_ms(unsigned ms)
{
	struct timespec pause = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&pause, NULL);
}

/* Returns false at the end of the stream, or at an error. */
static bool read_all(int fd, char *data, size_t length)
{
	while (length) {
		ssize_t got = recv(fd, data, length, 0);

		if (got <= 0)
			return false;
		data += got;
		length -= (size_t)got;
	}
	return true;
}

static bool write_all(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t put = send(fd, data, length, MSG_NOSIGNAL);

		if (put <= 0)
			return false;
		data += put;
		length -= (size_t)put;
	}
	return true;
}

static void start_thread(void *(*run)(void *), void *arg, pthread_t *ret)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	if (!ret)
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (pthread_create(ret ? ret : &(pthread_t){ 0 }, &attributes, run, arg))
		die("pthread_create", "");
	pthread_attr_destroy(&attributes);
}

/* ---- serve ---- */

static volatile sig_atomic_t delay_ms;
static int slow_ms, later_ms;
static bool resetting;
static const char *own_name;
static char *answer; /* MAX_ANSWER bytes that begin with the name */

static void on_signal(int number)
{
	delay_ms = number == SIGUSR1 ? later_ms : slow_ms;
}

static void *serve_connection(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char request[REQUEST_SIZE + 1] = "";

	while (read_all(fd, request, REQUEST_SIZE)) {
		unsigned long size = strtoul(request, NULL, 10);

		if (delay_ms)
			sleep_ms((unsigned)delay_ms);
		if (size > MAX_ANSWER || !write_all(fd, answer, size))
			break;
	}
	close(fd);
	return NULL;
}

static void *serve_listener(void *arg)
{
	int listener = (int)(intptr_t)arg, on = 1;
	struct linger linger = { .l_onoff = 1 };

	while (true) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		if (resetting) {
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		start_thread(serve_connection, (void *)(intptr_t)fd, NULL);
	}
	return NULL;
}

static int serve(int argc, char **argv)
{
	int letter, on = 1;

	while ((letter = getopt(argc, argv, "+d:r")) >= 0) {
		if (letter == 'd' && sscanf(optarg, "%d,%d", &slow_ms, &later_ms) >= 1)
			delay_ms = slow_ms;
		else if (letter == 'r')
			resetting = true;
		else
			die(usage, "");
	}
	if (argc - optind < 2)
		die(usage, "");
	own_name = argv[optind];
	answer = malloc(MAX_ANSWER);
	if (!answer)
		die("out of memory", "");
	memset(answer, ' ', MAX_ANSWER);
	memcpy(answer, own_name, strlen(own_name));
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	for (int i = optind + 1; i < argc; i++) {
		struct place place;
		int fd;

		parse_place(argv[i], false, &place);
		fd = socket(place.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (place.any.sa_family == AF_INET6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
		if (fd < 0 || bind(fd, &place.any, place.length) || listen(fd, 4096))
			die(argv[i], strerror(errno));
		start_thread(serve_listener, (void *)(intptr_t)fd, NULL);
	}
	puts("serving");
	fflush(stdout);
	while (true)
		pause();
	return 0;
}

/* ---- what clients share ---- */

static int dial(const struct place *to)
{
	struct timeval patience = { .tv_sec = WAIT_S };
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		die("socket", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, &to->any, to->length)) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool exchange_once(int fd, char *buffer)
{
	char request[REQUEST_SIZE] = "64";

	return write_all(fd, request, sizeof(request)) && read_all(fd, buffer, 64);
}

/* ---- ask ---- */

struct asking {
	const struct place *to;
	bool keep;
	unsigned pipeline;
	uint64_t count, until_ns;
	size_t size;
};

struct asker {
	const struct asking *asking;
	pthread_t thread;
	uint64_t turns, failures, first_ns; /* turn-arounds, and the time to their first bytes */
	uint64_t misdirected;		    /* answers that are not what one server says */
	uint64_t *took_ns;
	struct {
		char text[NAME_LENGTH];
		uint64_t count;
	} names[MAX_NAMES];
};

static void note_name(struct asker *asker, const char *data)
{
	size_t length = strcspn(data, " ");

	for (int i = 0; i < MAX_NAMES; i++) {
		if (!asker->names[i].count)
			snprintf(asker->names[i].text, NAME_LENGTH, "%.*s", (int)length, data);
		if (strncmp(asker->names[i].text, data, length) || asker->names[i].text[length])
			continue;
		asker->names[i].count++;
		return;
	}
}

/* A name, and spaces behind it: no byte of another answer, none lost, none twice. */
static bool is_answer(const char *data, size_t length, const char *name, size_t name_length)
{
	size_t own = name_length < length ? name_length : length;

	if (memcmp(data, name, own))
		return false;
	for (size_t i = own; i < length; i++) {
		if (data[i] != ' ')
			return false;
	}
	return true;
}

/* One turn-around: all requests at once, then all answers. */
static bool turn_around(struct asker *asker, int fd, char *buffer)
{
	const struct asking *asking = asker->asking;
	char requests[MAX_PIPELINE * REQUEST_SIZE] = "";
	char name[NAME_LENGTH];
	uint64_t begin = now_ns();
	size_t length;
	ssize_t got;

	for (unsigned i = 0; i < asking->pipeline; i++)
		snprintf(requests + i * REQUEST_SIZE, REQUEST_SIZE, "%zu", asking->size);
	if (!write_all(fd, requests, asking->pipeline * REQUEST_SIZE))
		return false;
	got = recv(fd, buffer, asking->size, 0);
	if (got <= 0)
		return false;
	asker->first_ns += now_ns() - begin;
	if (!read_all(fd, buffer + got, asking->size - (size_t)got))
		return false;
	/* All answers of a connection are one server's. */
	length = strcspn(buffer, " ");
	snprintf(name, sizeof(name), "%.*s", (int)length, buffer);
	note_name(asker, buffer);
	for (unsigned i = 0; i < asking->pipeline; i++) {
		if (i && !read_all(fd, buffer, asking->size))
			return false;
		asker->misdirected += !is_answer(buffer, asking->size, name, strlen(name));
	}
	return true;
}

static void *ask_thread(void *arg)
{
	struct asker *asker = arg;
	const struct asking *asking = asker->asking;
	char *buffer = calloc(1, asking->size + 1);
	int fd = -1;

	if (!buffer)
		die("out of memory", "");
	for (uint64_t i = 0; i < asking->count && now_ns() < asking->until_ns; i++) {
		uint64_t begin = now_ns();

		if (fd < 0)
			fd = dial(asking->to);
		if (fd < 0 || !turn_around(asker, fd, buffer)) {
			asker->failures++;
		} else if (asker->turns < MAX_SAMPLES) {
			asker->took_ns[asker->turns++] = now_ns() - begin;
		}
		if (!asking->keep && fd >= 0) {
			close(fd);
			fd = -1;
		}
	}
	if (fd >= 0)
		close(fd);
	free(buffer);
	return NULL;
}

static int compare_times(const void *left, const void *right)
{
	const uint64_t *a = left;
	const uint64_t *b = right;

	return (*a > *b) - (*a < *b);
}

static void print_names(struct asker *askers, int n_threads)
{
	const char *comma = "";

	printf("\"by_name\":{");
	/* Into the first one, by name. */
	for (int t = 1; t < n_threads; t++) {
		for (int i = 0; i < MAX_NAMES && askers[t].names[i].count; i++) {
			for (uint64_t n = 0; n < askers[t].names[i].count; n++)
				note_name(&askers[0], askers[t].names[i].text);
		}
	}
	for (int i = 0; i < MAX_NAMES && askers[0].names[i].count; i++) {
		printf("%s\"%s\":%llu", comma, askers[0].names[i].text,
		       (unsigned long long)askers[0].names[i].count);
		comma = ",";
	}
	printf("}");
}

static void ask_report(struct asker *askers, int n_threads, double seconds)
{
	uint64_t turns = 0, failures = 0, misdirected = 0, first_ns = 0, total_ns = 0, *all;

	for (int i = 0; i < n_threads; i++) {
		turns += askers[i].turns;
		failures += askers[i].failures;
		misdirected += askers[i].misdirected;
		first_ns += askers[i].first_ns;
	}
	all = calloc(turns + 1, sizeof(*all));
	if (!all)
		die("out of memory", "");
	turns = 0;
	for (int i = 0; i < n_threads; i++) {
		memcpy(all + turns, askers[i].took_ns, askers[i].turns * sizeof(*all));
		turns += askers[i].turns;
	}
	for (uint64_t i = 0; i < turns; i++)
		total_ns += all[i];
	qsort(all, turns, sizeof(*all), compare_times);
	printf("{\"requests\":%llu,\"failures\":%llu,\"misdirected\":%llu,", (unsigned long long)turns,
	       (unsigned long long)failures, (unsigned long long)misdirected);
	printf("\"first_byte_us\":%.1f,\"mean_us\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,",
	       turns ? (double)first_ns / (double)turns / 1e3 : 0,
	       turns ? (double)total_ns / (double)turns / 1e3 : 0, (double)all[turns / 2] / 1e3,
	       (double)all[turns * 99 / 100] / 1e3, (double)all[turns * 999 / 1000] / 1e3);
	printf("\"per_second\":%.0f,", (double)turns / seconds);
	print_names(askers, n_threads);
	printf("}\n");
	free(all);
}

static int ask(int argc, char **argv)
{
	static struct asker askers[MAX_THREADS];
	struct asking asking = { .count = UINT64_MAX, .until_ns = UINT64_MAX, .size = 64, .pipeline = 1 };
	int letter, n_threads = 1;
	struct place to;
	uint64_t begin;

	while ((letter = getopt(argc, argv, "+kt:n:s:b:p:")) >= 0) {
		if (letter == 'k')
			asking.keep = true;
		else if (letter == 't')
			n_threads = atoi(optarg);
		else if (letter == 'n')
			asking.count = strtoull(optarg, NULL, 10);
		else if (letter == 's')
			asking.until_ns = now_ns() + strtoull(optarg, NULL, 10) * 1000000000;
		else if (letter == 'b')
			asking.size = strtoull(optarg, NULL, 10);
		else if (letter == 'p')
			asking.pipeline = (unsigned)atoi(optarg);
		else
			die(usage, "");
	}
	if (argc - optind != 1 || n_threads < 1 || n_threads > MAX_THREADS || asking.pipeline < 1 ||
	    asking.pipeline > MAX_PIPELINE || asking.size < 1 || asking.size > MAX_ANSWER)
		die(usage, "");
	parse_place(argv[optind], false, &to);
	asking.to = &to;
	begin = now_ns();
	for (int i = 0; i < n_threads; i++) {
		askers[i].asking = &asking;
		askers[i].took_ns = malloc(MAX_SAMPLES * sizeof(uint64_t));
		if (!askers[i].took_ns)
			die("out of memory", "");
		start_thread(ask_thread, &askers[i], &askers[i].thread);
	}
	for (int i = 0; i < n_threads; i++)
		pthread_join(askers[i].thread, NULL);
	ask_report(askers, n_threads, (double)(now_ns() - begin) / 1e9);
	return 0;
}

/* ---- hold ---- */

static int hold(int argc, char **argv)
{
	int count = argc == 3 ? atoi(argv[1]) : 0, open = 0;
	char buffer[64];
	struct place to;
	sigset_t ends;
	int number;

	if (count < 1)
		die(usage, "");
	parse_place(argv[2], false, &to);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	for (int i = 0; i < count; i++) {
		int fd = dial(&to);

		open += fd >= 0 && exchange_once(fd, buffer);
	}
	printf("holding %d\n", open);
	fflush(stdout);
	sigwait(&ends, &number);
	return 0;
}

/* ---- fates ---- */

static void be_killed(const struct place *to)
{
	pid_t child = fork();

	if (!child) {
		dial(to);
		kill(getpid(), SIGKILL);
		_exit(1);
	}
	waitpid(child, NULL, 0);
}

static void be_shared(int fd)
{
	pid_t child = fork();

	if (!child) {
		close(fd);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	close(fd);
}

static void give_up(const struct place *to)
{
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket", strerror(errno));
	(void)!connect(fd, &to->any, to->length);
	close(fd);
}

static void meet_fate(int which, const struct place *to)
{
	struct linger linger = { .l_onoff = 1 };
	char buffer[64];
	int fd;

	if (which == 0) {
		be_killed(to);
		return;
	}
	if (which == 1) {
		give_up(to);
		return;
	}
	fd = dial(to);
	if (fd < 0)
		return;
	switch (which) {
	case 2:
		be_shared(fd);
		return;
	case 3: /* a RST from here, with an answer on its way */
		exchange_once(fd, buffer);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		break;
	case 4: /* half closed first */
		exchange_once(fd, buffer);
		shutdown(fd, SHUT_WR);
		(void)!recv(fd, buffer, sizeof(buffer), 0);
		break;
	case 5: /* connect() is tried again on the same socket, which is an error of its own */
		(void)!connect(fd, &to->any, to->length);
		break;
	default:
		exchange_once(fd, buffer);
		break;
	}
	close(fd);
}

static int fates(int argc, char **argv)
{
	int count = argc == 3 ? atoi(argv[1]) : 0;
	struct place to;

	if (count < 1)
		die(usage, "");
	parse_place(argv[2], false, &to);
	for (int i = 0; i < count; i++)
		meet_fate(i % 7, &to);
	printf("met %d\n", count);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = { { "serve", serve }, { "ask", ask }, { "hold", hold }, { "fates", fates } };

	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++) {
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	}
	fputs(usage, stderr);
	return 2;
}
