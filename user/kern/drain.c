/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The row of an endpoint comes before the switch that makes programs look for it; taking it away, the switch is
 * turned off first, and on again if the map turns out not to be empty.
 */
#include "kern/drain.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "base/vec.h"

static int set_switch(const struct kern *kern, bool on)
{
	struct settings_row row;
	uint32_t key = 0;

	if (bpf_map_lookup_elem(kern->settings, &key, &row))
		return -errno;
	row.drains = on;
	row.drain_epoch++;
	return bpf_map_update_elem(kern->settings, &key, &row, BPF_ANY) ? -errno : 0;
}

static int explain(const struct kern *kern, int error, struct why *why)
{
	return error ? why_set(why, error, "cannot write maps drains and settings in %s: %s", kern->dir,
			       strerror(-error))
		     : 0;
}

int kern_drain(const struct kern *kern, uint64_t endpoint, struct why *why)
{
	struct drain_row row = { .since_s = time(NULL) };

	if (bpf_map_update_elem(kern->tables[TABLE_DRAINS], &endpoint, &row, BPF_NOEXIST) && errno != EEXIST)
		return explain(kern, -errno, why);
	return explain(kern, set_switch(kern, true), why);
}

int kern_undrain(const struct kern *kern, uint64_t endpoint, struct why *why)
{
	uint64_t other;
	int error;

	if (bpf_map_delete_elem(kern->tables[TABLE_DRAINS], &endpoint) && errno != ENOENT)
		return explain(kern, -errno, why);
	error = set_switch(kern, false);
	if (!error && !bpf_map_get_next_key(kern->tables[TABLE_DRAINS], NULL, &other))
		error = set_switch(kern, true);
	return explain(kern, error, why);
}

int kern_drained(const struct kern *kern, uint64_t **ret, size_t *ret_count)
{
	_cleanup_(freep) uint64_t *ids = NULL;
	const uint64_t *previous = NULL;
	size_t count = 0, room = 0;
	uint64_t id;

	while (count < MAX_DRAINS && !bpf_map_get_next_key(kern->tables[TABLE_DRAINS], previous, &id)) {
		if (vec_reserve(&ids, count + 1, &room, sizeof(*ids)))
			return -ENOMEM;
		ids[count] = id;
		previous = &ids[count++];
	}
	*ret = TAKE_PTR(ids);
	*ret_count = count;
	return 0;
}

bool kern_is_drained(const struct kern *kern, uint64_t endpoint)
{
	struct drain_row row;

	return !bpf_map_lookup_elem(kern->tables[TABLE_DRAINS], &endpoint, &row);
}
