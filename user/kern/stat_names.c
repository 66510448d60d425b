/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The programs' own types know what their counters are called. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "kern/load.h"
#include "weft.skel.h"

void stat_names_done(struct stat_names *names)
{
	for (size_t i = 0; i < REASON_COUNT; i++)
		free(names->items[i]);
	*names = (struct stat_names){ 0 };
}

static int read_names(const struct btf *btf, struct stat_names *ret)
{
	int id = btf__find_by_name_kind(btf, "stats_row", BTF_KIND_STRUCT);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, id);

	if (!type || btf_vlen(type) != REASON_COUNT)
		return -ENOENT;
	for (size_t i = 0; i < REASON_COUNT; i++) {
		ret->items[i] = strdup(btf__name_by_offset(btf, btf_members(type)[i].name_off));
		if (!ret->items[i])
			return -ENOMEM;
	}
	return 0;
}

int stat_names_read(struct stat_names *ret)
{
	_cleanup_(stat_names_done) struct stat_names names = { 0 };
	struct weft *skeleton = weft__open();
	int error;

	if (!skeleton)
		return -errno;
	error = read_names(bpf_object__btf(skeleton->obj), &names);
	weft__destroy(skeleton);
	if (error)
		return error;
	*ret = names;
	names = (struct stat_names){ 0 };
	return 0;
}

static int print_debug(enum libbpf_print_level level _unused_, const char *format, va_list args)
{
	log_vline(LOG_DEBUG, format, args);
	return 0;
}

void kern_quiet(bool verbose)
{
	libbpf_set_print(verbose ? print_debug : NULL);
}
