/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Looking around in cgroup2. */
#include "kern/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>

#include "base/attr.h"
#include "kern/pins.h"
#include "weft/names.h"

int cgroup_mount(char ret[PATH_MAX])
{
	_cleanup_(fclosep) FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_(freep) char *line = NULL;
	char point[PATH_MAX];
	size_t room = 0;

	if (!file)
		return -errno;
	/* "36 35 98:0 /root /mnt options [optional ...] - type source options", proc(5) */
	while (getline(&line, &room, file) > 0) {
		const char *type = strstr(line, " - ");

		if (!type || strncmp(type, " - cgroup2 ", 11))
			continue;
		if (sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1)
			continue;
		memcpy(ret, point, sizeof(point));
		return 0;
	}
	return -ENOENT;
}

static bool is_cgroup2(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* Looks in `dir`, and with `depth` below it, for kubepods*; collects the other names for the error message. */
static int find_pods(const char *dir, int depth, char ret[PATH_MAX], char *others, size_t others_size)
{
	_cleanup_(closedirp) DIR *listing = opendir(dir);
	struct dirent *item;
	char below[PATH_MAX];

	if (!listing)
		return -errno;
	while ((item = readdir(listing))) {
		size_t used = strlen(others);

		if (item->d_type != DT_DIR || item->d_name[0] == '.')
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", dir, item->d_name) >= (int)sizeof(below))
			continue;
		if (!strncmp(item->d_name, "kubepods", 8)) {
			memcpy(ret, below, sizeof(below));
			return 0;
		}
		if (depth && !find_pods(below, depth - 1, ret, others + used, 0))
			return 0;
		if (used + strlen(below) + 3 < others_size)
			snprintf(others + used, others_size - used, "%s%s", used ? ", " : "", below);
	}
	return -ENOENT;
}

int cgroup_open(const char *dir, char ret_path[PATH_MAX], struct why *why)
{
	char mount[PATH_MAX], path[PATH_MAX], others[300] = "";
	_cleanup_(closep) int fd = -1;

	if (dir) {
		if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
			return why_set(why, -ENAMETOOLONG, "cgroup: the path is too long");
	} else if (cgroup_mount(mount)) {
		return why_set(why, -ENOENT, "no cgroup2 is mounted here; weft attaches its programs to one");
	} else if (find_pods(mount, 1, path, others, sizeof(others))) {
		return why_set(why, -ENOENT,
			       "no cgroup of pods (kubepods*) under %s; name the one to attach to with "
			       "--cgroup DIR%s%s",
			       mount, *others ? "; there are: " : "", others);
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return why_set(why, -errno, "cgroup %s: %s", path, strerror(errno));
	if (!is_cgroup2(fd))
		return why_set(why, -EINVAL, "%s is not a directory of cgroup2", path);
	if (!realpath(path, ret_path))
		return why_set(why, -errno, "cgroup %s: %s", path, strerror(errno));
	return take_fd(&fd);
}

int cgroup_id(const char *dir, uint64_t *ret)
{
	struct stat st;

	/* The number of a directory of kernfs is the cgroup's id, on 64-bit machines. */
	if (stat(dir, &st))
		return -errno;
	*ret = st.st_ino;
	return 0;
}

/* The directory of a process's cgroup: of the lines of /proc/PID/cgroup, "0::/path" is cgroup2's. */
static int cgroup_of_process(long process, const char *mount, char ret[PATH_MAX])
{
	_cleanup_(fclosep) FILE *file = NULL;
	_cleanup_(freep) char *line = NULL;
	size_t room = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/cgroup", process);
	file = fopen(path, "re");
	while (file && getline(&line, &room, file) > 0) {
		if (strncmp(line, "0::", 3))
			continue;
		line[strcspn(line, "\n")] = '\0';
		return snprintf(ret, PATH_MAX, "%s%s", mount, line + 3) < PATH_MAX ? 0 : -ENAMETOOLONG;
	}
	return -ENOENT;
}

bool cgroup_has(uint64_t id, long process)
{
	char mount[PATH_MAX], path[PATH_MAX];
	uint64_t own = 0;

	if (cgroup_mount(mount) || cgroup_of_process(process, mount, path))
		return false;
	/* Upwards, no further than to the top: numbers of other file systems mean other things. */
	for (; strlen(path) >= strlen(mount) && !cgroup_id(path, &own); *strrchr(path, '/') = '\0') {
		if (own == id)
			return true;
	}
	return false;
}

int cgroup_of_link(const char *dir, const char *name, uint64_t *ret)
{
	_cleanup_(closep) int fd = pins_get(dir, WEFT_LINK_DIR, name);
	struct bpf_link_info info = { 0 };
	uint32_t length = sizeof(info);

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return -errno;
	*ret = info.cgroup.cgroup_id;
	return 0;
}

static void name_program(uint32_t id, char *name, size_t size)
{
	_cleanup_(closep) int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = { 0 };
	uint32_t length = sizeof(info);

	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &length) && info.name[0])
		snprintf(name, size, "program %u \"%s\"", id, info.name);
	else
		snprintf(name, size, "program %u", id);
}

/* Is a program attached to `dir` itself without leave for others? */
static bool is_exclusive(const char *dir, int attach_type, uint32_t *ret_program)
{
	_cleanup_(closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint32_t ids[64], flags = 0, count = ARRAY_LEN(ids);

	if (fd < 0 || !is_cgroup2(fd) || bpf_prog_query(fd, attach_type, 0, &flags, ids, &count) || !count)
		return false;
	*ret_program = ids[0];
	return !(flags & BPF_F_ALLOW_MULTI);
}

void cgroup_explain_refusal(const char *dir, int attach_type, struct why *why)
{
	char path[PATH_MAX], name[64];
	uint32_t program;

	if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
		return;
	while (*path) {
		if (is_exclusive(path, attach_type, &program)) {
			name_program(program, name, sizeof(name));
			why_set(why, -EPERM,
				"%s is attached exclusively to %s (%s) and lets no other in below; "
				"attach it with the multi flag, or detach it",
				name, path, libbpf_bpf_attach_type_str(attach_type));
			return;
		}
		*strrchr(path, '/') = '\0';
	}
}
