/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A long cable: two TUN interfaces, in two network namespaces, whose packets take their time in between. For kernels
 * without netem.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_PACKET = 2048,
	ON_THE_WAY = 4096, /* packets; what is more is lost */
	NS_PER_MS = 1000000,
};

static const char usage[] =
	"usage: far MS NAMESPACE INTERFACE NAMESPACE INTERFACE\n"
	"Makes the two interfaces (NAMESPACE is a path) and passes packets from each to the\n"
	"other, MS milliseconds later. Says 'forwarding' once it does.\n";

struct travelling {
	uint64_t due_ns;
	size_t size;
	unsigned char bytes[MAX_PACKET];
};

/* One direction: first in, first out. */
struct lane {
	int from, to;
	size_t first, count;
	struct travelling packets[ON_THE_WAY];
};

static void die(const char *what)
{
	fprintf(stderr, "far: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int open_tun(const char *namespace, const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int ns = open(namespace, O_RDONLY | O_CLOEXEC), fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET))
		die(namespace);
	close(ns);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		die("/dev/net/tun");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request))
		die(name);
	return fd;
}

static void take_in(struct lane *lane, uint64_t delay_ns)
{
	struct travelling *packet = &lane->packets[(lane->first + lane->count) % ON_THE_WAY];
	unsigned char lost[MAX_PACKET];
	ssize_t size;

	while (lane->count < ON_THE_WAY && (size = read(lane->from, packet->bytes, MAX_PACKET)) > 0) {
		packet->size = (size_t)size;
		packet->due_ns = now_ns() + delay_ns;
		lane->count++;
		packet = &lane->packets[(lane->first + lane->count) % ON_THE_WAY];
	}
	while (lane->count == ON_THE_WAY && read(lane->from, lost, sizeof(lost)) > 0)
		;
}

/* Returns how long until the next one is due, at most a second. */
static uint64_t let_out(struct lane *lane)
{
	uint64_t now = now_ns();

	while (lane->count && lane->packets[lane->first].due_ns <= now) {
		const struct travelling *packet = &lane->packets[lane->first];

		/* Where the interface is down the packet is lost, as on any cable. */
		if (write(lane->to, packet->bytes, packet->size) < 0 && errno == EBADF)
			die("write");
		lane->first = (lane->first + 1) % ON_THE_WAY;
		lane->count--;
	}
	return lane->count ? lane->packets[lane->first].due_ns - now : 1000000000;
}

int main(int argc, char **argv)
{
	static struct lane lanes[2];
	struct pollfd fds[2];
	uint64_t delay_ns, left, other;
	struct timespec wait;

	if (argc != 6) {
		fputs(usage, stderr);
		return 2;
	}
	delay_ns = strtoull(argv[1], NULL, 10) * NS_PER_MS;
	lanes[0].from = lanes[1].to = open_tun(argv[2], argv[3]);
	lanes[0].to = lanes[1].from = open_tun(argv[4], argv[5]);
	puts("forwarding");
	fflush(stdout);
	for (;;) {
		left = let_out(&lanes[0]);
		other = let_out(&lanes[1]);
		left = other < left ? other : left;
		wait = (struct timespec){ .tv_sec = (time_t)(left / 1000000000),
					  .tv_nsec = (long)(left % 1000000000) };
		for (int i = 0; i < 2; i++)
			fds[i] = (struct pollfd){ .fd = lanes[i].from, .events = POLLIN };
		if (ppoll(fds, 2, &wait, NULL) < 0)
			die("poll");
		take_in(&lanes[0], delay_ns);
		take_in(&lanes[1], delay_ns);
	}
}
