/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the cases do and see, in words that are the same each time. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "battery.h"

void saw(const char *what, long result)
{
	if (result < 0)
		told(what, "%s", strerrorname_np(errno));
	else
		told(what, "%ld", result);
}

void saw_content(const char *what, long result, const char *bytes)
{
	if (result > 0)
		told(what, "%.*s", (int)result, bytes);
	else if (!result)
		told(what, "EOF");
	else
		saw(what, result);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void settle(void)
{
	usleep(QUIET_MS * 1000);
}

static short mask_now(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP };

	poll(&poll_fd, 1, 0);
	return poll_fd.revents;
}

void saw_mask(const char *what, int fd, short wanted)
{
	static const struct {
		short bit;
		const char *name;
	} names[] = { { POLLIN, "IN" },	      { POLLPRI, "PRI" }, { POLLOUT, "OUT" },
		      { POLLRDHUP, "RDHUP" }, { POLLERR, "ERR" }, { POLLHUP, "HUP" } };
	long end = now_ms() + PATIENCE_MS / 4;
	char text[64] = "";
	short mask;

	while (((mask = mask_now(fd)) & wanted) != wanted && now_ms() < end)
		usleep(500);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (mask & names[i].bit) {
			if (*text)
				strcat(text, "|");
			strcat(text, names[i].name);
		}
	}
	told(what, "%s", *text ? text : "none");
}

bool await(int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	return poll(&poll_fd, 1, PATIENCE_MS) == 1;
}

void saw_bytes(const char *what, int fd, size_t size)
{
	char bytes[256];

	await(fd, POLLIN | POLLRDHUP);
	saw_content(what, recv(fd, bytes, size < sizeof(bytes) ? size : sizeof(bytes), MSG_DONTWAIT), bytes);
}

void saw_rest(const char *what, int fd)
{
	char bytes[256];
	size_t used = 0;
	long size = -1;

	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

		poll(&poll_fd, 1, used || size >= 0 ? QUIET_MS : 2 * QUIET_MS);
		size = recv(fd, bytes + used, sizeof(bytes) - used, MSG_DONTWAIT);
		if (size <= 0)
			break;
		used += (size_t)size;
	}
	told(what, "%.*s+%s", (int)used, bytes, size ? strerrorname_np(errno) : "EOF");
}

void saw_state(const char *what, int fd)
{
	static const char *const names[] = { "0",	   "ESTABLISHED", "SYN_SENT",  "SYN_RECV",
					     "FIN_WAIT1",  "FIN_WAIT2",	  "TIME_WAIT", "CLOSE",
					     "CLOSE_WAIT", "LAST_ACK",	  "LISTEN",    "CLOSING" };
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) ||
	    info.tcpi_state >= sizeof(names) / sizeof(*names))
		saw(what, -1);
	else
		told(what, "%s", names[info.tcpi_state]);
}

long put(int fd, const char *text)
{
	return send(fd, text, strlen(text), MSG_NOSIGNAL);
}

void set_blocking(int fd, bool blocking)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

long set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

int get_option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	return getsockopt(fd, level, name, &value, &length) ? -errno : value;
}

void reset_close(int fd)
{
	struct linger hard = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

int accept_late(struct pair *pair)
{
	await(pair->listener, POLLIN);
	pair->server = accept4(pair->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	*(pair->reverse ? &pair->tx : &pair->rx) = pair->server;
	return pair->server;
}

pid_t hostage(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

void kill_hostage(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- sleepers ---- */

static void *sleep_in_recv(void *arg)
{
	struct sleeper *sleeper = arg;

	sleeper->tid = (int)syscall(SYS_gettid);
	sleeper->result = recv(sleeper->fd, sleeper->bytes, sleeper->size, sleeper->flags);
	sleeper->error = errno;
	sleeper->done = true;
	return NULL;
}

static bool sleeps(int tid)
{
	char path[64], text[512] = "", *state;
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	state = size > 0 ? strrchr(text, ')') : NULL;
	return state && state[1] && state[2] == 'S';
}

void block_recv(struct sleeper *sleeper, int fd, size_t size, int flags)
{
	long end = now_ms() + PATIENCE_MS;

	*sleeper = (struct sleeper){ .fd = fd, .size = size, .flags = flags };
	pthread_create(&sleeper->thread, NULL, sleep_in_recv, sleeper);
	while (!sleeper->done && !(sleeper->tid && sleeps(sleeper->tid)) && now_ms() < end)
		usleep(500);
}

void saw_wake(const char *what, struct sleeper *sleeper)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	if (pthread_timedjoin_np(sleeper->thread, NULL, &until)) {
		told(what, "sleeps");
		return;
	}
	errno = sleeper->error;
	saw_content(what, sleeper->result, sleeper->bytes);
}

/* ---- flows ---- */

void flow_fill(unsigned char *bytes, size_t at, size_t size)
{
	for (size_t i = 0; i < size; i++, at++)
		bytes[i] = (unsigned char)((at * 0x9e3779b97f4a7c15u) >> 56);
}

size_t flow_compare(const unsigned char *bytes, size_t at, size_t size)
{
	unsigned char right;
	size_t wrong = 0;

	for (size_t i = 0; i < size; i++) {
		flow_fill(&right, at + i, 1);
		wrong += right != bytes[i];
	}
	return wrong;
}

bool flow_send(struct flow *flow, size_t piece)
{
	unsigned char bytes[65536];
	ssize_t sent;

	flow_fill(bytes, flow->sent, piece);
	sent = send(flow->from, bytes, piece, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent > 0)
		flow->sent += (size_t)sent;
	return sent > 0;
}

/* Acknowledgements that are still on their way make room. */
size_t flow_stuff(struct flow *flow, size_t piece)
{
	int waits = 0;

	while (flow->sent < flow->total) {
		if (flow_send(flow, piece))
			continue;
		if (waits++ == 4)
			break;
		usleep(3 * QUIET_MS * 1000);
		if (!flow_send(flow, piece))
			break;
	}
	return flow->sent;
}

bool flow_receive(struct flow *flow, size_t piece)
{
	unsigned char bytes[65536];
	ssize_t size = recv(flow->to, bytes, piece, MSG_DONTWAIT);

	if (!size)
		flow->ended = true;
	if (size <= 0)
		return false;
	flow->wrong += flow_compare(bytes, flow->read, (size_t)size);
	flow->read += (size_t)size;
	return true;
}

/* A window that was closed opens again by a probe at the latest, which comes late if others were lost. */
void flow_drain(struct flow *flow, size_t piece)
{
	struct pollfd poll_fd = { .fd = flow->to, .events = POLLIN };
	bool came = true;

	while (came && !flow->ended) {
		bool all = flow->sent && flow->read >= flow->sent;

		came = poll(&poll_fd, 1, all ? QUIET_MS : 3 * PATIENCE_MS) == 1 && flow_receive(flow, piece);
	}
}

/* Sends all of each flow and ends it, and reads until its end. */
void flow_pump(struct flow *flows, size_t count, size_t piece)
{
	long end = now_ms() + 4 * PATIENCE_MS;
	bool done = false;

	while (!done && now_ms() < end) {
		done = true;
		for (size_t i = 0; i < count; i++) {
			struct flow *flow = &flows[i];
			size_t left = flow->total - flow->sent;

			for (int n = 0; left && n < 4 && flow_send(flow, left < piece ? left : piece); n++) {
				left = flow->total - flow->sent;
				if (!left)
					shutdown(flow->from, SHUT_WR);
			}
			flow_receive(flow, piece);
			done = done && flow->ended;
		}
	}
}
