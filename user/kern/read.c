/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whole tables, by batch where the kernel has it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/attr.h"
#include "kern/kern.h"

enum {
	BATCH_ROWS = 4096,
};

static uint64_t lock_flag(enum table table)
{
	return table_shapes[table].locked ? BPF_F_LOCK : 0;
}

static int read_by_batch(int fd, enum table table, struct present *present)
{
	const struct table_shape *shape = &table_shapes[table];
	LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = lock_flag(table));
	_cleanup_(freep) unsigned char *values = malloc(BATCH_ROWS * shape->value);
	_cleanup_(freep) unsigned char *keys = malloc(BATCH_ROWS * shape->key);
	uint64_t cursor[8] = { 0 }; /* opaque to us: of the key's size, or a bucket's number */
	bool first = true;
	int error = 0;

	if (!keys || !values)
		return -ENOMEM;
	while (!error) {
		uint32_t count = BATCH_ROWS;
		int failed = bpf_map_lookup_batch(fd, first ? NULL : cursor, cursor, keys, values, &count,
						  &options);

		if (failed && failed != -ENOENT)
			return failed;
		for (uint32_t i = 0; !error && i < count; i++)
			error = present_read(present, table, keys + i * shape->key,
					     values + i * shape->value);
		if (failed)
			break;
		first = false;
	}
	return error;
}

static int read_one_by_one(int fd, enum table table, struct present *present)
{
	const struct table_shape *shape = &table_shapes[table];
	_cleanup_(freep) unsigned char *value = malloc(shape->value);
	_cleanup_(freep) unsigned char *key = malloc(shape->key);
	const void *previous = NULL;
	int error = 0;

	if (!key || !value)
		return -ENOMEM;
	while (!error && !bpf_map_get_next_key(fd, previous, key)) {
		if (!bpf_map_lookup_elem_flags(fd, key, value, lock_flag(table)))
			error = present_read(present, table, key, value);
		previous = key;
	}
	return error;
}

static int read_table(struct kern *kern, enum table table, struct present *present)
{
	int error;

	if (!kern->no_batch) {
		error = read_by_batch(kern->tables[table], table, present);
		if (error != -EINVAL && error != -ENOTSUP)
			return error;
		kern->no_batch = true;
	}
	return read_one_by_one(kern->tables[table], table, present);
}

int kern_read(struct kern *kern, bool slots, struct present *present, struct why *why)
{
	static const enum table order[] = {
		TABLE_NAMES,  TABLE_SERVICES,	    TABLE_ENDPOINTS,	TABLE_INDEX,
		TABLE_STATE,  TABLE_ENDPOINT_STATE, TABLE_MEMBERS,	TABLE_RESPONSE_STATE,
		TABLE_DRAINS, TABLE_SLOTS,	    TABLE_SPLICE_STATE, TABLE_ROUTES,
	};
	uint32_t key = 0;

	if (bpf_map_lookup_elem(kern->meta, &key, &present->meta))
		return why_set(why, -errno, "cannot read map meta: %s", strerror(errno));
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		int error;

		if (order[i] == TABLE_SLOTS && !slots)
			continue;
		error = read_table(kern, order[i], present);
		if (error)
			return why_set(why, error, "cannot read map %s: %s", table_shapes[order[i]].map,
				       strerror(-error));
	}
	return present_settle(present);
}
