/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The number of a namespace is that of its inode. */
#include "kern/netns.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

/* Opens it if it is the one. */
static int try_open(const char *path, uint64_t number)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || st.st_ino != number)
		return -ENOENT;
	return take_fd(&fd);
}

static int find_process(uint64_t number)
{
	_cleanup_(closedirp) DIR *listing = opendir("/proc");
	struct dirent *item;
	char path[PATH_MAX];
	int fd = -ENOENT;

	while (fd < 0 && listing && (item = readdir(listing))) {
		if (!isdigit((unsigned char)item->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", item->d_name);
		fd = try_open(path, number);
	}
	return fd;
}

/* "510 28 0:4 net:[4026532177] /run/netns/name rw shared:260 - nsfs nsfs rw", proc(5) */
static int find_mount(uint64_t number)
{
	_cleanup_(fclosep) FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_(freep) char *line = NULL;
	char point[PATH_MAX];
	int fd = -ENOENT;
	size_t room = 0;

	while (fd < 0 && file && getline(&line, &room, file) > 0) {
		if (sscanf(line, "%*s %*s %*s net:[%*[0-9]] %4095s", point) == 1)
			fd = try_open(point, number);
	}
	return fd;
}

int netns_open(uint64_t number)
{
	int fd = find_process(number);

	return fd >= 0 ? fd : find_mount(number);
}
