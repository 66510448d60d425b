/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A name is used again: of several pods that had it, the one that runs is meant. */
#include "kern/pod.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/attr.h"
#include "kern/cgroup.h"

enum {
	UID_SIZE = 64,
	/* Cgroups of pods stand no deeper: kubelet, class of service, pod. */
	MAX_DEPTH = 6,
};

/* "kubepods-burstable-pod0a1b_2c3d.slice" as systemd has it, "pod0a1b-2c3d" without. */
static bool bears(const char *directory, const char *uid)
{
	const char *at = strstr(directory, "pod");

	for (; at; at = strstr(at + 1, "pod")) {
		const char *have = at + 3, *want = uid;

		while (*want && (*have == *want || (*want == '-' && *have == '_'))) {
			have++;
			want++;
		}
		if (!*want && (!*have || *have == '.'))
			return true;
	}
	return false;
}

/* Calls for each directory below; stops when a call returns true. */
typedef bool below_fn(void *arg, const char *path, const char *name, int depth);

static bool each_below(const char *dir, int depth, below_fn *call, void *arg)
{
	_cleanup_(closedirp) DIR *listing = opendir(dir);
	char path[PATH_MAX];
	struct dirent *item;

	while (listing && (item = readdir(listing))) {
		if (item->d_type != DT_DIR || item->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, item->d_name) < (int)sizeof(path) &&
		    call(arg, path, item->d_name, depth))
			return true;
	}
	return false;
}

static bool first_process(void *arg, const char *path, const char *name _unused_, int depth)
{
	_cleanup_(fclosep) FILE *file = NULL;
	char procs[PATH_MAX];
	long *process = arg;

	if (snprintf(procs, sizeof(procs), "%s/cgroup.procs", path) >= (int)sizeof(procs))
		return false;
	file = fopen(procs, "re");
	/* Zero is one that is not seen from here. */
	while (file && fscanf(file, "%ld", process) == 1) {
		if (*process > 0)
			return true;
	}
	return depth < MAX_DEPTH && each_below(path, depth + 1, first_process, arg);
}

struct hunt {
	const char *uid;
	long process;
};

static bool find_cgroup(void *arg, const char *path, const char *name, int depth)
{
	struct hunt *hunt = arg;

	if (bears(name, hunt->uid))
		return first_process(&hunt->process, path, name, 0);
	return depth < MAX_DEPTH && each_below(path, depth + 1, find_cgroup, arg);
}

/* "NAMESPACE_NAME_UID"; names have no "_". */
static bool uid_of(const char *directory, const char *namespace, const char *name, char ret[UID_SIZE])
{
	char prefix[PATH_MAX];
	int length = snprintf(prefix, sizeof(prefix), "%s_%s_", namespace, name);

	if (length >= (int)sizeof(prefix) || strncmp(directory, prefix, length) || !directory[length])
		return false;
	return snprintf(ret, UID_SIZE, "%s", directory + length) < UID_SIZE;
}

int pod_find(const char *logs, const char *namespace, const char *name, long *ret_process, struct why *why)
{
	_cleanup_(closedirp) DIR *listing = opendir(logs);
	char mount[PATH_MAX], uid[UID_SIZE];
	struct hunt hunt = { .uid = uid };
	struct dirent *item;
	bool found = false;

	if (!listing)
		return why_set(
			why, -errno,
			"%s, where the kubelet has the names of its pods: %s; give an address of the pod "
			"or the id of a process",
			logs, strerror(errno));
	if (cgroup_mount(mount))
		return why_set(why, -ENOENT, "no cgroup2 is mounted here");
	while ((item = readdir(listing))) {
		if (!uid_of(item->d_name, namespace, name, uid))
			continue;
		found = true;
		if (each_below(mount, 0, find_cgroup, &hunt)) {
			*ret_process = hunt.process;
			return 0;
		}
	}
	return why_set(why, -ENOENT,
		       found ? "no process of pod %s/%s runs on this node, as far as %s and cgroups tell"
			     : "no pod %s/%s is on this node: %s has none of that name",
		       namespace, name, logs);
}
