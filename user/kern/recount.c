/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From namespace to namespace. */
#include "kern/recount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include "base/attr.h"
#include "kern/pins.h"
#include "weft/names.h"

struct walk {
	int link;    /* of the iterator */
	int home;    /* the namespace to come back to */
	ino_t *seen; /* namespaces that were visited */
	size_t n_seen, room;
	struct why *why;
};

static bool was_seen(const struct walk *walk, ino_t namespace)
{
	for (size_t i = 0; i < walk->n_seen; i++) {
		if (walk->seen[i] == namespace)
			return true;
	}
	return false;
}

static int remember(struct walk *walk, ino_t namespace)
{
	if (walk->n_seen == walk->room) {
		size_t room = walk->room ? walk->room * 2 : 64;
		ino_t *grown = realloc(walk->seen, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		walk->seen = grown;
		walk->room = room;
	}
	walk->seen[walk->n_seen++] = namespace;
	return 0;
}

/* The iterator stays in the namespace in which it was made, so this thread is there for that moment only. */
static int iterate(struct walk *walk, int namespace)
{
	_cleanup_(closep) int iterator = -1;
	char nothing[64];
	ssize_t size;

	if (setns(namespace, CLONE_NEWNET))
		return why_set(walk->why, -errno, "cannot enter the network namespace of a pod: %s",
			       strerror(errno));
	iterator = bpf_iter_create(walk->link);
	if (setns(walk->home, CLONE_NEWNET))
		return why_set(walk->why, -errno, "cannot come back from the network namespace of a pod: %s",
			       strerror(errno));
	if (iterator < 0)
		return why_set(walk->why, iterator, "cannot go over sockets: %s", strerror(-iterator));
	do {
		size = read(iterator, nothing, sizeof(nothing));
	} while (size > 0 || (size < 0 && errno == EAGAIN));
	return size < 0 ? -errno : 0;
}

static int visit_process(struct walk *walk, long process)
{
	_cleanup_(closep) int namespace = -1;
	struct stat st;
	char path[64];
	int error;

	snprintf(path, sizeof(path), "/proc/%ld/ns/net", process);
	namespace = open(path, O_RDONLY | O_CLOEXEC);
	/* It may have ended meanwhile. */
	if (namespace < 0 || fstat(namespace, &st))
		return errno == EACCES || errno == EPERM
			       ? why_set(walk->why, -EPERM, "%s: %s", path, strerror(errno))
			       : 0;
	if (was_seen(walk, st.st_ino))
		return 0;
	error = remember(walk, st.st_ino);
	return error ? error : iterate(walk, namespace);
}

static int visit_processes(struct walk *walk, const char *dir)
{
	_cleanup_(fclosep) FILE *file = NULL;
	char path[PATH_MAX];
	long process;
	int error = 0;

	if (snprintf(path, sizeof(path), "%s/cgroup.procs", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	file = fopen(path, "re");
	while (!error && file && fscanf(file, "%ld", &process) == 1)
		error = visit_process(walk, process);
	return error;
}

/* Cgroups nest as deep as the administrator likes, but not deeper than a path is long. */
static int visit_cgroup(struct walk *walk, const char *dir)
{
	_cleanup_(closedirp) DIR *listing = opendir(dir);
	int error = visit_processes(walk, dir);
	char below[PATH_MAX];
	struct dirent *item;

	while (!error && listing && (item = readdir(listing))) {
		if (item->d_type != DT_DIR || item->d_name[0] == '.' ||
		    snprintf(below, sizeof(below), "%s/%s", dir, item->d_name) >= (int)sizeof(below))
			continue;
		error = visit_cgroup(walk, below);
	}
	return error;
}

static int adopted(const struct kern *kern, uint64_t *ret)
{
	struct stats_row stats;
	int error = kern_stats(kern, &stats);

	*ret = error ? 0 : stats.adopted;
	return error;
}

int kern_recount(const struct kern *kern, const char *cgroup, uint64_t *ret_adopted, struct why *why)
{
	_cleanup_(closep) int program = pins_get(kern->dir, WEFT_PROGRAM_DIR, "weft_recount");
	_cleanup_(closep) int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	_cleanup_(closep) int link = -1;
	struct walk walk = { .home = home, .why = why };
	uint64_t before, after;
	int error;

	if (program < 0)
		return program;
	if (home < 0)
		return why_set(why, -errno, "/proc/thread-self/ns/net: %s", strerror(errno));
	link = bpf_link_create(program, 0, BPF_TRACE_ITER, NULL);
	if (link < 0)
		return why_set(why, link, "cannot go over sockets: %s", strerror(-link));
	walk.link = link;
	error = adopted(kern, &before);
	if (!error)
		error = visit_cgroup(&walk, cgroup);
	free(walk.seen);
	if (!error)
		error = adopted(kern, &after);
	if (!error)
		*ret_adopted = after - before;
	return error;
}
