/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sending a plan, make before break. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "kern/kern.h"

static int explain(const struct kern *kern, enum table table, int error, struct why *why)
{
	const char *map = table_shapes[table].map;

	if (error == -E2BIG)
		return why_set(why, error, "map %s/%s is full", kern->dir, map);
	return why_set(why, error, "cannot write map %s/%s: %s", kern->dir, map, strerror(-error));
}

static int put_rows(struct kern *kern, enum table table, const struct rows *rows)
{
	const struct table_shape *shape = &table_shapes[table];
	LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = shape->locked ? BPF_F_LOCK : BPF_ANY);
	uint32_t count = rows->count;
	int error;

	if (!rows->count)
		return 0;
	if (!kern->no_batch) {
		error = bpf_map_update_batch(kern->tables[table], rows->keys, rows->values, &count, &options);
		if (error != -EINVAL && error != -ENOTSUP)
			return error;
		kern->no_batch = true;
	}
	for (size_t i = 0; i < rows->count; i++) {
		if (bpf_map_update_elem(kern->tables[table], rows->keys + i * shape->key,
					rows->values + i * shape->value, options.elem_flags))
			return -errno;
	}
	return 0;
}

/* A key that is gone already is no failure; a batch stops at one, and goes on behind it. */
static int delete_rows(struct kern *kern, enum table table, const struct rows *rows)
{
	const struct table_shape *shape = &table_shapes[table];
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	size_t done = 0;
	int error;

	while (!kern->no_batch && done < rows->count) {
		uint32_t count = rows->count - done;

		error = bpf_map_delete_batch(kern->tables[table], rows->keys + done * shape->key, &count,
					     &options);
		if (error == -EINVAL || error == -ENOTSUP) {
			kern->no_batch = true;
			break;
		}
		if (error && error != -ENOENT)
			return error;
		done += count + (error == -ENOENT);
	}
	for (; done < rows->count; done++) {
		if (bpf_map_delete_elem(kern->tables[table], rows->keys + done * shape->key) &&
		    errno != ENOENT)
			return -errno;
	}
	return 0;
}

static int put_meta(struct kern *kern, const struct meta_row *wanted)
{
	struct meta_row row = *wanted;
	uint32_t key = 0;

	row.agent_pid = getpid();
	return bpf_map_update_elem(kern->meta, &key, &row, BPF_ANY) ? -errno : 0;
}

int kern_apply(struct kern *kern, const struct plan *plan, struct why *why)
{
	int error;

	if (kern->stale && plan_count_puts(plan))
		kern_barrier(kern);
	if (plan->meta_changed) {
		error = put_meta(kern, &plan->meta);
		if (error)
			return why_set(why, error, "cannot write map %s/meta: %s", kern->dir,
				       strerror(-error));
	}
	for (int table = 0; table < TABLE_COUNT; table++) {
		error = put_rows(kern, table, &plan->puts[table]);
		if (error)
			return explain(kern, table, error, why);
	}
	for (int table = TABLE_COUNT - 1; table >= 0; table--) {
		if (!plan->deletes[table].count)
			continue;
		kern->stale = true;
		error = delete_rows(kern, table, &plan->deletes[table]);
		if (error)
			return explain(kern, table, error, why);
	}
	return 0;
}
