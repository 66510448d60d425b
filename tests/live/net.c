/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The clients of the live tests: one tool, so that a pod needs nothing else. Every wait has an end.
 */
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <uthash.h>

#include "place.h"

enum {
	WAIT_MS = 2000, /* for one answer */
	MAX_BATCH = 64,
	MAX_ALLOWED = 64,
	MAX_SECONDS = 300,
	N_BUCKETS = 1000000, /* of BUCKET_NS: up to 100 ms */
	BUCKET_NS = 100,
	MAX_COMPLAINTS = 10,
};

static const char usage[] =
	"usage: net do KIND STEP...\n"
	"         acts on one socket and prints a line for each step:\n"
	"           bind=A/P connect=A/P unspec peer ask send=A/P recv mmsg=A/P/COUNT nonblock wait\n"
	"           fastopen=A/P (connects with a byte of data in the SYN, where the server takes it)\n"
	"           mark=NUMBER (SO_MARK)\n"
	"           socket (a new one)  within=MS (was the last step quick?)  pause (until a line on stdin)\n"
	"       net load [-u] [-q] [-c COUNT] [-d SECONDS] [-r RATE] [-a PREFIX,...] KIND ADDRESS/PORT\n"
	"         asks over a new socket each time, until COUNT, SECONDS or SIGTERM, and prints a line of "
	"JSON;\n"
	"         an answer that begins with none of the prefixes is misdirected; -u: UDP without "
	"connect();\n"
	"         -q: connects and asks nothing\n"
	"       net turn FROM TO KIND ADDRESS/PORT NAME\n"
	"         renames file FROM to TO and prints the microseconds until NAME answers\n"
	"       KIND is tcp4, tcp6, tcpm (IPv4 by an IPv6 socket), udp4, udp6 or udpm\n";

struct kind {
	const char *name;
	int family;
	int type;
	bool mapped;
};

static const struct kind kinds[] = {
	{ "tcp4", AF_INET, SOCK_STREAM, false },  { "udp4", AF_INET, SOCK_DGRAM, false },
	{ "tcp6", AF_INET6, SOCK_STREAM, false }, { "udp6", AF_INET6, SOCK_DGRAM, false },
	{ "tcpm", AF_INET6, SOCK_STREAM, true },  { "udpm", AF_INET6, SOCK_DGRAM, true },
};

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!strcmp(name, kinds[i].name))
			return &kinds[i];
	}
	die("there is no such kind of socket", name);
	return NULL;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- what clients share ---- */

