/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Opening, locking and small rows. */
#include "kern/kern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/attr.h"
#include "kern/barrier.h"
#include "kern/pins.h"

enum {
	/* Programs run for microseconds; this is for one that was preempted in the middle. */
	BLIND_GRACE_US = 20000,
};

void kern_init(struct kern *kern, const char *dir)
{
	*kern = (struct kern){ .meta = -1,
			       .stats = -1,
			       .settings = -1,
			       .interfaces = -1,
			       .sources = -1,
			       .splicing = -1,
			       .lock = -1 };
	snprintf(kern->dir, sizeof(kern->dir), "%s", dir);
	for (int table = 0; table < TABLE_COUNT; table++)
		kern->tables[table] = -1;
}

void kern_close(struct kern *kern)
{
	for (int table = 0; table < TABLE_COUNT; table++)
		closep(&kern->tables[table]);
	closep(&kern->meta);
	closep(&kern->stats);
	closep(&kern->settings);
	closep(&kern->interfaces);
	closep(&kern->sources);
	closep(&kern->splicing);
	closep(&kern->lock);
}

static int read_meta(const struct kern *kern, struct meta_row *ret)
{
	uint32_t key = 0;

	return bpf_map_lookup_elem(kern->meta, &key, ret);
}

/* Only the first field of the row is sure to mean the same in every version. */
static int check_abi(const struct kern *kern, struct why *why)
{
	_cleanup_(freep) struct meta_row *row = NULL;
	struct bpf_map_info info = { 0 };
	uint32_t length = sizeof(info);

	if (bpf_obj_get_info_by_fd(kern->meta, &info, &length) || info.value_size < sizeof(uint32_t))
		return why_set(why, -EPROTO, "%s/meta is not a map of weft", kern->dir);
	row = calloc(1, info.value_size < sizeof(*row) ? sizeof(*row) : info.value_size);
	if (!row)
		return -ENOMEM;
	if (read_meta(kern, row))
		return why_set(why, -errno, "%s/meta: %s", kern->dir, strerror(errno));
	if (row->abi != WEFT_ABI)
		return why_set(
			why, -EPROTO,
			"%s holds rows of ABI %u, this weft speaks ABI %u; use the weft that loaded them, "
			"or 'weft unload --bpffs %s' and load anew",
			kern->dir, row->abi, WEFT_ABI, kern->dir);
	return 0;
}

static int open_tables(struct kern *kern, struct why *why)
{
	for (int table = 0; table < TABLE_COUNT; table++) {
		const struct table_shape *shape = &table_shapes[table];
		struct bpf_map_info info = { 0 };
		uint32_t length = sizeof(info);

		kern->tables[table] = pins_get(kern->dir, NULL, shape->map);
		if (kern->tables[table] < 0)
			return why_set(why, kern->tables[table],
				       "%s/%s: %s; loading was not finished, 'weft load' does it", kern->dir,
				       shape->map, strerror(-kern->tables[table]));
		if (bpf_obj_get_info_by_fd(kern->tables[table], &info, &length) ||
		    info.key_size != shape->key || info.value_size != shape->value)
			return why_set(why, -EPROTO, "%s/%s has rows of another shape", kern->dir,
				       shape->map);
	}
	return 0;
}

static int open_others(struct kern *kern, struct why *why)
{
	const struct {
		const char *name;
		int *fd;
	} maps[] = {
		{ "stats", &kern->stats },	     { "settings", &kern->settings },
		{ "interfaces", &kern->interfaces }, { "sources", &kern->sources },
		{ "splicing", &kern->splicing },
	};

	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		*maps[i].fd = pins_get(kern->dir, NULL, maps[i].name);
		if (*maps[i].fd < 0)
			return why_set(why, *maps[i].fd, "%s/%s: %s", kern->dir, maps[i].name,
				       strerror(-*maps[i].fd));
	}
	return 0;
}

int kern_open(const char *bpffs, struct why *why, struct kern *ret)
{
	int error;

	kern_init(ret, bpffs);
	ret->meta = pins_get(bpffs, NULL, "meta");
	if (ret->meta == -ENOENT)
		return why_set(why, -ENOENT, "weft is not loaded: there is no %s/meta", bpffs);
	if (ret->meta < 0)
		return why_set(why, ret->meta, "%s/meta: %s", bpffs, strerror(-ret->meta));
	error = check_abi(ret, why);
	if (!error)
		error = open_tables(ret, why);
	if (!error)
		error = open_others(ret, why);
	if (error)
		kern_close(ret);
	return error;
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t length = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &length) ? 0 : info.id;
}

bool kern_is_pinned(const struct kern *kern)
{
	_cleanup_(closep) int meta = pins_get(kern->dir, NULL, "meta");

	return meta >= 0 && map_id(meta) == map_id(kern->meta);
}

int kern_lock(const char *bpffs, struct why *why)
{
	_cleanup_(closep) int meta = -1;
	struct meta_row row = { 0 };
	uint32_t key = 0;
	int fd = pins_lock(bpffs);

	if (fd == -EWOULDBLOCK) {
		meta = pins_get(bpffs, NULL, "meta");
		if (meta >= 0)
			bpf_map_lookup_elem(meta, &key, &row);
		return why_set(why, -EBUSY,
			       "another weft is at work on %s (its agent's process id is %u); end it first",
			       bpffs, row.agent_pid);
	}
	if (fd < 0)
		return why_set(why, fd, "%s: %s", bpffs, strerror(-fd));
	return fd;
}

int kern_sign(struct kern *kern)
{
	struct meta_row row;
	uint32_t key = 0;

	if (read_meta(kern, &row))
		return -errno;
	row.agent_pid = getpid();
	return bpf_map_update_elem(kern->meta, &key, &row, BPF_ANY) ? -errno : 0;
}

void kern_barrier(struct kern *kern)
{
	if (!kern->no_barrier && barrier_rcu())
		kern->no_barrier = true;
	if (kern->no_barrier)
		usleep(BLIND_GRACE_US);
	kern->stale = false;
}

int kern_stats(const struct kern *kern, struct stats_row *ret)
{
	const int n_cpus = libbpf_num_possible_cpus();
	_cleanup_(freep) uint64_t *values = NULL;
	uint64_t *sums = (uint64_t *)ret;
	uint32_t key = 0;

	if (n_cpus < 0)
		return n_cpus;
	values = calloc(n_cpus, sizeof(struct stats_row));
	if (!values)
		return -ENOMEM;
	if (bpf_map_lookup_elem(kern->stats, &key, values))
		return -errno;
	*ret = (struct stats_row){ 0 };
	for (size_t i = 0; i < (size_t)n_cpus * REASON_COUNT; i++)
		sums[i % REASON_COUNT] += values[i];
	return 0;
}
