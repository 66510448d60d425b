/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A BPF file system and a directory in it. */
#include "kern/pins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <bpf/bpf.h>
#include <linux/magic.h>

#include "base/attr.h"
#include "weft/names.h"

#define BPFFS_HOME "/sys/fs/bpf"
#define MOUNT_SOURCE "weft"

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == BPF_FS_MAGIC;
}

static bool is_below(const char *path, const char *parent)
{
	size_t length = strlen(parent);

	return !strncmp(path, parent, length) && (path[length] == '/' || !path[length]);
}

/* mkdir -p */
static int make_directories(const char *dir)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

static int mount_bpffs(const char *point, const char *source, struct why *why)
{
	if (mount(source, point, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return why_set(why, -errno, "%s: cannot mount a BPF file system: %s", point, strerror(errno));
	return 0;
}

/* Not a thing of ours or of anybody: the kernel puts these into the top of each new BPF file system. */
static bool is_ignored(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, "maps.debug") ||
	       !strcmp(name, "progs.debug");
}

static bool is_empty(const char *dir)
{
	_cleanup_(closedirp) DIR *listing = opendir(dir);
	struct dirent *item;

	while (listing && (item = readdir(listing))) {
		if (!is_ignored(item->d_name))
			return false;
	}
	return listing;
}

int pins_make(const char *dir, bool *ret_mounted, struct why *why)
{
	static const char *const folders[] = { WEFT_LINK_DIR, WEFT_PROGRAM_DIR, WEFT_FILTER_DIR };
	char below[PATH_MAX];
	bool mounted = false;
	int error = 0;

	if (is_below(dir, BPFFS_HOME) && !is_bpffs(BPFFS_HOME)) {
		error = mount_bpffs(BPFFS_HOME, "bpf", why);
		mounted = true;
	}
	if (!error) {
		error = make_directories(dir);
		if (error)
			why_set(why, error, "%s: %s", dir, strerror(-error));
	}
	if (!error && !is_empty(dir) && !pins_are_own(dir))
		return why_set(why, -ENOTEMPTY,
			       "%s is neither weft's nor empty; it takes a directory of its own", dir);
	if (!error && !is_bpffs(dir)) {
		error = mount_bpffs(dir, MOUNT_SOURCE, why);
		mounted = true;
	}
	if (error)
		return error;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		snprintf(below, sizeof(below), "%s/%s", dir, folders[i]);
		if (mkdir(below, 0700) && errno != EEXIST)
			return why_set(why, -errno, "%s: %s", below, strerror(errno));
	}
	if (ret_mounted)
		*ret_mounted = mounted;
	return 0;
}

bool pins_are_own(const char *dir)
{
	char below[PATH_MAX];

	return snprintf(below, sizeof(below), "%s/%s", dir, WEFT_LINK_DIR) < (int)sizeof(below) &&
	       is_bpffs(below);
}

/* Pins do not nest deeper than links/ and the like: one level of recursion. */
static int remove_below(const char *dir)
{
	_cleanup_(closedirp) DIR *listing = opendir(dir);
	struct dirent *item;
	char path[PATH_MAX];
	int error = 0;

	if (!listing)
		return errno == ENOENT ? 0 : -errno;
	while ((item = readdir(listing))) {
		if (is_ignored(item->d_name))
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, item->d_name) >= (int)sizeof(path))
			return -ENAMETOOLONG;
		if (item->d_type == DT_DIR) {
			error = remove_below(path);
			if (!error && rmdir(path))
				error = -errno;
		} else if (unlink(path)) {
			error = -errno;
		}
		if (error)
			return error;
	}
	return 0;
}

/* Did mount_bpffs() mount it? A BPF file system that others put there is theirs. */
static bool is_own_mount(const char *dir)
{
	_cleanup_(fclosep) FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_(freep) char *line = NULL;
	char point[PATH_MAX], path[PATH_MAX];
	size_t room = 0;
	bool own = false;

	if (!file || !realpath(dir, path))
		return false;
	while (getline(&line, &room, file) > 0) {
		if (sscanf(line, "%*s %*s %*s %*s %4095s", point) == 1 && !strcmp(point, path))
			own = strstr(line, " - bpf " MOUNT_SOURCE " ");
	}
	return own;
}

int pins_remove(const char *dir, struct why *why)
{
	char links[PATH_MAX];
	int error;

	if (!is_bpffs(dir))
		return 0;
	/* First the links, so that no program runs on maps that are going. */
	snprintf(links, sizeof(links), "%s/%s", dir, WEFT_LINK_DIR);
	error = remove_below(links);
	if (!error)
		error = remove_below(dir);
	if (error)
		return why_set(why, error, "%s: %s", dir, strerror(-error));
	if (is_own_mount(dir) && umount2(dir, MNT_DETACH))
		return why_set(why, -errno, "%s: cannot unmount: %s", dir, strerror(errno));
	if (rmdir(dir) && errno != ENOENT)
		return why_set(why, -errno, "%s: %s", dir, strerror(errno));
	return 0;
}

int pins_lock(const char *dir)
{
	_cleanup_(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB))
		return -errno;
	return take_fd(&fd);
}

static int make_path(const char *dir, const char *below, const char *name, char ret[PATH_MAX])
{
	int length = snprintf(ret, PATH_MAX, "%s/%s%s%s", dir, below ? below : "", below ? "/" : "", name);

	return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int pins_get(const char *dir, const char *below, const char *name)
{
	char path[PATH_MAX];
	int error = make_path(dir, below, name, path);

	return error ? error : bpf_obj_get(path);
}

int pins_put(const char *dir, const char *below, const char *name, int fd)
{
	char path[PATH_MAX];
	int error = make_path(dir, below, name, path);

	return error ? error : bpf_obj_pin(fd, path);
}

int pins_drop(const char *dir, const char *below, const char *name)
{
	char path[PATH_MAX];
	int error = make_path(dir, below, name, path);

	if (!error && unlink(path) && errno != ENOENT)
		error = -errno;
	return error;
}

const char *pin_name(const char *what, uint32_t index, char name[PIN_NAME_SIZE])
{
	snprintf(name, PIN_NAME_SIZE, "%s-%u", what, index);
	return name;
}

int pins_each_index(const char *dir, const char *below, pins_index_fn *call, void *arg)
{
	_cleanup_(closedirp) DIR *listing = NULL;
	char path[PATH_MAX];
	struct dirent *item;
	int error = make_path(dir, below, "", path);

	if (error)
		return error;
	listing = opendir(path);
	while (!error && listing && (item = readdir(listing))) {
		const char *dash = strrchr(item->d_name, '-');

		if (dash)
			error = call(arg, strtoul(dash + 1, NULL, 10));
	}
	return error;
}