static int open_socket(const struct kind *kind)
{
	struct timeval patience = { .tv_sec = WAIT_MS / 1000 };
	struct linger linger = { .l_onoff = 1 };
	int fd = socket(kind->family, kind->type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	/* A close is a RST: no port waits in TIME_WAIT, 100,000 connects find one each. */
	if (kind->type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return fd;
}

/* One answer as a string; `from` may be NULL. */
static int receive(int fd, char name[NAME_LENGTH], struct place *from)
{
	ssize_t length;

	if (from)
		from->length = sizeof(from->v6);
	length =
		recvfrom(fd, name, NAME_LENGTH - 1, 0, from ? &from->any : NULL, from ? &from->length : NULL);
	if (length < 0)
		return -errno;
	name[length] = '\0';
	return length ? 0 : -EPIPE;
}

static int ask(int fd, char name[NAME_LENGTH])
{
	if (send(fd, "?", 1, MSG_NOSIGNAL) < 0)
		return -errno;
	return receive(fd, name, NULL);
}

static const char *result(int error)
{
	return error ? strerrorname_np(-error) : "ok";
}

/* ---- do: steps on one socket ---- */

struct actor {
	const struct kind *kind;
	int fd;
	uint64_t took_ns; /* by the last step */
};

static int check(int status)
{
	return status < 0 ? -errno : 0;
}

static void step_peer(struct actor *a)
{
	struct place peer = { .length = sizeof(peer.v6) };
	int error = check(getpeername(a->fd, &peer.any, &peer.length));

	printf("peer %s\n", error ? result(error) : print_place(&peer));
}

static void step_ask(struct actor *a)
{
	struct pollfd readable = { .fd = a->fd, .events = POLLIN };
	char name[NAME_LENGTH];
	int error = check((int)send(a->fd, "?", 1, MSG_NOSIGNAL));

	if (!error && poll(&readable, 1, WAIT_MS) != 1)
		error = -ETIMEDOUT;
	if (!error)
		error = receive(a->fd, name, NULL);
	printf("ask %s\n", error ? result(error) : name);
}

static void step_recv(struct actor *a)
{
	char name[NAME_LENGTH];
	struct place from;
	int error = receive(a->fd, name, &from);

	if (error)
		printf("recv %s\n", result(error));
	else
		printf("recv %s from %s\n", name, print_place(&from));
}

static void step_wait(struct actor *a)
{
	struct pollfd writable = { .fd = a->fd, .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error = 0;

	if (poll(&writable, 1, WAIT_MS) != 1)
		error = ETIMEDOUT;
	else
		getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	printf("wait %s\n", result(-error));
}

/* Receives until `count` answers are there; prints who answered, "mixed" if not all the same. */
static void receive_batch(int fd, int count)
{
	static char names[MAX_BATCH][NAME_LENGTH];
	struct mmsghdr messages[MAX_BATCH];
	struct iovec vectors[MAX_BATCH];
	struct place from[MAX_BATCH];
	char first[2 * NAME_LENGTH + INET6_ADDRSTRLEN], text[sizeof(first)];
	int seen = 0, got;
	bool mixed = false;

	while (seen < count) {
		for (int i = 0; i < count; i++) {
			vectors[i] = (struct iovec){ names[i], NAME_LENGTH - 1 };
			messages[i] = (struct mmsghdr){
				.msg_hdr = { .msg_name = &from[i].any,
					     .msg_namelen = sizeof(from[i].v6),
					     .msg_iov = &vectors[i],
					     .msg_iovlen = 1 },
			};
		}
		got = recvmmsg(fd, messages, (unsigned int)(count - seen), MSG_WAITFORONE, NULL);
		if (got <= 0) {
			printf("mmsg %d %s\n", seen, result(-errno));
			return;
		}
		for (int i = 0; i < got; i++) {
			names[i][messages[i].msg_len] = '\0';
			snprintf(text, sizeof(text), "%s from %s", names[i], print_place(&from[i]));
			if (seen + i == 0)
				memcpy(first, text, sizeof(first));
			mixed = mixed || strcmp(first, text);
		}
		seen += got;
	}
	printf("mmsg %d %s\n", seen, mixed ? "mixed" : first);
}

static void step_mmsg(struct actor *a, const char *value)
{
	struct place to;
	const char *rest = parse_place(value, a->kind->mapped, &to);
	int count = rest ? atoi(rest) : 1, sent;
	struct iovec vector = { .iov_base = (char *)"?", .iov_len = 1 };
	struct mmsghdr messages[MAX_BATCH];

	if (count < 1 || count > MAX_BATCH)
		die("a batch has 1 to 64 messages", value);
	for (int i = 0; i < count; i++) {
		messages[i] = (struct mmsghdr){
			.msg_hdr = { .msg_name = &to.any,
				     .msg_namelen = to.length,
				     .msg_iov = &vector,
				     .msg_iovlen = 1 },
		};
	}
	sent = sendmmsg(a->fd, messages, (unsigned int)count, 0);
	if (sent < 0)
		printf("mmsg %s\n", result(-errno));
	else
		receive_batch(a->fd, sent);
}

static void step_address(struct actor *a, const char *what, const char *value)
{
	struct place place;
	int error;

	parse_place(value, a->kind->mapped, &place);
	if (!strcmp(what, "connect"))
		error = check(connect(a->fd, &place.any, place.length));
	else if (!strcmp(what, "bind"))
		error = check(bind(a->fd, &place.any, place.length));
	else
		error = check((int)sendto(a->fd, "?", 1,
					  MSG_NOSIGNAL | (strcmp(what, "fastopen") ? 0 : MSG_FASTOPEN),
					  &place.any, place.length));
	printf("%s %s\n", what, result(error));
}

static void step_unspec(struct actor *a)
{
	struct sockaddr nothing = { .sa_family = AF_UNSPEC };

	printf("unspec %s\n", result(check(connect(a->fd, &nothing, sizeof(nothing)))));
}

static void step_pause(void)
{
	char line[16];

	puts("pause");
	if (!fgets(line, sizeof(line), stdin))
		die("nobody ends the pause", "");
}

static void step_within(const struct actor *a, const char *value)
{
	uint64_t limit_ns = strtoull(value, NULL, 10) * 1000000;

	if (a->took_ns <= limit_ns)
		puts("within ok");
	else
		printf("within late %llu us\n", (unsigned long long)a->took_ns / 1000);
}

static void step_mark(const struct actor *a, const char *value)
{
	int mark = (int)strtol(value, NULL, 0);

	if (setsockopt(a->fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
		die("SO_MARK", strerror(errno));
}

static void step(struct actor *a, char *word)
{
	char *value = strchr(word, '=');
	uint64_t begin = now_ns();

	if (value)
		*value++ = '\0';
	if (value && !strcmp(word, "within"))
		step_within(a, value);
	else if (value && !strcmp(word, "mark"))
		step_mark(a, value);
	else if (value && !strcmp(word, "mmsg"))
		step_mmsg(a, value);
	else if (value && (!strcmp(word, "connect") || !strcmp(word, "bind") || !strcmp(word, "send") ||
			   !strcmp(word, "fastopen")))
		step_address(a, word, value);
	else if (!strcmp(word, "peer"))
		step_peer(a);
	else if (!strcmp(word, "ask"))
		step_ask(a);
	else if (!strcmp(word, "recv"))
		step_recv(a);
	else if (!strcmp(word, "wait"))
		step_wait(a);
	else if (!strcmp(word, "unspec"))
		step_unspec(a);
	else if (!strcmp(word, "pause"))
		step_pause();
	else if (!strcmp(word, "nonblock"))
		fcntl(a->fd, F_SETFL, O_NONBLOCK);
	else if (!strcmp(word, "socket")) {
		close(a->fd);
		a->fd = open_socket(a->kind);
	} else
		die("there is no such step", word);
	a->took_ns = now_ns() - begin;
}

static int act(int argc, char **argv)
{
	struct actor a = { .fd = -1 };

	if (argc < 2)
		die(usage, "");
	setvbuf(stdout, NULL, _IOLBF, 0);
	a.kind = find_kind(argv[0]);
	a.fd = open_socket(a.kind);
	for (int i = 1; i < argc; i++)
		step(&a, argv[i]);
	return 0;
}

/* ---- load: many sockets, one after the other ---- */

struct tally {
	char name[NAME_LENGTH];
	uint64_t count;
	UT_hash_handle hh;
};

struct load {
	const struct kind *kind;
	struct place to;
	bool unconnected, quiet;
	uint64_t count, rate, seconds;
	char *allowed[MAX_ALLOWED];
	int n_allowed;
	uint64_t requests, failures, misdirected, max_ns;
	struct tally *by_name, *errors;
	uint32_t *buckets;
};

static void tally_add(struct tally **all, const char *name)
{
	struct tally *one;

	HASH_FIND_STR(*all, name, one);
	if (!one) {
		one = calloc(1, sizeof(*one));
		if (!one)
			die("out of memory", "");
		snprintf(one->name, sizeof(one->name), "%s", name);
		HASH_ADD_STR(*all, name, one);
	}
	one->count++;
}

static void tally_print(const char *label, struct tally *all)
{
	struct tally *one, *next;
	const char *comma = "";

	printf("\"%s\":{", label);
	HASH_ITER (hh, all, one, next) {
		printf("%s\"%s\":%llu", comma, one->name, (unsigned long long)one->count);
		comma = ",";
	}
	printf("},");
}

static bool is_allowed(const struct load *load, const char *name)
{
	for (int i = 0; i < load->n_allowed; i++) {
		if (!strncmp(name, load->allowed[i], strlen(load->allowed[i])))
			return true;
	}
	return !load->n_allowed;
}

static int exchange(const struct load *load, char name[NAME_LENGTH])
{
	int fd = open_socket(load->kind);
	int error;

	if (load->unconnected) {
		error = check((int)sendto(fd, "?", 1, 0, &load->to.any, load->to.length));
		if (!error)
			error = receive(fd, name, NULL);
	} else {
		error = check(connect(fd, &load->to.any, load->to.length));
		*name = '\0';
		if (!error && !load->quiet)
			error = ask(fd, name);
	}
	close(fd);
	return error;
}

static void load_once(struct load *load)
{
	uint64_t begin = now_ns(), took;
	char name[NAME_LENGTH];
	int error = exchange(load, name);
	bool wrong = !error && !is_allowed(load, name);

	took = now_ns() - begin;
	load->requests++;
	if (error)
		tally_add(&load->errors, result(error));
	else
		tally_add(&load->by_name, name);
	load->failures += error != 0;
	load->misdirected += wrong;
	if ((error || wrong) && load->failures + load->misdirected <= MAX_COMPLAINTS)
		fprintf(stderr, "net: request %llu: %s\n", (unsigned long long)load->requests,
			error ? result(error) : name);
	load->buckets[took / BUCKET_NS < N_BUCKETS ? took / BUCKET_NS : N_BUCKETS - 1]++;
	if (took > load->max_ns)
		load->max_ns = took;
}

static double percentile_us(const struct load *load, double share)
{
	uint64_t want = (uint64_t)(share * (double)load->requests), seen = 0;

	for (uint32_t i = 0; i < N_BUCKETS; i++) {
		seen += load->buckets[i];
		if (load->buckets[i] && seen >= want)
			return i * (BUCKET_NS / 1000.0);
	}
	return 0;
}

static void load_report(struct load *load, uint64_t took_ns)
{
	double seconds = (double)took_ns / 1e9;

	printf("{\"requests\":%llu,\"failures\":%llu,\"misdirected\":%llu,",
	       (unsigned long long)load->requests, (unsigned long long)load->failures,
	       (unsigned long long)load->misdirected);
	tally_print("by_name", load->by_name);
	tally_print("errors", load->errors);
	printf("\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,\"seconds\":%.3f,\"per_second\":%.0f}\n",
	       percentile_us(load, 0.5), percentile_us(load, 0.99), (double)load->max_ns / 1e3, seconds,
	       (double)load->requests / seconds);
}

static void load_run(struct load *load)
{
	struct timespec no_time = { 0 };
	uint64_t begin = now_ns();
	sigset_t ends;

	/* Taken between requests, so that none is torn. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	while ((!load->count || load->requests < load->count) &&
	       now_ns() - begin < load->seconds * 1000000000 && sigtimedwait(&ends, NULL, &no_time) < 0) {
		load_once(load);
		if (load->rate) {
			uint64_t next = begin + load->requests * 1000000000 / load->rate;
			struct timespec until = { (time_t)(next / 1000000000), (long)(next % 1000000000) };

			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		}
	}
	load_report(load, now_ns() - begin);
}

static int load_main(int argc, char **argv)
{
	struct load load = { .seconds = MAX_SECONDS };
	int letter;

	while ((letter = getopt(argc, argv, "+uqc:d:r:a:")) >= 0) {
		if (letter == 'u')
			load.unconnected = true;
		else if (letter == 'q')
			load.quiet = true;
		else if (letter == 'c')
			load.count = strtoull(optarg, NULL, 10);
		else if (letter == 'd')
			load.seconds = strtoull(optarg, NULL, 10);
		else if (letter == 'r')
			load.rate = strtoull(optarg, NULL, 10);
		else if (letter == 'a') {
			for (char *p = strtok(optarg, ","); p && load.n_allowed < MAX_ALLOWED;
			     p = strtok(NULL, ","))
				load.allowed[load.n_allowed++] = p;
		} else
			die(usage, "");
	}
	if (argc - optind != 2)
		die(usage, "");
	if (load.seconds > MAX_SECONDS)
		load.seconds = MAX_SECONDS;
	load.kind = find_kind(argv[optind]);
	parse_place(argv[optind + 1], load.kind->mapped, &load.to);
	load.buckets = calloc(N_BUCKETS, sizeof(*load.buckets));
	if (!load.buckets)
		die("out of memory", "");
	load_run(&load);
	return 0;
}

/* ---- turn: how long a change takes until a connect sees it ---- */

static int turn(int argc, char **argv)
{
	struct load load = { 0 };
	char name[NAME_LENGTH] = "";
	uint64_t begin;

	if (argc != 5)
		die(usage, "");
	load.kind = find_kind(argv[2]);
	parse_place(argv[3], load.kind->mapped, &load.to);
	begin = now_ns();
	if (rename(argv[0], argv[1]))
		die("rename", strerror(errno));
	while (exchange(&load, name) || strcmp(name, argv[4])) {
		if (now_ns() - begin > WAIT_MS * 1000000ull)
			die("never answered", argv[4]);
	}
	printf("%llu\n", (unsigned long long)(now_ns() - begin) / 1000);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "do"))
		return act(argc - 2, argv + 2);
	if (argc > 1 && !strcmp(argv[1], "load"))
		return load_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "turn"))
		return turn(argc - 2, argv + 2);
	fputs(usage, stderr);
	return 2;
}
