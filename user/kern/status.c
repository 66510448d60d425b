/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Of pins, programs and locks. */
#include "kern/status.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include <bpf/bpf.h>

#include "base/attr.h"
#include "kern/pins.h"
#include "weft/names.h"

/* One that is always loaded, and attached. */
static const char some_program[] = "weft_connect4";

#define NS_PER_S 1000000000ull

static uint64_t load_time(const char *dir)
{
	_cleanup_(closep) int fd = pins_get(dir, WEFT_PROGRAM_DIR, some_program);
	struct bpf_prog_info info = { 0 };
	uint32_t length = sizeof(info);
	struct timespec now, up;
	uint64_t age_ns;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length) || !info.load_time)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	age_ns = up.tv_sec * NS_PER_S + up.tv_nsec - info.load_time;
	return (now.tv_sec * NS_PER_S + now.tv_nsec - age_ns) / NS_PER_S;
}

static bool is_attached(const char *dir)
{
	_cleanup_(closep) int fd = pins_get(dir, WEFT_LINK_DIR, some_program);
	struct bpf_link_info info = { 0 };
	uint32_t length = sizeof(info);

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &length) && info.cgroup.cgroup_id;
}

/* To try the lock oneself could stand in the way of an agent that starts in this moment. */
static uint32_t find_holder(const char *dir)
{
	_cleanup_(fclosep) FILE *file = fopen("/proc/locks", "re");
	_cleanup_(freep) char *line = NULL;
	unsigned major_number, minor_number, pid;
	unsigned long long inode;
	struct stat status;
	size_t room = 0;

	if (!file || stat(dir, &status))
		return 0;
	while (getline(&line, &room, file) > 0) {
		if (sscanf(line, "%*u: FLOCK %*s WRITE %u %x:%x:%llu", &pid, &major_number, &minor_number,
			   &inode) == 4 &&
		    makedev(major_number, minor_number) == status.st_dev && inode == status.st_ino)
			return pid;
	}
	return 0;
}

int kern_status(const struct kern *kern, struct kern_status *ret, struct why *why)
{
	uint32_t key = 0;

	*ret = (struct kern_status){
		.loaded_s = load_time(kern->dir),
		.attached = is_attached(kern->dir),
		.at_work = find_holder(kern->dir),
	};
	if (bpf_map_lookup_elem(kern->meta, &key, &ret->meta))
		return why_set(why, -errno, "cannot read map meta: %s", strerror(errno));
	return 0;
}

uint64_t kern_room(const struct kern *kern, enum table table)
{
	struct bpf_map_info info = { 0 };
	uint32_t length = sizeof(info);

	return bpf_obj_get_info_by_fd(kern->tables[table], &info, &length) ? 0 : info.max_entries;
}

static bool has_rows(const struct bpf_map_info *info)
{
	return info->type == BPF_MAP_TYPE_HASH || info->type == BPF_MAP_TYPE_LRU_HASH;
}

/* While it changes a walk can begin anew: it ends after so many steps as there can be rows. */
static int count_rows(int fd, const struct bpf_map_info *info, uint64_t *ret)
{
	_cleanup_(freep) unsigned char *keys = calloc(2, info->key_size);
	unsigned char *key = keys, *next = keys + info->key_size;
	const void *previous = NULL;

	if (!keys)
		return -ENOMEM;
	for (*ret = 0; *ret < info->max_entries && !bpf_map_get_next_key(fd, previous, next); (*ret)++) {
		memcpy(key, next, info->key_size);
		previous = key;
	}
	return 0;
}

static int look_at(const char *dir, const char *name, kern_map_fn *call, void *arg)
{
	_cleanup_(closep) int fd = pins_get(dir, NULL, name);
	struct bpf_map_info info = { 0 };
	uint32_t length = sizeof(info);
	uint64_t rows;
	int error;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length) || !has_rows(&info))
		return 0;
	error = count_rows(fd, &info, &rows);
	if (!error)
		call(arg, name, rows, info.max_entries);
	return error;
}

static int is_pin(const struct dirent *entry)
{
	return entry->d_type == DT_REG && entry->d_name[0] != '.' && !strchr(entry->d_name, '.');
}

int kern_each_map(const struct kern *kern, kern_map_fn *call, void *arg, struct why *why)
{
	struct dirent **entries = NULL;
	int error = 0, count = scandir(kern->dir, &entries, is_pin, alphasort);

	if (count < 0)
		return why_set(why, -errno, "%s: %s", kern->dir, strerror(errno));
	for (int i = 0; i < count; i++) {
		if (!error)
			error = look_at(kern->dir, entries[i]->d_name, call, arg);
		free(entries[i]);
	}
	free(entries);
	return error;
}
