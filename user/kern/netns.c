/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The number of a namespace is that of its inode. */
#include "kern/netns.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

#include "base/attr.h"

int netns_own(uint64_t *ret, struct why *why)
{
	struct stat st;

	if (stat("/proc/thread-self/ns/net", &st))
		return why_set(why, -errno, "/proc/thread-self/ns/net: %s", strerror(errno));
	*ret = st.st_ino;
	return 0;
}

/* It may have ended meanwhile. */
static int call_for(const char *path, netns_fn *call, void *arg, long process)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	return fd < 0 || fstat(fd, &st) ? 0 : call(arg, fd, st.st_ino, process);
}

static int each_process(netns_fn *call, void *arg)
{
	_cleanup_(closedirp) DIR *listing = opendir("/proc");
	struct dirent *item;
	char path[PATH_MAX];
	int stop = 0;

	while (!stop && listing && (item = readdir(listing))) {
		if (!isdigit((unsigned char)item->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", item->d_name);
		stop = call_for(path, call, arg, strtol(item->d_name, NULL, 10));
	}
	return stop;
}

/* "510 28 0:4 net:[4026532177] /run/netns/name rw shared:260 - nsfs nsfs rw", proc(5) */
static int each_mount(netns_fn *call, void *arg)
{
	_cleanup_(fclosep) FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_(freep) char *line = NULL;
	char point[PATH_MAX];
	size_t room = 0;
	int stop = 0;

	while (!stop && file && getline(&line, &room, file) > 0) {
		if (sscanf(line, "%*s %*s %*s net:[%*[0-9]] %4095s", point) == 1)
			stop = call_for(point, call, arg, 0);
	}
	return stop;
}

int netns_each(netns_fn *call, void *arg)
{
	int stop = each_process(call, arg);

	return stop ? stop : each_mount(call, arg);
}

struct wanted {
	uint64_t number;
	int fd;
};

static int keep_wanted(void *arg, int netns, uint64_t number, long process _unused_)
{
	struct wanted *wanted = arg;

	if (number != wanted->number)
		return 0;
	wanted->fd = fcntl(netns, F_DUPFD_CLOEXEC, 0);
	return wanted->fd >= 0;
}

int netns_open(uint64_t number)
{
	struct wanted wanted = { .number = number, .fd = -ENOENT };

	return netns_each(keep_wanted, &wanted) ? wanted.fd : -ENOENT;
}

int netns_visit(int netns, netns_inside_fn *call, void *arg, struct why *why)
{
	_cleanup_(closep) int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int result;

	if (home < 0)
		return why_set(why, -errno, "/proc/thread-self/ns/net: %s", strerror(errno));
	if (setns(netns, CLONE_NEWNET))
		return why_set(why, -errno, "cannot enter a network namespace: %s", strerror(errno));
	result = call(arg);
	if (setns(home, CLONE_NEWNET))
		return why_set(why, -errno, "cannot come back from a network namespace: %s", strerror(errno));
	return result;
}
